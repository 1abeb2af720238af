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

from leonui.doctor.log import diagnose_log
from leonui.doctor.log.columns import main, role
from leonui.doctor.log.digest import MOST, Digest
from leonui.trial.live import watch

STEPS, EVERY = 600, 30
CURVES: dict[str, Callable[[float], dict[str, float]]] = {
    "healthy": lambda i: {},
    "diverges": lambda i: {"loss": 0.01 * max(i - 300, 0), "val": 0.01 * max(i - 300, 0)},
    "overfits": lambda i: {"val": 0.002 * max(i - 200, 0)},
    "nan": lambda i: {"loss": math.nan if i > 400 else 0.0},
    "flat": lambda i: {"loss": 2.3 - fallen(i), "val": 2.3 - fallen(i)},
    "dies": lambda i: {"lr": 0.1 * 0.9**i - 0.1},
    "crawls": lambda i: {"loss": 2.3 - fallen(i) - 3e-4 * i, "val": 2.3 - fallen(i) - 3e-4 * i},
    "spikes": lambda i: {"norm": 80.0 if i == 300 else 0.0, "loss": 2.0 * 0.9 ** (i - 300) if i > 300 else 0.0},
    "still": lambda i: {"loss": math.inf},
}
CODES = {
    "healthy": [], "diverges": ["LR-HIGH"], "overfits": ["OVERFITTING"], "nan": ["NON-FINITE"],
    "flat": ["NOT-LEARNING"], "dies": ["SCHEDULE"], "crawls": ["LR-LOW"], "spikes": ["EXPLODING"],
    "still": ["NOT-MOVING"],
}  # fmt: skip
LOOKALIKES: dict[str, Callable[[float], dict[str, float]]] = {
    "warm restarts": lambda i: {"loss": 0.3 * (i % 200 < 20), "lr": 0.1 * (1 + math.cos(i % 200 / 64)) / 2 - 0.1},
    "curriculum": lambda i: {"loss": 1.5 * (i > 150)},
    "noisy labels": lambda i: {"loss": 1.0, "val": 0.8},
    "little validation": lambda i: {"val": 0.1 * math.sin(12.9898 * i)},
    "warm-up": lambda i: {"lr": min(i / 300, 1.0) * 0.1 - 0.1, "loss": 0.5 * max(0.0, 1 - i / 100)},
    "large norms": lambda i: {"norm": 1e4},
}


def fallen(i: float) -> float:
    return 2.3 * math.exp(-i / 120) + 0.3


def rows(kind: str) -> Iterator[dict[str, float]]:
    """Rows of a run; the validation is in some of them only."""
    noise, odd = random.Random(0), (CURVES | LOOKALIKES)[kind]
    for i in range(STEPS):
        more = odd(i)
        loss = 0.5 if more.get("loss") == math.inf else fallen(i) + more.get("loss", 0.0) + noise.gauss(0, 0.02)
        held_out = {"val": fallen(i) + 0.05 + more.get("val", 0.0)} if i % EVERY == 0 else {}
        yield {"step": i, "loss": loss, "lr": 0.1 + more.get("lr", 0.0), "norm": 1.0 + more.get("norm", 0.0)} | held_out


def as_csv(kind: str, folder: Path, delimiter: str = ",") -> Path:
    names = {"step": "step", "loss": "train_loss", "lr": "lr-AdamW", "norm": "grad_norm", "val": "val_loss"}
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(names.values())
        writer.writerows([row.get(key, "") for key in names] for row in rows(kind))
    return folder / "metrics.csv"


def as_jsonl(kind: str, folder: Path) -> Path:
    path = folder / "log.jsonl"
    with path.open("w") as file:
        for row in rows(kind):
            nested = {"train": {"loss": row["loss"], "grad_norm": row["norm"]}, "lr": [row["lr"]], "step": row["step"]}
            file.write(json.dumps(nested | ({"eval": {"loss": row["val"]}} if "val" in row else {})) + "\n")
        file.write('{"train": {"lo')  # torn
    return path


def as_scalars(kind: str, folder: Path) -> Path:
    """One number a row, as loggers of scalars write it."""
    names = {"loss": "Loss/train", "val": "Loss/val", "lr": "learning_rate", "norm": "gradient/norm"}
    lines = [
        json.dumps({"name": names[key], "step": row["step"], "value": value})
        for row in rows(kind)
        for key, value in row.items()
        if key != "step"
    ]
    (folder / "scalars.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "scalars.jsonl"


def as_trainer_state(kind: str, folder: Path) -> Path:
    """As HF Trainer leaves it, in the folder of its last checkpoint."""
    history = []
    for row in rows(kind):
        history.append({"step": row["step"], "loss": row["loss"], "learning_rate": row["lr"], "grad_norm": row["norm"]})
        history += [{"step": row["step"], "eval_loss": row["val"]}] if "val" in row else []
    (folder / "checkpoint-600").mkdir()
    (folder / "checkpoint-600" / "trainer_state.json").write_text(json.dumps({"epoch": 3.0, "log_history": history}))
    return folder


def as_events(kind: str, folder: Path) -> Path:
    """As torch's own writer for TensorBoard leaves it."""
    from torch.utils.tensorboard import SummaryWriter

    names = {"loss": "train/loss", "val": "val/loss", "lr": "lr", "norm": "grad_norm"}
    with SummaryWriter(str(folder)) as writer:
        for row in rows(kind):
            for key in row.keys() & names.keys():
                writer.add_scalar(names[key], row[key], int(row["step"]))
    return folder


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("write", [as_csv, as_jsonl, as_scalars, as_trainer_state, as_events])
@pytest.mark.parametrize("kind", CURVES)
def test_a_symptom_is_seen_in_every_format(kind, write, tmp_path):
    found = diagnose_log(write(kind, tmp_path))
    assert [finding.code for finding in found.findings] == CODES[kind]
    assert {finding.verdict for finding in found.findings} <= {"consistent with"}
    assert found.verdict == ("unknown" if CODES[kind] else "healthy")
    for check in found.checklist:
        assert "{" not in check.say("en") + check.say("vi")
    for finding in found.findings:
        assert "{" not in finding.remedy("en")


@pytest.mark.parametrize("kind", LOOKALIKES)
def test_a_healthy_lookalike_is_left_in_peace(kind, tmp_path):
    assert diagnose_log(as_csv(kind, tmp_path)).findings == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter(delimiter, tmp_path):
    assert [one.code for one in diagnose_log(as_csv("overfits", tmp_path, delimiter)).findings] == ["OVERFITTING"]


def test_our_own_records(tmp_path):
    torch.manual_seed(0)
    seen = watch(tmp_path / "trials" / "as-it-is")
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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss", "loss"), ("train_loss", "loss"), ("Loss/train", "loss"), ("trainLoss", "loss"), ("loss_D", "loss"),
        ("eval_loss", "validation"), ("val/loss", "validation"), ("Loss/test", "validation"), ("ValLoss", "validation"),
        ("lr", "lr"), ("learning_rate", "lr"), ("lr-AdamW", "lr"), ("grad_norm", "grad_norm"), ("step", "step"),
        ("gradients/norm", "grad_norm"), ("loss_scale", "scale"), ("grad_scale", "scale"), ("accuracy", ""),
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
        digest.add(i, float(i))
    seen = digest.stretches
    assert len(seen) <= 2 * MOST
    assert [step for step, _, _ in seen] == sorted(step for step, _, _ in seen)
    assert seen[-1][0] == count - 1
    assert seen[0][1] <= seen[-1][1] == pytest.approx(seen[-1][1])
    assert (digest.count, digest.low, digest.high, digest.bad) == (count, 0.0, count - 1.0, 0)


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
