"""Walks through whole scripts at fixed weights: as long as they are, with their schedules, next to nothing computed."""

import builtins
import contextlib
import io
import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from leonui.doctor.faults import leakage
from leonui.record import Record
from leonui.trial import probe
from leonui.trial.intervention import Intervention
from leonui.trial.plan import Plan
from leonui.trial.probe.aside import Aside
from leonui.trial.probe.samples import Samples
from leonui.trial.program import Program
from leonui.trial.runner import Runner

WALK = Intervention(stop=0, glide=True)


@pytest.fixture(autouse=True)
def put_back(monkeypatch):
    """A process that glides, or saves aside, does so to its end; this one goes on."""
    monkeypatch.setattr(torch.nn.Module, "__call__", torch.nn.Module.__call__)
    touched = {
        torch: ("save", "load"),
        os: ("replace", "rename", "remove", "unlink"),
        shutil: ("copyfile",),
        builtins: ("open",),
        io: ("open",),
    }
    for owner, names in touched.items():
        for name in names:
            monkeypatch.setattr(owner, name, getattr(owner, name))


# scripts of many kinds; each is one training from the same start

computed: list[int] = []  # the networks that were computed


class Counted(torch.nn.Module):
    """A network that counts how often it is computed."""

    def forward(self, *args, **kwargs):
        computed.append(len(args))
        return self.answer(*args, **kwargs)


class Line(Counted):
    def __init__(self, width: int = 4):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(width, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))

    def answer(self, x):
        return self.body(x)


class Dicts(Line):
    def answer(self, batch, *, scale=1.0):
        return {"out": self.body(batch["x"]) * scale, "more": [batch["x"].mean(), None], "name": "dicts"}


class Recurrent(Counted):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = torch.nn.LSTM(4, 5, batch_first=True), torch.nn.Linear(5, 1)

    def answer(self, x, state=None):
        out, state = self.lstm(x, state)
        return self.head(out[:, -1]), state


class Normal(Line):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))


def made(model: torch.nn.Module) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def stepped(optimizer, loss) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def batch(*shape: int) -> torch.Tensor:
    return torch.randn(*(shape or (8, 4)))


def plain():
    model, optimizer = made(Line())
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    for _ in range(20):
        x = batch()
        stepped(optimizer, F.mse_loss(model(x), x.sum(1, keepdim=True)))
        scheduler.step()


def by_hand():
    model, optimizer = made(Line())
    for step in range(20):
        optimizer.param_groups[0]["lr"] = 0.1 * math.sin(step + 1) ** 2
        x = batch()
        loss = (model(x) - x[:, :1]).pow(2).mean()
        stepped(optimizer, loss)
        assert math.isfinite(loss.item())


def recurrent():
    model, optimizer = made(Recurrent())
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=20)
    state = None
    for step in range(20):
        out, state = model(batch(8, 3 + step % 2, 4), state)
        state = tuple(part.detach() for part in state)
        stepped(optimizer, out.square().mean())
        scheduler.step()


def dicts():
    model, optimizer = made(Dicts())
    for _ in range(20):
        out = model({"x": batch()}, scale=2.0)
        assert out["name"] == "dicts"
        assert out["more"][1] is None
        stepped(optimizer, out["out"].square().mean() + out["more"][0])


def accumulates():
    model, optimizer = made(Line())
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(20):
        optimizer.zero_grad()
        for _ in range(3):
            (model(batch()).square().mean() / 3).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()


def scales():
    model, optimizer = made(Line())
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=5)
    for _ in range(20):
        optimizer.zero_grad()
        scaler.scale(model(batch()).square().mean()).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        assert model.body[0].weight.grad is not None


def loads():
    model, optimizer = made(Normal())
    loader = DataLoader(TensorDataset(batch(24, 4)), 8, shuffle=True)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    for _ in range(5):
        for (x,) in loader:
            stepped(optimizer, model(x).square().mean())
        scheduler.step()


def left_over():
    """The last batch of an epoch is smaller."""
    model, optimizer = made(Line())
    loader = DataLoader(TensorDataset(batch(20, 4)), 8)
    for _ in range(4):
        for (x,) in loader:
            stepped(optimizer, model(x).square().mean())


def validates():
    model, optimizer = made(Normal())
    x, y = batch(16, 4), batch(16, 1)
    for step in range(20):
        model.train()
        stepped(optimizer, model(batch()).square().mean())
        if step % 5 == 4:
            model.eval()
            with torch.no_grad():
                for at in (0, 8):
                    F.mse_loss(model(x[at : at + 8]), y[at : at + 8])


def closes():
    model, optimizer = made(Line())

    def closure():
        optimizer.zero_grad()
        loss = model(batch()).square().mean()
        loss.backward()
        return loss

    for _ in range(20):
        assert math.isfinite(optimizer.step(closure).item())


def in_place():
    model, optimizer = made(Line())
    for _ in range(20):
        out = model(batch())
        out *= 2.0
        out[0] = 0.0
        stepped(optimizer, out.square().mean())


def compares():
    """Two networks, one of them in evaluation while the other trains."""
    model, optimizer = made(Line())
    teacher = Line().eval()
    for _ in range(20):
        x = batch()
        with torch.no_grad():
            wanted = teacher(x)
        stepped(optimizer, F.mse_loss(model(x), wanted))


def run(script: Callable[[], None], folder: Path, leg: Intervention = Intervention()) -> Record:  # noqa: B008
    """A script in this process."""
    torch.manual_seed(0)
    computed.clear()
    folder.mkdir(exist_ok=True)
    watching = probe.start(Plan(str(folder), (leg,)))
    try:
        with contextlib.suppress(SystemExit):  # of a trial that has an end of its own
            script()
    finally:
        probe.end(watching)
    return Record.read(folder)


def schedule(record: Record) -> list[tuple]:
    return [(row["step"], row["optimizer"], row["lr"], row.get("scheduler")) for row in record.rows]


@pytest.mark.parametrize(
    ("script", "most", "samples", "distinct"),
    [
        (plain, 2, 152, 152),
        (by_hand, 2, 152, 152),
        (recurrent, 4, 152, 152),  # two shapes, with a state and without one
        (dicts, 2, 152, 152),
        (accumulates, 4, 59 * 8 - 16, 59 * 8 - 16),
        (scales, 2, 152, 152),
        (loads, 2, 112, 24),
        (left_over, 3, 72, 20),
        (validates, 4, 152, 152),
        (closes, 20, None, None),
        (in_place, 2, 152, 152),
        (compares, 22, 152, 152),  # without gradients an answer is computed
    ],
)
def test_a_walk_is_as_long_as_the_script(script, most, samples, distinct, tmp_path):
    straight = run(script, tmp_path / "straight")
    needed = len(computed)
    state = torch.get_rng_state()
    walk = run(script, tmp_path / "walk", WALK)
    assert schedule(walk) == schedule(straight)
    assert walk.steps == 0 < straight.steps == len(walk.rows)
    assert {row["phase"] for row in walk.rows} == {"glide"}
    assert walk.last("exception") == {}
    if samples is not None:
        assert len(computed) <= most < needed
        end = walk.last("end")
        assert (end["samples"], end["distinct"]) == (samples, distinct)
        assert "samples" not in straight.last("end")
    if script is not loads and script is not validates:  # those draw in dropout, too
        assert torch.equal(torch.get_rng_state(), state)


def test_the_weights_stay_where_they_are(tmp_path):
    found = []

    def script():
        model, optimizer = made(Line())
        found.append([p.detach().clone() for p in model.parameters()])
        for _ in range(9):
            stepped(optimizer, model(batch()).square().mean())
        found.append([p.detach().clone() for p in model.parameters()])

    run(script, tmp_path, WALK)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


VALIDATED = {
    "plain": lambda out, y: F.mse_loss(out, y),
    "in place": lambda out, y: F.mse_loss(out.sigmoid_(), y),
    "masked": lambda out, y: F.mse_loss(out.masked_fill_(y > 0, 0.0), y),
}


@pytest.mark.parametrize("how", VALIDATED)
@pytest.mark.parametrize("taken", [0, 3])
def test_a_validation_is_computed_at_the_weights_as_they_are(how, taken, tmp_path):
    """After ``taken`` steps of training."""
    torch.manual_seed(7)
    x, y = batch(16, 4), batch(16, 1)
    expected = []

    def script():
        model, optimizer = made(Line())
        for step in range(12):
            data = batch()
            stepped(optimizer, F.mse_loss(model(data), data[:, :1]))
            if step == taken:
                plain = F.linear(torch.tanh(F.linear(x, *list(model.parameters())[:2])), *list(model.parameters())[2:])
                expected.append(VALIDATED[how](plain.detach(), y).item())
            if step % 4 == 3:
                model.eval()
                with torch.no_grad():
                    for _ in range(2):
                        VALIDATED[how](model(x[:8]), y[:8])
                        VALIDATED[how](model(x[8:]), y[8:])
                model.train()

    record = run(script, tmp_path, Intervention(stop=taken, glide=True))
    found = record.named("validation")
    assert found[-1]["step"] == 12
    sites = {event["site"] for event in found}
    for site in sites:
        losses = [loss for _, loss in record.validations(site)]
        assert losses == [losses[0]] * len(losses)
    by_site = [record.validations(site)[0][1] for site in sites]
    assert sum(by_site) / len(by_site) == pytest.approx(expected[0], rel=1e-5)


def test_a_training_can_glide_after_it_has_trained_and_coasted(tmp_path):
    straight = run(plain, tmp_path / "straight")
    record = run(plain, tmp_path / "walk", Intervention(stop=5, coast=3, glide=True))
    assert [row.get("phase", "train") for row in record.rows] == ["train"] * 5 + ["coast"] * 3 + ["glide"] * 12
    assert record.losses() == straight.losses()[:5]
    assert len(computed) == 5 + 3 + 1


@pytest.mark.parametrize(("stop", "coast", "last"), [(3, 2, 5), (1, 6, 7), (9, 0, 13)])
def test_a_training_can_glide_to_its_next_validation_only(stop, coast, last, tmp_path):
    """Every fourth step is followed by a validation, which is known when training goes on."""

    def script():
        model, optimizer = made(Line())
        for step in range(20):
            data = batch()
            stepped(optimizer, F.mse_loss(model(data), data[:, :1]))
            if step % 4 == 3:
                with torch.no_grad():
                    F.mse_loss(model(data), data[:, :1])

    record = run(script, tmp_path, Intervention(stop=stop, coast=coast, glide="validation"))
    assert record.rows[-1]["step"] == last
    assert [event["step"] for event in record.named("validation")][-1] >= stop


def test_rows_that_are_equal_are_one_sample(tmp_path):
    def script():
        model, optimizer = made(Line())
        data = batch(6, 4)
        for step in range(10):
            stepped(optimizer, model(data[[0, step % 6]]).square().mean())

    end = run(script, tmp_path, WALK).last("end")
    assert (end["samples"], end["distinct"]) == (18, 6)


# what a trial saves


@pytest.fixture
def aside(tmp_path, monkeypatch) -> Iterator[Aside]:
    monkeypatch.chdir(tmp_path)
    Path("mine.pt").write_text("of yesterday")
    before = Path("mine.pt").stat()
    one = Aside()
    one.begin(Plan(str(tmp_path / "trial"), mute=True))
    yield one
    after = Path("mine.pt").stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)


SAVED = {"a": torch.arange(3)}


def same(found: dict) -> bool:
    return list(found) == ["a"] and torch.equal(found["a"], SAVED["a"])


@pytest.mark.parametrize("path", ["mine.pt", Path("mine.pt"), "./mine.pt", "new.pt"], ids=repr)
def test_what_is_saved_is_found_again(path, aside, tmp_path):
    torch.save(SAVED, path)
    torch.save(SAVED, f=path)
    assert same(torch.load(path))
    assert same(torch.load(Path(path).absolute()))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.pt", "trial"]
    assert len(list(aside.folder.iterdir())) == 1


@pytest.mark.parametrize(
    "move",
    [
        lambda a, b: os.replace(a, b),  # noqa: PTH105
        lambda a, b: os.rename(src=a, dst=b),  # noqa: PTH104
        lambda a, b: Path(a).replace(b),
        lambda a, b: Path(a).rename(b),
        lambda a, b: shutil.move(a, b),
    ],
    ids=["replace", "rename", "Path.replace", "Path.rename", "move"],
)
def test_what_is_saved_may_be_moved(move, aside):
    torch.save(SAVED, "mine.tmp")
    move("mine.tmp", "mine.pt")
    assert same(torch.load("mine.pt"))
    assert not Path("mine.tmp").exists()


@pytest.mark.parametrize("copy", ["copyfile", "copy", "copy2"])
def test_what_is_saved_may_be_copied(copy, aside):
    torch.save(SAVED, "last.pt")
    getattr(shutil, copy)("last.pt", "mine.pt")
    assert same(torch.load("mine.pt"))
    assert same(torch.load("last.pt"))


def test_what_is_saved_through_a_file_is_found_again(aside):
    with open("mine.pt", "wb") as file:  # noqa: PTH123
        torch.save(SAVED, file)
    with Path("mine.pt").open("rb") as file:
        assert same(torch.load(file))
    assert same(torch.load("mine.pt"))
    with open("own.txt", "w") as file:  # noqa: PTH123
        file.write("x")
    assert Path("own.txt").read_text() == "x"


REMOVALS = {
    "os.remove": lambda path: os.remove(path),  # noqa: PTH107
    "os.unlink": lambda path: os.unlink(path),  # noqa: PTH108
    "Path.unlink": lambda path: Path(path).unlink(),
}


@pytest.mark.parametrize("remove", REMOVALS)
def test_what_is_saved_may_be_removed(remove, aside):
    torch.save(SAVED, "mine.pt")
    REMOVALS[remove]("mine.pt")  # the trial's own: that of yesterday stays


def test_no_two_names_share_a_file(aside):
    for step, name in enumerate(["last.pt", "best.pt", "last.pt", "best.pt"]):
        torch.save({"step": step}, "mine.tmp")
        Path("mine.tmp").replace(name)
    assert [torch.load(name)["step"] for name in ("last.pt", "best.pt")] == [2, 3]


def test_a_trial_that_speaks_has_its_scripts_habits(tmp_path):
    before = torch.save, torch.load, os.replace, open
    Aside().begin(Plan(str(tmp_path)))
    assert (torch.save, torch.load, os.replace, open) == before


def test_two_files_of_one_name_are_two(aside, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        torch.save({"a": torch.tensor(len(folder)), folder: 1}, tmp_path / folder / "best.pt")
    assert [list(torch.load(tmp_path / folder / "best.pt")) for folder in ("one", "two")] == [
        ["a", "one"],
        ["a", "two"],
    ]


def test_what_the_trial_did_not_save_is_as_it_was(aside):
    Path("own.txt").write_text("x")
    Path("own.txt").replace("other.txt")
    assert Path("other.txt").read_text() == "x"
    with pytest.raises(FileNotFoundError):
        torch.load("missing.pt")


def test_a_stream_is_written_to(aside):
    stream = io.BytesIO()
    torch.save(SAVED, stream)
    stream.seek(0)
    assert same(torch.load(stream))


def test_another_trial_of_the_same_process_has_a_folder_of_its_own(aside, tmp_path):
    torch.save(SAVED, "mine.pt")
    aside.begin(Plan(str(tmp_path / "other"), mute=True))
    torch.save({"b": 1}, "mine.pt")
    assert list(torch.load("mine.pt")) == ["b"]
    assert [len(list((tmp_path / trial / "aside").iterdir())) for trial in ("trial", "other")] == [1, 1]


# in branches of a real script

SCRIPT = f"""
import os
import sys
sys.path.insert(0, {str(Path(__file__).parent / "hostile")!r})
import toy
import torch
import leonui


def main():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
    x, y = torch.randn(32, 4), torch.randn(32, 1)
    for epoch in range(10):
        for at in torch.randperm(24).split(8):
            loss = torch.nn.functional.mse_loss(model(x[at]), y[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        with torch.no_grad():
            torch.nn.functional.mse_loss(model(x[24:]), y[24:])
        torch.save(model.state_dict(), "mine.tmp")
        os.replace("mine.tmp", "mine.pt")
        leonui.log(saved=sum(p.double().sum().item() for p in torch.load("mine.pt").values()))


if __name__ == "__main__":
    main()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize(
    "program",
    [Program("script", "train.py"), Program("function", "train:main")],
    ids=["script", "function"],
)
def test_branches_walk(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    Path("train.py").write_text(SCRIPT)
    Path("mine.pt").write_text("of yesterday")
    with Runner(program, tmp_path / "run", start="fork", workers=2) as runner:
        point = runner.trailhead()
        walk, straight = runner.branch(point, {"walk": WALK, "straight": Intervention()})
        assert Path("mine.pt").read_text() == "of yesterday"
        assert not Path("mine.tmp").exists()
        (loud,) = runner.branch(point, {"loud": WALK}, mute=False)
    assert schedule(walk.record) == schedule(straight.record)
    assert len(walk.record.rows) == straight.record.steps == 30
    for trial in (walk, straight, loud):
        assert (trial.record.last("exception"), trial.record.last("end")["reason"]) == ({}, "done")
    end = walk.record.last("end")
    assert (end["samples"], end["distinct"]) == (29 * 8, 24)
    (first, *others) = [event["loss"] for event in walk.record.named("validation")]
    assert others == [first] * 9
    saved, trained = ([event["saved"] for event in one.record.named("log")] for one in (walk, straight))
    assert saved == [saved[0]] * 10
    assert len(set(trained)) == 10
    assert first != pytest.approx(straight.record.named("validation")[-1]["loss"], rel=1e-3)
    state = torch.load("mine.pt")  # one that speaks has its script's habits
    assert sum(p.double().sum().item() for p in state.values()) == pytest.approx(saved[0])
    assert not (walk.folder / "aside").exists()  # what nobody looks at is gone


OURS, THEIRS = torch.arange(64.0).reshape(32, 2), torch.arange(64.0, 128.0).reshape(32, 2)


@pytest.mark.parametrize(
    ("passes", "told"),
    [
        ([("acts", OURS), ("trains", OURS), ("acts", THEIRS), ("trains", THEIRS)], None),  # an agent, on fresh samples
        ([("trains", OURS), ("acts", OURS[:16]), ("trains", OURS)], True),
        ([("acts", OURS[:16]), ("trains", OURS), ("acts", OURS[:16])], True),  # it validates before it trains, too
        ([("trains", OURS), ("acts", THEIRS), ("trains", OURS), ("acts", THEIRS)], False),
    ],
)
def test_samples_that_are_trained_on_after_they_were_acted_on_are_no_leak(passes, told):
    samples = Samples()
    for what, batch in passes:
        samples.trains(batch) if what == "trains" else samples.validates(batch)
    check = leakage.look(Record(events=[{"event": "walk", **samples.summary()}]))
    assert (check and check.finding is not None) == told
