"""A script under examination: what was seen of it, and what can be tried on it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from leonui.doctor.first import beginning
from leonui.record import Record, number
from leonui.trial.intervention import Intervention
from leonui.trial.judge import Judge
from leonui.trial.recipe import Recipe, compressed, seen
from leonui.trial.runner import Point, Runner
from leonui.trial.trial import Trial

SHORT = 0.06  # of the run: a short training that tells what would help
LEAST, MOST = 16, 2000  # its steps
TAIL = 0.1  # of a run: its end
CALM = 3.0  # standard errors that a difference must have to count
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Outcome:
    """What came of a training: its losses at the end, by batch (none where it broke), and all of them on the way."""

    change: Intervention
    losses: tuple[float, ...]
    curve: tuple[float, ...]
    inputs: Mapping[str, float] | None = None
    spikes: float = math.nan

    @property
    def loss(self) -> float:
        """The mean at the end; infinite where it broke."""
        return statistics.fmean(self.losses) if self.losses else math.inf


class Case:
    """Replays a script from its first step, or from that of its last stage; ``repaired`` is in force in all of them.

    ``spent`` counts the steps of all replays, coasted batches included.
    """

    def __init__(self, runner: Runner, record: Record, repaired: Intervention | None = None):
        self.runner, self.before = runner, stage(record)
        last = record.rows[-1].get("optimizer", 0) if record.rows else 0
        rows = [row for row in record.rows if not self.before or row.get("optimizer", 0) == last]
        self.record = Record(rows, record.events)
        self.steps = self.record.steps
        self.spent = 0
        self.repaired = repaired or Intervention()
        values = seen(self.record) or [1.0]
        self.recipe = Recipe(self.steps, lambda steps: compressed(values, steps), self.repaired)
        self._point: Point | None = None
        self._count = 0

    def after(self, repaired: Intervention, record: Record) -> Case:
        """The same script with more repaired; ``record`` is of its whole run then."""
        other = Case(self.runner, record, self.repaired & repaired)
        other.spent, other._point, other._count = self.spent, self._point, self._count
        return other

    @property
    def short(self) -> int:
        """The steps of a short training."""
        return min(max(round(SHORT * self.steps), LEAST), MOST, self.steps)

    @property
    def bar(self) -> float:
        """What a network loses that has learned nothing: the best constant prediction's loss, else the first losses."""
        constant = number(self.record.last("end").get("constant_loss"))
        losses = [loss for loss in self.record.losses() if math.isfinite(loss)]
        return constant if math.isfinite(constant) else beginning(losses) if losses else math.nan

    @property
    def point(self) -> Point:
        """Where all replays begin."""
        if self._point is None:
            self._point = self.runner.trailhead()
        if self.before and not self._point.path:
            job = {"first-stage": Intervention(stop=self.before)}
            held = self.runner.branch(self._point, job, hold=True)[0]
            self._point = self.runner.point(self._point, held)
        return self._point

    def tried(self, changes: Mapping[str, Intervention], steps: int = 0) -> dict[str, Outcome]:
        """Short trainings under each change, side by side, with the run's schedule compressed where they keep it."""
        steps = steps or self.short
        plain = self.recipe.at(1.0, steps)
        jobs = {name: plain & change & Judge().end(steps) for name, change in changes.items()}
        trials = self.runner.branch(self.point, self._named(jobs))
        return {name: self._outcome(trial, changes[name]) for name, trial in zip(changes, trials, strict=True)}

    def whole(self, changes: Mapping[str, Intervention], stop: int | None = None) -> dict[str, Trial]:
        """The script to its own end, or to a step, under each change."""
        jobs = {name: self.repaired & change & Intervention(stop=stop) for name, change in changes.items()}
        trials = self.runner.branch(self.point, self._named(jobs))
        self.spent += sum(trial.record.steps for trial in trials)
        return dict(zip(changes, trials, strict=True))

    def begun_anew(self) -> tuple[float, float]:
        """The mean loss of a short time, once more from the script's beginning, and as it was."""
        job = self.repaired & Intervention(stop=self.before + self.short)
        losses = self.runner.branch(Point(None), self._named({AS_IT_IS: job}))[0].record.losses()[self.before :]
        self.spent += self.before + len(losses)
        again, before = (
            statistics.fmean(values or [math.nan]) for values in (losses, self.record.losses()[: len(losses)])
        )
        return again, before

    def rated(self, scale: float, steps: int = 0) -> Intervention:
        """A short training's learning rates times ``scale``."""
        return Intervention(lr=self.recipe.at(scale, steps or self.short).lr)

    def _named(self, jobs: Mapping[str, Intervention]) -> dict[str, Intervention]:
        self._count += 1
        return {f"{self._count}-{name.replace(' ', '-').replace('/', '-')}": job for name, job in jobs.items()}

    def _outcome(self, trial: Trial, change: Intervention) -> Outcome:
        record = trial.record
        self.spent += record.steps + len(record.losses("coast"))
        return Outcome(
            change, Judge().read(trial), tuple(record.losses()), record.last("end").get("inputs"), spikes(record)
        )


def stage(record: Record) -> int:
    """The last step before the stage that counts: where an optimizer takes over from all others, as in fine-tuning."""
    last = record.rows[-1].get("optimizer", 0) if record.rows else 0
    ours = [row["step"] for row in record.rows if row.get("optimizer", 0) == last]
    others = [row["step"] for row in record.rows if row.get("optimizer", 0) != last]
    return max(others) if others and max(others) <= min(ours) and len(ours) >= LEAST else 0


def ending(record: Record) -> tuple[float, ...]:
    """The last losses of a run; none where one of them is not finite."""
    losses = record.losses()
    last = losses[-max(10, round(TAIL * len(losses))) :]
    return tuple(last) if last and all(map(math.isfinite, last)) else ()


def climbed(record: Record) -> bool:
    """Whether a run's last loss that is a number is not below its first."""
    numbers = [loss for loss in record.losses() if math.isfinite(loss)]
    return bool(numbers) and numbers[-1] >= numbers[0]


def surely(before: tuple[float, ...], after: tuple[float, ...]) -> tuple[float, tuple[float, float]]:
    """The mean by which ``after`` is lower, batch by batch, and its 95% interval."""
    apart = [a - b for a, b in zip(before, after, strict=False)]
    mean = statistics.fmean(apart) if apart else 0.0
    half = 1.96 * statistics.stdev(apart) / math.sqrt(len(apart)) if len(apart) > 1 else math.inf
    return mean, (mean - half, mean + half)


def validated(record: Record) -> tuple[float, float] | None:
    """The loss of the last three validations, and how much a single one is off from its neighbours."""
    losses = [loss for _, loss in record.validations(record.validation_site)]
    if not losses or not all(map(math.isfinite, losses)):
        return (math.inf, 0.0) if losses else None
    jumps = [b - (a + c) / 2 for a, b, c in zip(losses, losses[1:], losses[2:], strict=False)]
    last = jumps[-max(3, len(jumps) // 2) :]
    return statistics.fmean(losses[-3:]), statistics.pstdev(last) if len(last) > 1 else 0.0


def calm_norm(record: Record) -> float | None:
    """The median gradient norm."""
    norms = [norm for norm in record.column("grad_norm") if math.isfinite(norm) and norm > 0]
    return statistics.median(norms) if norms else None


def spikes(record: Record) -> float:
    """The largest gradient norm over the median; infinite where one was not finite."""
    norms = [number(row["grad_norm"]) for row in record.rows if "grad_norm" in row]
    calm = calm_norm(record)
    if not calm:
        return math.nan
    return max(norms) / calm if all(map(math.isfinite, norms)) else math.inf
