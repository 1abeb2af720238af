"""Logs of past runs, in all their formats: what they are consistent with, and that they prove nothing."""

import csv
import json
import math
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from leonui.doctor.live import watch
from leonui.doctor.log import diagnose_log
from leonui.doctor.log.columns import main, role
from leonui.doctor.log.digest import MOST, Digest

STEPS, EVERY = 600, 30
Curves = dict[str, Callable[[float], dict[str, float]]]


def fallen(i: float) -> float:
    return 2.3 * math.exp(-i / 120) + 0.3


def hard(level: float, i: float) -> float:
    """What makes of the healthy curve one that stays at a level."""
    return level - fallen(i)


# each says what is added to a healthy run: loss falls from 2.6 to 0.3, validation as well, lr 0.1, norm 1
CURVES: Curves = {
    "healthy": lambda i: {},
    "diverges": lambda i: {"loss": 0.01 * max(i - 300, 0), "val": 0.01 * max(i - 300, 0)},
    "blows up": lambda i: dict.fromkeys(("loss", "val"), hard(2.3 + 40 * (20 < i < 200) + 0.4 * (i > 20), i)),
    "overfits": lambda i: {"val": 0.002 * max(i - 200, 0)},
    "nan": lambda i: {"loss": math.nan if i > 400 else 0.0, "val": math.nan if i > 400 else 0.0},
    "infinite once": lambda i: {"loss": math.inf if i == 300 else 0.0},
    "guesses": lambda i: {"loss": hard(math.log(10), i), "val": hard(math.log(10), i)},
    "dies": lambda i: {"lr": 0.1 * 0.9**i - 0.1, "loss": hard(2.5 - 0.1 * (1 - 0.9**i), i)},
    "cosine goes on": lambda i: {"lr": 0.05 * math.cos(i / 100) - 0.05},
    "crawls": lambda i: {"loss": hard(2.35 - 3e-4 * i, i), "val": hard(2.35 - 3e-4 * i, i)},
    "spikes": lambda i: {"norm": 80.0 * (i in (300, 400)), "loss": 2.0 * 0.9 ** (i % 100) * (i // 100 in (3, 4))},
    "negated": lambda i: {"loss": hard(-1 - i / 10, i), "val": hard(1 + i / 10, i)},
    "scale collapses": lambda i: {"scale": 65536.0 * 0.5 ** (i // 30)},
    "still": lambda i: {},
}
CODES = {
    "healthy": [], "diverges": ["LR-HIGH"], "blows up": ["LR-HIGH"], "overfits": ["OVERFITTING"], "nan": ["NON-FINITE"],
    "infinite once": ["NON-FINITE"], "guesses": ["NOT-LEARNING"], "dies": ["SCHEDULE"], "cosine goes on": ["SCHEDULE"],
    "crawls": ["LR-LOW"], "spikes": ["EXPLODING"], "negated": ["LOSS-SIGN"], "scale collapses": ["AMP-SKIPS"],
    "still": ["NOT-MOVING"],
}  # fmt: skip
LOOKALIKES: Curves = {
    "warm restarts": lambda i: {"loss": 0.3 * (i % 200 < 20), "lr": 0.05 * math.cos(i % 200 / 64) - 0.05},
    "triangular rate": lambda i: {"lr": abs(i - 300) / 3000 - 0.1},
    "curriculum": lambda i: {"loss": 1.5 * (i > 150)},
    "a late harder task": lambda i: {"loss": (1.0 + 0.5 * math.exp((350 - i) / 80)) * (i > 350)},
    "noisy labels": lambda i: {"loss": 1.0, "val": 0.8},
    "little validation": lambda i: {"val": 0.1 * math.sin(12.9898 * i)},
    "validation with outliers": lambda i: {"val": 0.4 * (i % 210 == 0)},
    "warm-up": lambda i: {"lr": min(i / 300, 1.0) * 0.1 - 0.1, "loss": 0.5 * max(0.0, 1 - i / 100)},
    "exponential decay": lambda i: {"lr": 0.1 * 10 ** (-i / 150) - 0.1},
    "rate rounded to 0": lambda i: {"lr": 1e-4 * (i < 100) - 0.1},
    "step decay": lambda i: {"lr": 0.1 * 0.1 ** (i // 200) - 0.1, "loss": 0.3 * (2 - i // 200)},
    "range test": lambda i: {"lr": 1e-7 * 10 ** (i / 75) - 0.1, "loss": math.exp((i - 500) / 10)},
    "large norms": lambda i: {"norm": 1e4},
    "norms without harm": lambda i: {"norm": 80.0 * (i in (200, 300, 400))},
    "one spike that heals": lambda i: {"norm": 80.0 * (i == 100), "loss": 2.0 * 0.9 ** (i - 100) * (i >= 100)},
    "at the optimum": lambda i: {"loss": hard(0.31, i), "val": hard(0.33, i)},
    "a scale that finds its place": lambda i: {"scale": 65536.0 * 0.5 ** min(i // 10, 8) * (1 + i // 300)},
    "zero from the start": lambda i: {},
}


def rows(kind: str) -> Iterator[dict[str, float]]:
    """Rows of a run; the validation is in some of them only."""
    noise, odd = random.Random(0), (CURVES | LOOKALIKES)[kind]
    for i in range(STEPS):
        more = odd(i)
        loss = fallen(i) + more.get("loss", 0.0) + noise.gauss(0, 0.02)
        held_out = {"val": fallen(i) + 0.05 + more.get("val", 0.0)} if i % EVERY == 0 else {}
        row = {"step": i, "loss": loss, "lr": 0.1 + more.get("lr", 0.0), "norm": 1.0 + more.get("norm", 0.0)}
        if kind == "still":
            row["loss"], held_out = 0.61234, dict.fromkeys(held_out, 0.64321)
        if kind == "zero from the start":
            row["loss"] = 0.0
        yield row | held_out | ({"scale": more["scale"]} if "scale" in more else {})


def as_csv(kind: str, folder: Path, delimiter: str = ",") -> Path:
    names = {"step": "step", "loss": "train_loss", "lr": "lr-AdamW", "norm": "grad_norm", "val": "val_loss"}
    names |= {"scale": "loss_scale"}
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(names.values())
        writer.writerows([row.get(key, "") for key in names] for row in rows(kind))
    return folder / "metrics.csv"


def as_lightning(kind: str, folder: Path) -> Path:
    """As Lightning's CSVLogger leaves it: training and validation in rows of their own, a folder for each version."""
    for version in ("version_9", "version_10"):
        place = folder / "lightning_logs" / version
        place.mkdir(parents=True)
        with (place / "metrics.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", "grad_2.0_norm_total", "lr-SGD", "scale", "step", "train_loss_step", "val_loss"])
            for row in rows(kind if version == "version_10" else "healthy"):
                writer.writerow([0, row["norm"], row["lr"], row.get("scale", ""), row["step"], row["loss"], ""])
                if "val" in row:
                    writer.writerow([0, "", "", "", row["step"], "", row["val"]])
    return folder


def as_table_with_nan(kind: str, folder: Path) -> Path:
    """As a data frame writes what it has no number for, and a step that begins anew in each epoch."""
    with (folder / "log.tsv").open("w") as file:
        file.write("step\tloss\tvalid_loss\tlr\tgnorm\tamp_scale\n")
        for row in rows(kind):
            cells = (row[key] for key in ("step", "lr", "norm"))
            step, lr, norm = (f"{cell}" for cell in cells)
            file.write(f"{int(step) % 100}\t{row['loss']}\tnan\t{lr}\t{norm}\t{row.get('scale', 'nan')}\n")
            if "val" in row:
                file.write(f"{int(step) % 100}\tnan\t{row['val']}\tnan\tnan\tnan\n")
    return folder


def as_jsonl(kind: str, folder: Path) -> Path:
    path = folder / "log.jsonl"
    with path.open("w") as file:
        for row in rows(kind):
            nested = {"train": {"loss": row["loss"], "grad_norm": row["norm"]}, "lr": [0.0, row["lr"]]}
            nested |= {"step": row["step"]} | ({"scaler": {"scale": row["scale"]}} if "scale" in row else {})
            file.write(json.dumps(nested | ({"eval": {"loss": row["val"]}} if "val" in row else {})) + "\n")
        file.write('{"train": {"lo')  # torn
    return path


def as_scalars(kind: str, folder: Path) -> Path:
    """One number a row, as loggers of scalars write it, and all of one name before those of the next."""
    names = {"loss": "Loss/train", "val": "Loss/val", "lr": "learning_rate", "norm": "gradient/norm", "scale": "scale"}
    every = list(rows(kind))
    lines = [
        json.dumps({"name": name, "step": row["step"], "value": row[key]})
        for key, name in names.items()
        for row in every
        if key in row
    ]
    (folder / "scalars.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "scalars.jsonl"


def as_lists(kind: str, folder: Path) -> Path:
    """A list for each column, as the history of Keras is saved; one epoch a row, all of them with validation."""
    seen = list(rows(kind))
    data = {name: [row[key] for row in seen] for name, key in (("loss", "loss"), ("lr", "lr"), ("grad_norm", "norm"))}
    held_out = [value for row in seen if (value := row.get("val")) is not None]
    (folder / "history.json").write_text(json.dumps(data | {"val_loss": [v for v in held_out for _ in range(EVERY)]}))
    return folder


def as_trainer_state(kind: str, folder: Path) -> Path:
    """As HF Trainer leaves it, in the folder of its last checkpoint."""
    history: list[dict[str, float]] = []
    for row in rows(kind):
        history.append({"step": row["step"], "loss": row["loss"], "learning_rate": row["lr"], "grad_norm": row["norm"]})
        history += [{"step": row["step"], "eval_loss": row["val"]}] if "val" in row else []
    history.append({"step": STEPS, "train_loss": 0.7, "train_runtime": 12.0})
    for step, part in ((600, history), (90, history[:20])):
        (folder / f"checkpoint-{step}").mkdir()
        text = json.dumps({"epoch": 3.0, "log_history": part}, indent=2)
        (folder / f"checkpoint-{step}" / "trainer_state.json").write_text(text)
    return folder


def as_events(kind: str, folder: Path) -> Path:
    """As torch's own writer for TensorBoard leaves it; validation by the epoch, as in many scripts."""
    from torch.utils.tensorboard import SummaryWriter

    names = {"loss": "train/loss", "val": "val/loss", "lr": "lr", "norm": "grad_norm", "scale": "amp/scale"}
    with SummaryWriter(str(folder)) as writer:
        for row in rows(kind):
            for key in row.keys() & names.keys():
                step = int(row["step"]) // EVERY if key == "val" else int(row["step"])
                writer.add_scalar(names[key], row[key], step, walltime=row["step"])
            writer.add_histogram("weights", torch.ones(3), int(row["step"])) if row["step"] == 0 else None
    return folder


def as_two_writers(kind: str, folder: Path) -> Path:
    """As Keras leaves it: the same name in a folder for training and in one for validation."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / "train")) as train, SummaryWriter(str(folder / "validation")) as held_out:
        for row in rows(kind):
            train.add_scalar("epoch_loss", row["loss"], int(row["step"]), walltime=row["step"])
            train.add_scalar("epoch_learning_rate", row["lr"], int(row["step"]), walltime=row["step"])
            train.add_scalar("grad_norm", row["norm"], int(row["step"]), walltime=row["step"])
            if "val" in row:
                held_out.add_scalar("epoch_loss", row["val"], int(row["step"]), walltime=row["step"])
    return folder


FORMATS = (as_csv, as_lightning, as_table_with_nan, as_jsonl, as_scalars, as_trainer_state, as_events)
BRIEF = ("healthy", "overfits", "nan", "blows up", "dies")  # enough of what is laid out otherwise
CASES = [
    (write, kind) for write in FORMATS for kind in CURVES if (write, kind) != (as_trainer_state, "scale collapses")
]
CASES += [(write, kind) for write in (as_lists, as_two_writers) for kind in BRIEF]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("write", "kind"), CASES)
def test_a_symptom_is_seen_in_every_format(write, kind, tmp_path):
    found = diagnose_log(write(kind, tmp_path))
    assert [finding.code for finding in found.findings] == CODES[kind]
    assert {finding.verdict for finding in found.findings} <= {"consistent with"}
    assert found.verdict == ("unknown" if CODES[kind] else "healthy")
    for check in found.checklist:
        assert "{" not in check.say("en") + check.say("vi")
    for finding in found.findings:
        assert "{" not in finding.remedy("en") + finding.remedy("vi")


@pytest.mark.parametrize("kind", LOOKALIKES)
def test_a_healthy_lookalike_is_left_in_peace(kind, tmp_path):
    assert [finding.say() for finding in diagnose_log(as_csv(kind, tmp_path)).findings] == []


SEVERAL = "several losses are trained on, or a game is played"
NOTED = {
    "a GAN": ("loss_D,loss_G", lambda i: f"{1 + i / 100},{fallen(i)}", SEVERAL),
    "a game": ("loss,episode_reward", lambda i: f"{1 + i / 100},{i}", SEVERAL),
    "few points": ("loss,val_loss", lambda i: f"{fallen(i)},1.0" if i < 9 else "", "9 points, too few to say"),
    "no validation": ("loss", lambda i: f"{fallen(i)}", "no validation loss in the log"),
    "at its best": (
        "loss,val_loss",
        lambda i: f"{0.31 + i % 7 / 100},0.35",
        "a log cannot tell a run that learns nothing",
    ),
    "a range test": ("loss,lr", lambda i: f"{fallen(i) + i},{1e-7 * 10 ** (i / 75)}", "a range test"),
}


@pytest.mark.parametrize("kind", NOTED)
def test_what_a_log_cannot_tell_is_said(kind, tmp_path):
    header, row, note = NOTED[kind]
    (tmp_path / "log.csv").write_text("\n".join([header, *(row(i) for i in range(300))]) + "\n")
    found = diagnose_log(tmp_path)
    assert found.findings == ()
    said = [one["template"].format(**one["evidence"]) for one in found.notes]
    assert said[0] == "a log proves nothing: leonui doctor SCRIPT replays the training and finds the cause"
    assert any(note in one for one in said[1:])


@pytest.mark.parametrize(
    ("cells", "codes"),
    [
        (["0.5"] * 30 + ["nan"] * 5, ["NON-FINITE"]),
        (["nan"] * 35, ["NON-FINITE"]),
        (["0.5", "inf"] + ["0.4"] * 30, ["NON-FINITE"]),
        (["nan"] + ["0.5"] * 30, []),
        (["nan", "nan", "0.5"] * 20 + ["nan", "nan"], []),
        (["0.5", ""] * 20, []),
        (["0.5", "-"] * 20, []),
    ],
)
def test_a_nan_may_stand_for_an_empty_cell(cells, codes, tmp_path):
    (tmp_path / "log.csv").write_text("step,loss,lr\n" + "".join(f"{i},{cell},0.1\n" for i, cell in enumerate(cells)))
    found = diagnose_log(tmp_path / "log.csv").findings
    assert [finding.code for finding in found if finding.code != "NOT-MOVING"] == codes


def test_a_rate_that_is_too_low_is_seen_in_a_calm_validation(tmp_path):
    noise = random.Random(1)
    with (tmp_path / "log.csv").open("w") as file:
        file.write("step,loss,val_loss\n")
        for i in range(120):
            file.write(f"{i},{2.3 - 2e-4 * i + noise.gauss(0, 0.05)},{2.3 - 2e-4 * i if i % 10 == 0 else ''}\n")
    assert [finding.code for finding in diagnose_log(tmp_path).findings] == ["LR-LOW"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", ":"])
def test_any_delimiter(delimiter, tmp_path):
    assert [one.code for one in diagnose_log(as_csv("overfits", tmp_path, delimiter)).findings] == ["OVERFITTING"]


def test_our_own_records(tmp_path):
    torch.manual_seed(0)
    seen = watch(tmp_path / "trials" / "as-it-is", tell=False)
    net = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(net(torch.randn(8, 4)), torch.zeros(8, 1)).backward()
        optimizer.step()
    seen.stop()
    assert [finding.code for finding in diagnose_log(tmp_path).findings] == ["NON-FINITE"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "log.csv holds no row of numbers; name a log with a loss in each row"),
        ("step,loss\n", "log.csv holds no row of numbers; name a log with a loss in each row"),
        ("1,0.5\n2,0.4\n", "log.csv has no header; put the names of the columns into its first line"),
        ('{\n"log_history": [', "log.csv is not whole: "),
        ("step,acc\n1,0.5\n", "log.csv has no column of a loss; it has step, acc; call it loss or train_loss"),
        (
            "step,val_loss\n1,0.5\n",
            "log.csv has no column of a loss; it has step, val_loss; call it loss or train_loss",
        ),
    ],
)
def test_a_log_that_says_nothing(text, message, tmp_path):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        diagnose_log(tmp_path / "log.csv")


@pytest.mark.parametrize(
    ("place", "message"),
    [("nowhere", "nowhere is not there; name a log file"), (".", "holds no log; name a CSV, JSON Lines or event file")],
)
def test_no_log(place, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        diagnose_log(tmp_path / place)


def test_event_files_need_tensorboard(tmp_path, monkeypatch):
    as_events("healthy", tmp_path)
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_file_loader", None)
    with pytest.raises(ValueError, match=r"is a file of TensorBoard's: pip install tensorboard to have it read"):
        diagnose_log(tmp_path)


def test_a_file_is_known_by_what_is_in_it(tmp_path):
    for write in (as_csv, as_jsonl, as_events, as_trainer_state):
        place = tmp_path / write.__name__
        place.mkdir()
        write("overfits", place)
        (file,) = (file for file in place.rglob("*") if file.is_file() and "checkpoint-90" not in str(file))
        other = file.rename(place / "log.txt")
        assert [finding.code for finding in diagnose_log(other).findings] == ["OVERFITTING"]


def test_the_first_kind_of_a_folder_is_read(tmp_path):
    as_csv("diverges", tmp_path)
    as_trainer_state("overfits", tmp_path)
    assert [finding.code for finding in diagnose_log(tmp_path).findings] == ["OVERFITTING"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss", "loss"), ("train_loss", "loss"), ("Loss/train", "loss"), ("trainLoss", "loss"), ("loss_D", "loss"),
        ("eval_loss", "validation"), ("val/loss", "validation"), ("Loss/test", "validation"), ("ValLoss", "validation"),
        ("lr", "lr"), ("learning_rate", "lr"), ("lr-AdamW", "lr"), ("grad_norm", "norm"), ("step", "step"),
        ("gradients/norm", "norm"), ("loss_scale", "scale"), ("grad_scale", "scale"), ("val_accuracy", "score"),
        ("epoch", ""), ("f1", "score"), ("gnorm", "norm"), ("best_val_loss", ""), ("run - train/loss__MIN", ""),
        ("lr_scale", "lr"), ("scale", "scale"), ("_timestamp", "time"), ("memory", ""),
        ("trainer/global_step", "step"), ("epoch", ""),
    ],
)  # fmt: skip
def test_a_column_is_known_by_its_name(name, expected):
    assert role(name) == expected


def test_the_loss_that_is_trained_on():
    assert main(["train_loss_epoch", "train_loss_step"]) == "train_loss_step"
    assert main(["aux_loss", "loss"]) == "loss"
    assert main(["loss_D", "loss_G"]) is None
    assert main(["loss_D"]) == "loss_D"


@pytest.mark.parametrize("count", [1, 7, 2 * MOST, 10 * MOST + 3])
def test_a_digest_stays_small_and_keeps_the_mean(count):
    digest = Digest()
    for i in range(count):
        digest.add(i, i, float(i))
    seen = digest.stretches
    assert len(seen) <= 2 * MOST
    assert [one.step for one in seen] == sorted(one.step for one in seen)
    assert (seen[-1].step, seen[-1].most) == (count - 1, count - 1)
    width = 1 + int(seen[0].step)
    assert [one.mean for one in seen[:2]] == [(width - 1) / 2, (width - 1) / 2 + width][: len(seen)]
    assert (digest.count, digest.first, digest.last, digest.bad, digest.same) == (count, 0, count - 1, 0, count == 1)


def test_the_command(tmp_path):
    path = as_csv("overfits", tmp_path)
    command = [sys.executable, "-m", "leonui", "doctor", "--json", "--log", str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert (done.returncode, said["verdict"], said["findings"][0]["class"]) == (1, "unknown", "consistent with")
    assert "a log proves nothing" in str(said["notes"])
    assert "OVERFITTING" in (tmp_path / said["report"]).read_text()


def test_a_log_and_a_program_are_two_visits(tmp_path):
    command = [sys.executable, "-m", "leonui", "doctor", "--log", "log.csv", "train.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "give --log PATH, or a program" in done.stderr


@pytest.mark.slow
def test_ten_million_rows_run_through_little_memory(tmp_path):
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write("step,train_loss,lr\n")
        for start in range(0, 10_000_000, 100_000):
            file.writelines(f"{i},{2.0 / (1 + i / 1e6) + 0.01 * (i % 7)},0.1\n" for i in range(start, start + 100_000))
    seen: list[int] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = diagnose_log(path, lambda done, total: seen.append(done))
    assert found.verdict == "healthy"
    assert len(seen) > 1000 and seen == sorted(seen)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
