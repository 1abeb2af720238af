"""The job of ``leonui landscape``: watch one training, find the plane of its path, ask for the loss around it."""

from __future__ import annotations

import math
import shutil
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leonui.doctor.ending import trouble
from leonui.finder.guide import Guide, Silent
from leonui.finding import Finding
from leonui.record import Record
from leonui.runs import Began, create
from leonui.survey.found import LossLandscape
from leonui.survey.grid import axes, coarse_to_fine
from leonui.survey.result import result
from leonui.trial.intervention import Intervention
from leonui.trial.program import Given, Program
from leonui.trial.runner import Point, Runner
from leonui.trial.walk import walk
from leonui.words import mark

if TYPE_CHECKING:
    from leonui.survey.trail import Trail

SNAPSHOTS, POINTS, BATCHES = 40, 17, 6
MEASURED = 24  # times that the curvature is measured on the way
AT_ONCE = 8  # places a worker, before the next ones are written
LEAST = 3  # steps that make a path


@dataclass(frozen=True)
class Wishes:
    """What the user asked for.

    points: places on each side of the grid around the path, 0 for none; batches: on how many the loss is averaged, the
    same for every place; steps: end the watched training after so many.
    """

    points: int | None = None
    batches: int = BATCHES
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.points is not None and self.points < 3 and self.points != 0:
            raise ValueError(f"points={self.points} make no grid; give 3 or more, or 0 for the path alone")
        if self.batches < 1:
            raise ValueError(f"batches={self.batches} are too few to compute a loss; give 1 or more")
        if self.steps is not None and self.steps < LEAST:
            raise ValueError(f"steps={self.steps} are too few for a path; give {LEAST} or more")


@dataclass
class Survey:
    """The landscape around a program's path; ``result`` can be read at any moment after ``go``, however that ended."""

    program: Program
    folder: Path
    wishes: Wishes = field(default_factory=Wishes)

    def __post_init__(self) -> None:
        self.findings: list[Finding] = []
        self.around: dict[tuple[int, int], float] = {}  # the loss by row and column of the grid
        self.along: dict[int, float] = {}  # the loss at each snapshot
        self.trail: Trail | None = None
        self.horizon, self.points, self.start, self.why = 0, self.wishes.points or 0, "", ""
        self.began = Began()
        self.complete = False

    def go(self, runner: Runner, guide: Guide) -> None:
        """Do all of it; what stops it early becomes a finding."""
        guide.stage(mark("walk"), None)
        point = runner.trailhead(0)
        self.start, self.why = runner.start if runner.start != "auto" else "fork", runner.why
        self.horizon = self.wishes.steps or self._walked(runner, point)
        try:
            if not self.findings:
                guide.stage(mark("training, watched"), self.horizon)
                self._watch(runner, point)
            if not self.findings and self._find_trail():
                self._look_around(runner, point, guide)
            runner.release(point)
            self.complete = not self.findings
        finally:
            self._find_trail()
            self._tidy()

    def _walked(self, runner: Runner, point: Point) -> int:
        """The length of the run; of one that takes long, as far as it was walked."""
        trial = walk(runner, point)
        if not trial.record.rows and (fault := trouble(trial)):
            self.findings.append(fault)
        return len({row["step"] for row in trial.record.rows})

    def _watch(self, runner: Runner, point: Point) -> None:
        """Train as the script does; the weights are kept now and then, and the curvature is measured."""
        apart = max(self.horizon // MEASURED, 1)
        steps = tuple(range(2, 64 * self.horizon, apart))  # of a run that was not walked to its end, further ones, too
        trial = runner.branch(
            point,
            {"watch": Intervention(stop=self.wishes.steps)},
            keep=SNAPSHOTS,
            closely={"curvature": steps[: 64 * MEASURED]},
        )[0]
        if fault := trouble(trial):
            self.findings.append(fault)
        elif trial.record.steps < LEAST:
            words = mark("the script made {steps} optimizer steps; a path needs at least {least}")
            fix = mark("give it more steps or epochs; leonui watch shows what a short run did")
            evidence = {"steps": trial.record.steps, "least": LEAST}
            self.findings.append(Finding("TOO-SHORT", "is", words, evidence, fix))

    @cached_property
    def watched(self) -> Record:
        """The Record of the watched training, as far as it went."""
        return Record.read(self._home)

    @property
    def _home(self) -> Path:
        return self.folder / "trials" / "watch"

    def _find_trail(self) -> bool:
        """Lay the plane through what was kept; False where there is none."""
        if self.trail is not None or not self._home.exists():
            return self.trail is not None
        from leonui.survey.trail import read

        try:
            self.trail = read(self._home, self.watched.steps)
        except ValueError:
            if not self.findings and self.watched.steps >= LEAST:
                self.findings.append(self._no_path())
        return self.trail is not None

    def _no_path(self) -> Finding:
        if not all(map(math.isfinite, self.watched.losses())):
            words = mark("the loss was not finite from the start: there is no path to draw")
            return Finding("NONFINITE", "is", words, {}, mark("leonui doctor says where it broke"))
        words = mark("no weight of the optimizer moved in {steps} steps: there is no path to draw")
        return Finding("STILL", "is", words, {"steps": self.watched.steps}, mark("leonui doctor says why"))

    # the loss around

    def _look_around(self, runner: Runner, point: Point, guide: Guide) -> None:
        """First at the path's own weights, then at the places of the grid."""
        trail = self.trail
        if trail is None or (self.start == "rerun" and not self.wishes.points):
            return
        self.points = POINTS if self.wishes.points is None else self.wishes.points
        places = list(coarse_to_fine(self.points))
        guide.stage(mark("loss around the path"), (len(trail.steps) + len(places)) * (self.batches + 1))
        files = {f"path-{made}": path for made, path in zip(trail.steps, trail.files, strict=True)}
        for name, loss in self._coasted(runner, point, files):
            self.along[int(name.rpartition("-")[2])] = loss
        x, y = self.axes
        for some in _parts(places, AT_ONCE * runner.workers):
            files = {f"place-{row}-{column}": self._home / f"{row}-{column}.pt" for row, column in some}
            for (row, column), path in zip(some, files.values(), strict=True):
                trail.put((x[column], y[row]), path)
            for name, loss in self._coasted(runner, point, files):
                row, column = map(int, name.split("-")[1:])
                self.around[row, column] = loss
            for path in files.values():
                path.unlink()

    def _coasted(self, runner: Runner, point: Point, files: dict[str, Path]) -> Iterator[tuple[str, float]]:
        """The mean loss of the weights in each file, on the same batches."""
        jobs = {
            name: Intervention(weights=str(path.absolute()), stop=0, coast=self.batches) for name, path in files.items()
        }
        for some in _parts([*jobs], AT_ONCE * runner.workers):
            for trial in runner.branch(point, {name: jobs[name] for name in some}):
                losses = trial.record.losses("coast")
                shutil.rmtree(trial.folder, ignore_errors=True)
                if losses:
                    yield trial.name, statistics.fmean(losses)

    @property
    def batches(self) -> int:
        """On how many batches a place is judged: those that a run has after its first one, at most."""
        return max(min(self.wishes.batches, self.horizon - 1), 1)

    @property
    def axes(self) -> tuple[list[float], list[float]]:
        """The coordinates of the grid."""
        return axes(self.trail.places, self.points) if self.trail and self.points else ([], [])

    def _tidy(self) -> None:
        """Weights take room, and what they told is known."""
        for path in self._home.glob("*.pt"):
            path.unlink()

    def result(self) -> dict[str, Any]:
        """Everything as plain values; what is not known is None."""
        return result(self)


def _parts(all_of_them: Sequence[Any], count: int) -> Iterator[Sequence[Any]]:
    """So many at a time."""
    return (all_of_them[at : at + count] for at in range(0, len(all_of_them), count))


def draw_landscape(program: Given, *, start: str = "auto", workers: int = 0, **wishes: Any) -> LossLandscape:
    """The path of a program's weights with the loss around it: of a script with its arguments, or a function.

    ``wishes`` are the fields of Wishes: points, batches, steps. Raises ValueError where there is no such program. A run
    without a path has findings that say why.

        found = leonui.draw_landscape("train.py --epochs 3", points=21)
        found.plot().show()
    """
    program = Program.of(program)
    survey = Survey(program, create("landscape"), Wishes(**wishes))
    with Runner(program, survey.folder, workers=workers, start=start) as runner:
        survey.go(runner, Silent())
    return LossLandscape(survey.result())
