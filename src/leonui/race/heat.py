"""The parts of a race that wait for nobody: the search for one entrant's rate, and the whole trainings of one seed.

A part is plain data, so that another machine can run it; what it yields goes into the journal.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from leonui.finder import Search
from leonui.finder.guide import Guide
from leonui.finder.horizon import Law
from leonui.race.reason import Reason, ended, reason, worst
from leonui.record import Record, Row, number
from leonui.trial.intervention import Intervention
from leonui.trial.judge import Judge
from leonui.trial.recipe import Recipe
from leonui.trial.runner import Point, Runner
from leonui.trial.trial import Trial
from leonui.words import mark

MEMORY = ("state_bytes", "peak_bytes")  # of the optimizer, and of the process or its accelerator at most
JUDGED = 32  # batches on which weights are judged where the script does not validate


class Part(Protocol):
    """What a race is made of: ``seed`` is that of its trailhead."""

    @property
    def seed(self) -> int:
        """The offset of the run's seeds."""
        ...

    def lines(self, runner: Runner, point: Point, guide: Guide) -> Iterator[Row]:
        """Do it; yields the lines of the journal as they are known."""
        ...


@dataclass(frozen=True)
class Tuning:
    """The search for an entrant's rate, with ``budget`` steps; ``fixed``: the factor, where none is searched.

    peak: the learning rate that a factor of 1 stands for.
    """

    entrant: str
    recipe: Recipe
    judge: Judge
    law: Law
    budget: int
    peak: float
    fixed: float | None = None
    seed: int = 0

    def lines(self, runner: Runner, point: Point, guide: Guide) -> Iterator[Row]:
        """One line: the factor and the rate, None where none was found, and the steps that it took."""
        told: Row = {"event": "tuned", "entrant": self.entrant, "scale": self.fixed, "lr": None, "spent": 0}
        if self.fixed:
            yield told | {"lr": self.fixed * self.peak}
            return
        name = f"tune-{_slug(self.entrant)}-"
        search = Search(runner, point, self.recipe, self.judge, guide.picture, self.budget, name, self.peak, self.law)
        guide.stage(self.entrant, search.planned)
        search.go()
        told["spent"] = search.spent
        if found := search.estimate():
            interval = [end * self.peak for end in found.interval]
            told |= {"scale": found.scale, "lr": found.scale * self.peak, "interval": interval}
        elif why := _unfound(runner.folder, name):
            told["why"] = why
        yield told


@dataclass(frozen=True)
class Due:
    """The trainings that an entrant owes: at ``scale`` times its rates, of these ``shares`` of the script's steps."""

    entrant: str
    recipe: Recipe
    scale: float
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Heat:
    """The whole trainings of one seed: the same weights and batches for all that are ``due``, in their order."""

    seed: int
    due: tuple[Due, ...]
    steps: int
    judge: Judge
    validation: str | None

    def lines(self, runner: Runner, point: Point, guide: Guide) -> Iterator[Row]:
        """A line for each training: its loss, by what it was judged, and what it took."""
        guide.stage(mark("race"), round(sum(sum(due.shares) for due in self.due) * self.steps))
        for due in self.due:
            yield from self._trained(runner, point, due)

    @property
    def validates(self) -> bool:
        """Whether the script tells by itself how good its weights are: by a metric, or by validation."""
        return bool(self.judge.metric) or self.validation is not None

    def _trained(self, runner: Runner, point: Point, due: Due) -> Iterator[Row]:
        """Whole trainings of several lengths, from the same weights, and what became of each."""
        steps = {share: max(1, round(share * self.steps)) for share in due.shares}
        jobs = {
            f"{_slug(due.entrant)}-{self.seed}-{steps[share]}": due.recipe.at(due.scale, steps[share])
            & Intervention(stop=steps[share], glide=self.validates)
            for share in due.shares
        }
        trials = runner.branch(point, jobs, mute=self.judge.metric is None, keep=not self.validates)
        losses = self._losses(runner, point, trials)
        for share, trial, loss in zip(due.shares, trials, losses, strict=True):
            loss = loss if ended(trial.record) else math.inf  # how far it came before it broke is no result
            told: Row = {"entrant": due.entrant, "seed": self.seed, "share": share, "loss": loss}
            told["judged_by"] = self.judged_by
            broke = {} if math.isfinite(loss) else {"why": reason(trial.record, trial.stalled)}
            yield told | cost(trial) | broke

    @property
    def judged_by(self) -> str:
        """What the losses are of: "metric", "validation" or "training"."""
        return "metric" if self.judge.metric else "validation" if self.validates else "training"

    def _losses(self, runner: Runner, point: Point, trials: list[Trial]) -> list[float]:
        """How good the last weights of each are, lower is better."""
        if self.judge.metric:
            return [next(iter(self.judge.read(trial)), math.inf) for trial in trials]
        if self.validates:
            return [_validation(trial.record, self.validation) for trial in trials]
        batches = min(JUDGED, self.steps - 1)
        jobs = {
            f"judge-{trial.name}": Intervention(weights=str(trial.weights), stop=0, coast=batches)
            for trial in trials
            if trial.weights.exists()
        }
        coasted = {trial.name: trial.record.losses("coast") for trial in runner.branch(point, jobs)}
        for trial in trials:
            trial.weights.unlink(missing_ok=True)
        return [_mean(coasted.get(f"judge-{trial.name}", [])) for trial in trials]


def cost(trial: Trial) -> Row:
    """What a training took: steps, forward and backward passes, seconds by its median step, bytes of memory."""
    rows = [row for row in trial.record.rows if row.get("phase", "train") == "train"]
    seconds = statistics.median([float(row["seconds"]) for row in rows] or [0.0]) * len(rows)
    held = {name: trial.record.last("end").get(name) for name in MEMORY}
    return {"steps": trial.record.steps, "passes": sum(row.get("micro", 1) for row in rows), "seconds": seconds} | held


def _unfound(folder: Path, name: str) -> Reason | None:
    """Why a search whose trials have such names found no rate, and how many of them broke."""
    why = [
        reason(Record.read(trial)) for trial in sorted(folder.glob(f"trials/{name}*")) if trial.name != f"{name}start"
    ]
    broke = [one for one in why if one["kind"] != "unjudged"]
    said = worst(broke)
    return said and said | {"broke": len(broke), "count": len(why)}


def _validation(record: Record, site: str | None) -> float:
    losses = [number(event["loss"]) for event in record.passes(site)]
    return losses[-1] if losses and math.isfinite(losses[-1]) else math.inf


def _mean(losses: list[float]) -> float:
    return statistics.fmean(losses) if losses and all(map(math.isfinite, losses)) else math.inf


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)
