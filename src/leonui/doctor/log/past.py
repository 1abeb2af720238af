"""A past run as its log shows it: each column in bounded memory, by what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from leonui.doctor.log.columns import STEP, main, plays, role, words
from leonui.doctor.log.digest import Curve, Digest
from leonui.doctor.log.place import log_files
from leonui.doctor.log.rows import Numbers, Progress, rows

SHOWN = 20  # names of columns in an error
BACK = 0.001  # of the rows: a step that falls back more often does not say where a row stands
CURVES = ("loss", "validation", "lr", "norm", "scale", "score")
LATE = 0.05  # of the last step: where a log begins after it, it is the rest of a longer run
APART = 0.5  # of the last step of training: where validation's last step is before, it counts something else


class Past:
    """The columns of a log; ``chief``: the name of the training loss, None where several are trained on, or a game."""

    def __init__(self, columns: dict[str, Digest], names: Iterable[str]) -> None:
        self.columns = columns
        losses = sorted(self.of("loss"), key=lambda name: columns[name].count <= 2)  # a summary comes last
        self.losses = losses
        self.chief = None if plays(names) or any("optimizer" in words(name) for name in losses) else main(losses)
        self.by_step = self._steps_count()

    def of(self, kind: str) -> list[str]:
        """The names of the columns that hold one kind of number, in the log's order."""
        return [name for name in self.columns if role(name) == kind]

    @property
    def loss(self) -> Digest | None:
        """The training loss."""
        return self.columns[self.chief] if self.chief else None

    @property
    def from_start(self) -> bool:
        """Whether the log begins with the run; else it is the rest of a longer one."""
        steps = [stretch.step for stretch in self.loss.stretches] if self.loss else []
        return bool(steps) and steps[0] <= LATE * max(steps)

    @property
    def held_out(self) -> Digest | None:
        """The validation loss: of several the one that is seen most often; one of a test counts less."""
        names = self.of("validation")
        best = max(names, key=lambda name: (self.columns[name].count, "test" not in words(name)), default=None)
        return self.columns[best] if best else None

    @property
    def rate(self) -> Digest | None:
        """The learning rate: of several groups of parameters that with the highest."""
        names = [name for name in self.of("lr") if self.columns[name].stretches]
        best = max(names, key=lambda name: max(one.most for one in self.columns[name].stretches), default=None)
        return self.columns[best] if best else None

    @property
    def norm(self) -> Digest | None:
        """The gradient's norm: that of all parameters where there are several."""
        names = sorted(self.of("norm"), key=lambda name: ("total" not in words(name), len(name)))
        return self.columns[names[0]] if names else None

    @property
    def scale(self) -> Digest | None:
        """The loss scale of mixed precision."""
        names = self.of("scale")
        return self.columns[names[0]] if names else None

    def curve(self, digest: Digest | None) -> Curve:
        """A column's curve; an empty one for None."""
        return (digest or Digest()).curve(self.by_step)

    def _steps_count(self) -> bool:
        """Whether the log's steps say where its rows stand, in training and in validation alike."""
        loss, held_out = self.loss, self.held_out
        if loss is None or loss.back > max(1, BACK * loss.count):
            return False
        if held_out is None or not held_out.stretches or not loss.stretches:
            return True
        last, seen = loss.stretches[-1], held_out.stretches[-1]
        return seen.step >= APART * last.step or seen.order < APART * last.order


def read(path: Path, progress: Progress) -> Past:
    """The past run of a log. Raises ValueError where there is no log, none with a row, or none with a loss."""
    files = log_files(path)
    columns: dict[str, Digest] = {}
    kinds: dict[str, str] = {}
    steps: list[str] = []
    times: list[str] = []
    count = 0
    for row in rows(files, progress):  # ten million times: what is known of the names is not asked again
        if not row.keys() <= kinds.keys():
            kinds |= {name: role(name) for name in row if name not in kinds}
            columns |= {name: Digest(kinds[name] != "validation") for name in _curves(row, kinds) - columns.keys()}
            steps = sorted(
                (name for name in kinds if kinds[name] == "step"), key=lambda name: STEP.index(name.lower().strip())
            )
            times = [name for name in kinds if kinds[name] == "time"]
        step = next((row[name] for name in steps if name in row), count)
        order = next((row[name] for name in times if name in row), count)
        count += bool(row)
        for name, value in row.items():
            if name in columns and not (value != value and _elsewhere(row, kinds, kinds[name])):
                columns[name].add(step, order, value)
    _check(files[0], columns, kinds, count)
    return Past({name: columns[name] for name in kinds if name in columns}, kinds)


def _curves(row: Numbers, kinds: dict[str, str]) -> set[str]:
    return {name for name in row if kinds[name] in CURVES}


def _elsewhere(row: Numbers, kinds: dict[str, str], kind: str) -> bool:
    """Whether a NaN stands for an empty cell: the row is one of validation, or one of training, and has that loss."""
    other = {"loss": "validation", "validation": "loss"}.get(kind)
    return any(value == value and kinds[name] == other for name, value in row.items())


def _check(file: Path, columns: dict[str, Digest], kinds: dict[str, str], count: int) -> None:
    if not count:
        raise ValueError(f"{file} holds no row of numbers; name a log with a loss in each row")
    if not any(kinds[name] == "loss" for name in columns):
        known = ", ".join(list(kinds)[:SHOWN])
        raise ValueError(f"{file} has no column of a loss; it has {known}; call it loss or train_loss")
