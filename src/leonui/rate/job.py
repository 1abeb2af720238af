"""The job of ``leonui lr``: walk the script once without training, search, judge what was found."""

from __future__ import annotations

import math
import shlex
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from leonui.doctor.ending import trouble
from leonui.finder import Estimate, Judge, Recipe, Search, told
from leonui.finder.recipe import compressed, seen, warmed
from leonui.finder.status import REFUSED, status
from leonui.finding import Finding
from leonui.machine import machine
from leonui.rate.found import LRFinding
from leonui.rate.notes import remarks
from leonui.rate.patch import patch
from leonui.record import Record, Row
from leonui.runs import create
from leonui.trial.intervention import Intervention
from leonui.trial.program import Program
from leonui.trial.runner import Point, Runner
from leonui.trial.trial import Trial
from leonui.words import mark

SHORTEST = 20  # steps: below, there is nothing to compress into rungs
WALK = 60.0  # seconds that a walk may take: of a longer run only its beginning is known


class Guide(Protocol):
    """Tells the one who waits what is going on."""

    def stage(self, name: str, total: int | None) -> None:
        """A new stage begins, of ``total`` steps if that is known."""

    def rows(self, trial: Trial, rows: list[Row]) -> None:
        """Steps were made."""

    def picture(self, search: Search) -> None:
        """There is more to see of the search."""

    def say(self, template: str, **evidence: Any) -> None:
        """Something to know before it begins."""


@dataclass(frozen=True)
class Wishes:
    """What the user asked for: the length of the run if it is known, seconds to walk it, a metric and its goal."""

    steps: int | None = None
    walk: float = WALK
    metric: str | None = None
    goal: str = "min"
    also: Intervention = field(default_factory=Intervention)
    shape: Callable[[int], Any] | None = None


@dataclass
class Job:
    """A search for the learning rate of a program; ``result`` can be read at any moment."""

    program: Program
    folder: Path
    wishes: Wishes = field(default_factory=Wishes)

    def __post_init__(self) -> None:
        self.walk: Record = Record()
        self.search: Search | None = None
        self.sharp: Record = Record()
        self.warm: bool = False
        self.findings: list[Finding] = []
        self.began = time.time()
        self.complete = False
        self.start = ""

    def go(self, runner: Runner, guide: Guide) -> None:
        """Do all of it; what stops it early becomes a finding."""
        guide.stage(mark("walk"), self.wishes.steps)
        point = runner.trailhead(0)
        if not self._walk(runner, point):
            return
        self.search = Search(runner, point, self.recipe, Judge(self.wishes.metric, self.wishes.goal), guide.picture)
        seconds = self.pace * self.search.planned / runner.workers
        guide.say(ABOUT, steps=self.search.planned, horizon=self.steps, seconds=seconds)
        guide.stage(mark("learning rate"), self.search.planned)
        self.search.go()
        self._check(runner, point)
        runner.release(point)
        self.complete = True

    # what is known of the run before it is trained

    def _walk(self, runner: Runner, point: Point) -> bool:
        trial = self._walked(runner, point, "walk", Intervention(stop=0, glide=True))
        if trial.record.last("exception") and not self.wishes.steps:
            trial = self._walked(runner, point, "walk-computed", Intervention(stop=0, coast=10**9))
        self.walk, self.start = trial.record, runner.start
        if not self.walk.rows and (fault := trouble(trial)):
            self.findings.append(fault)
            return False
        if self.steps < SHORTEST:
            self.findings.append(_too_short(self.steps))
            return False
        return True

    def _walked(self, runner: Runner, point: Point, name: str, job: Intervention) -> Trial:
        return runner.branch(point, {name: job}, seconds=self.wishes.walk)[0]

    @property
    def steps(self) -> int:
        """The length of the run."""
        return self.wishes.steps or len({row["step"] for row in self.walk.rows})

    @property
    def recipe(self) -> Recipe:
        """How the script's own run goes, by what the walk saw."""
        values = seen(self.walk)
        return Recipe(self.steps, self.wishes.shape or (lambda steps: compressed(values, steps)), self.wishes.also)

    @property
    def pace(self) -> float:
        """Seconds a step, by the first two: the walk computes no others."""
        return statistics.fmean(self.walk.column("seconds")[:2] or [0.0])

    @property
    def epochs(self) -> float:
        """How often each sample is trained on; NaN where that is not known."""
        end = self.walk.last("end")
        return end["samples"] / end["distinct"] if end.get("distinct") else math.nan

    # what is looked at besides

    def _check(self, runner: Runner, point: Point) -> None:
        """The curvature on the way; where training breaks just above the best rate, whether a warm-up would help."""
        search = self.search
        found = search.estimate() if search else None
        if search is None or found is None:
            return
        steps = search.rungs[0].steps
        job = {"curvature": self.recipe.at(found.scale, steps) & Intervention(stop=steps)}
        self.sharp = runner.branch(point, job, curvature=(1, max(2, steps // 2), steps))[0].record
        search.spent += self.sharp.steps
        if search.limited:
            self.warm = search.better_warm(warmed(self.recipe))

    # what is known

    @property
    def status(self) -> str:
        """One of STATUSES."""
        if self.search is None:
            return "not_learning"
        said = status(self.search.start, self.search.rungs, self.epochs)
        return "needs_warmup" if said == "ok" and self.warm else said

    @property
    def scale(self) -> float | None:
        """The factor on the script's rates; None where there is none to give."""
        found = self.search.estimate() if self.search else None
        return found.scale if found and self.status not in REFUSED else None

    @property
    def moves(self) -> bool:
        """Whether the script's rate changes on the way."""
        return len(set(seen(self.walk))) > 1

    def result(self) -> dict[str, Any]:
        """Everything as plain values; what is not known yet is None."""
        search = self.search
        found = search.estimate() if search else None
        refused = self.status in REFUSED
        scale = self.scale
        peaks = self.peaks
        rate = peaks[0] if peaks else None
        place = self._place()
        return {
            "command": "lr",
            "method": "branches",
            "program": str(self.program),
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(self.began)),
            "seconds": round(time.time() - self.began, 1),
            "complete": self.complete,
            "lr": rate * scale if scale and rate else None,
            "scale": scale,
            "per_group": [peak * scale for peak in peaks] if scale else [],
            "base_lr": peaks,
            "interval": [rate * end for end in found.interval] if found and rate and not refused else None,
            "level": 0.8,
            "status": self.status,
            **self._off(found),
            "steps": search.spent if search else 0,
            "horizon": self.steps,
            "epochs": None if math.isnan(self.epochs) else self.epochs,
            "judged_by": "metric" if self.wishes.metric else "training",
            "goal": self.wishes.goal,
            "metric_pattern": self.wishes.metric,
            "optimizer": self.walk.last("optimizer").get("name"),
            "file": place[0],
            "line": place[1],
            "patch": patch(*place, scale),
            "start_loss": statistics.fmean(search.start) if search and search.start else None,
            **(told(search, rate or 1.0) if search else {"rungs": [], "ramp": None}),
            "curvature": self.sharp.named("curvature"),
            "findings": [finding.to_json() for finding in self.findings],
            "notes": remarks(self),
            "settings": self._settings(),
            "machine": machine(),
        }

    def _off(self, found: Estimate | None) -> dict[str, Any]:
        rows = [{"factor": by, "low": low, "high": high} for by, low, high in found.lost] if found else []
        return {"lost": rows, "slope": found.slope if found else None}

    @property
    def peaks(self) -> list[float]:
        """The highest rate that each group has in the script's run, optimizer by optimizer."""
        peaks: dict[int, list[float]] = {}
        for row in self.walk.rows:
            held = peaks.setdefault(row["optimizer"], list(row["lr"]))
            peaks[row["optimizer"]] = [max(pair) for pair in zip(held, row["lr"], strict=False)]
        return [rate for index in sorted(peaks) for rate in peaks[index]]

    def _place(self) -> tuple[str | None, int | None]:
        """Where the rate stands: in the scheduler that sets its peak, else where the optimizer is made."""
        scheduler = self.walk.last("scheduler")
        source = scheduler if scheduler.get("name") in ("OneCycleLR", "CyclicLR") else self.walk.last("optimizer")
        file, _, line = str(source.get("place", "")).rpartition(":")
        return file or None, int(line) if line.isdigit() else None

    def _settings(self) -> dict[str, Any]:
        said = {mark("branches start by"): self.start, mark("steps of the whole run"): self.steps}
        return {name: value for name, value in said.items() if value}


ABOUT = mark("{horizon} steps a run; the search takes about {steps} steps, {seconds:.0f} s")


def find_lr(program: Program | str | list[str], *, start: str = "auto", workers: int = 0, **wishes: Any) -> LRFinding:
    """The learning rate of a program: of a script with its arguments, ``-m module`` or ``module:function``.

    ``wishes`` are the fields of Wishes: steps, metric, goal ... Raises ValueError where there is no such program. A run
    that cannot be searched has a status and no rate.

        found = leonui.find_lr("train.py --epochs 3")
        print(found.lr, found.interval, found.status)
    """
    if not isinstance(program, Program):
        program = Program.parse(shlex.split(program) if isinstance(program, str) else program)
    job = Job(program, create("lr"), Wishes(**wishes))
    with Runner(program, job.folder, workers=workers, start=start) as runner:
        job.go(runner, Silent())
    return LRFinding(job.result())


class Silent:
    """A Guide that says nothing."""

    def stage(self, name: str, total: int | None) -> None:
        """Nothing."""

    def rows(self, trial: Trial, rows: list[Row]) -> None:
        """Nothing."""

    def picture(self, search: Search) -> None:
        """Nothing."""

    def say(self, template: str, **evidence: Any) -> None:
        """Nothing."""


def _too_short(steps: int) -> Finding:
    words = mark("the script made {steps} optimizer steps; a search needs at least {least}")
    fix = mark("give it more steps or epochs; leonui watch shows what a short run did")
    return Finding("TOO-SHORT", "is", words, {"steps": steps, "least": SHORTEST}, fix)
