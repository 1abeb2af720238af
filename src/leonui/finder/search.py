"""The search itself: a few steps as they are, a ramp, then two rungs of branches, all together as long as one run."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from leonui.finder.bracket import breaking, span
from leonui.finder.estimate import Estimate, estimate
from leonui.finder.horizon import FIELD, Law
from leonui.finder.rung import Rung
from leonui.finder.status import cliff, learned, surely_lower
from leonui.trial.intervention import Intervention, ramped
from leonui.trial.judge import COAST, Judge, coasting
from leonui.trial.recipe import Recipe
from leonui.trial.runner import Point, Runner
from leonui.trial.trial import Trial

DRY_STEPS = 3
RAMP = (20, 60)  # steps, at least and at most; else a twentieth of the run
FIRST = tuple(-step / 2 for step in range(7))  # decades below the break
MIDDLE = FIRST[1:5]
LAST = (-0.5, 0.0, 0.5)  # decades round the best so far, moved by the horizon law
LENGTHS = (1.0, 5.0)  # the steps of a rung, in parts
SHORTEST, LONGEST = 8, 20_000  # steps of a rung, and of a whole search, at most
NEAR = (0.1, 2.0)  # factors on the first rung's best, between which the middle of the last one lies
EXTENSIONS = 2  # so often the first rung is continued while the best candidate is its lowest or its highest
FURTHER = {-1: (1, 2, 3), 1: (1,)}  # by how many half decades: above the ramp's break a careful one at a time
START = 16  # batches that tell the loss before any training
INFORMED = 4.0  # standard errors that the first rung's best must have learned to choose by it
WARM = (1.0, 2.0)  # factors on the best rate that are tried with a warm-up


@dataclass
class Search:
    """A search under way; what is known by then can be read at any moment.

    tell: is told when there is more to see; most: steps that it may take; name: tells its trials from those of another;
    rate: the learning rate that a factor of 1 stands for; law: how the best factor falls with the length of a run.
    """

    runner: Runner
    point: Point
    recipe: Recipe
    judge: Judge = field(default_factory=Judge)
    tell: Callable[[Search], None] = lambda search: None
    most: int = LONGEST
    name: str = ""
    rate: float = 1.0
    law: Law = FIELD

    def __post_init__(self) -> None:
        self.budget = min(self.recipe.steps, self.most)
        self.start: tuple[float, ...] = ()
        self.untaught = math.nan  # the validation loss of the first weights, where the judge looks at validation
        self.dry: Trial | None = None
        self.ramp: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
        self.rungs: list[Rung] = []
        self.repeated = False  # the first rung said nothing, and the second stands in its place
        self.spent = 0

    def go(self) -> None:
        """Do all of it; ends early where training breaks at any rate."""
        self.dry = self._look()
        if not (self.start and self.dry.record.steps):
            return
        top = self._climb_ramp(*span(self.dry.record))
        steps, more = lengths(self.budget)
        self._add(self._extended(self._train([top * 10**offset for offset in FIRST], steps)))
        if self.rungs[0].broke:
            return
        if not learned(self.start, self.rungs[0], INFORMED):
            self._again(top, more)
            return
        self._add(self._noisy(self._settled(self._train([self._centre(more) * 10**offset for offset in LAST], more))))

    def estimate(self) -> Estimate | None:
        """What is known by now of the whole run; None before there is a rung that did not break."""
        rungs = [rung for rung in self.telling if not rung.broke]
        return estimate(rungs, self.recipe.steps, self.first_loss, self.untaught, self.law) if rungs else None

    @property
    def telling(self) -> list[Rung]:
        """The rungs that say something: not the first one, where it had to be repeated."""
        return self.rungs[1:] if self.repeated else self.rungs

    def better_warm(self, warm: Recipe) -> bool:
        """Whether training with a warm-up is surely better, at the best rate of the first rung or above it."""
        rung = self.rungs[0]
        tried = self._train([rung.best * factor for factor in WARM], rung.steps, warm, "warm")
        return surely_lower(tried, rung, self.first_loss)

    @property
    def first_loss(self) -> float:
        """The mean loss of the first weights."""
        return statistics.fmean(self.start)

    @property
    def limited(self) -> bool:
        """Whether training breaks just above the best rate."""
        return any(cliff(rung, self.first_loss) for rung in self.rungs if not rung.broke)

    @property
    def planned(self) -> int:
        """How many steps the search will take, if nothing has to be extended."""
        rungs = zip((len(FIRST), len(LAST)), lengths(self.budget), strict=True)
        return overhead(self.budget) + sum(count * (steps + coasting(steps)) for count, steps in rungs)

    # its parts

    def _look(self) -> Trial:
        """A few steps as they are, and the loss of the first weights."""
        jobs = {
            f"{self.prefix}start": self.judge.end(0, START),
            f"{self.prefix}dry": self.recipe.also & Intervention(stop=DRY_STEPS),
        }
        start, dry = self.runner.branch(self.point, jobs, mute=self.judge.metric is None)
        losses = start.record.losses("coast") if self.judge.coasts else self.judge.read(start)
        self.untaught, batches = self.judge.validation(start)
        finite = tuple(filter(math.isfinite, losses))
        self.start = finite if 2 * len(finite) > len(losses) else ()  # one batch may overflow, as AMP knows
        self.spent += len(start.record.losses("coast")) + dry.record.steps + batches
        return dry

    def _climb_ramp(self, low: float, high: float) -> float:
        """Raise the rate until training breaks; returns where."""
        steps = ramp_steps(self.budget)
        job = self.recipe.also & ramped(low, high, steps) & Intervention(stop=steps)
        losses = tuple(self.runner.branch(self.point, {f"{self.prefix}ramp": job})[0].record.losses())
        scales = tuple(low * (high / low) ** ((i + 1) / steps) for i in range(len(losses)))
        self.spent, self.ramp = self.spent + len(losses), (scales, losses)
        self.tell(self)
        return breaking(scales, losses)

    def _train(
        self, scales: Sequence[float], steps: int, recipe: Recipe | None = None, name: str = "", coast: int = 0
    ) -> Rung:
        """Train every candidate for ``steps``, and judge it."""
        name, recipe = f"{self.prefix}{name or f'rung{len(self.rungs) + 1}'}", recipe or self.recipe
        jobs = {f"{name}-{scale:.4g}": recipe.at(scale, steps) & self.judge.end(steps, coast) for scale in scales}
        trials = self.runner.branch(self.point, jobs, mute=self.judge.metric is None)
        self.spent += sum(trial.record.steps + len(trial.record.losses("coast")) for trial in trials)
        heldout, batches = zip(*map(self.judge.validation, trials), strict=True)
        self.spent += sum(batches)
        rung = Rung(steps, tuple(scales), tuple(map(self.judge.read, trials)), self.runner.start != "rewind")
        return replace(rung, heldout=heldout if self.judge.site else ())

    def _centre(self, steps: int) -> float:
        """Round which the last rung lies: by the first one, near its best, as single batches may say anything."""
        found, best = estimate(self.rungs, steps, self.first_loss, self.untaught, self.law).scale, self.rungs[0].best
        return min(max(found, best * NEAR[0]), best * NEAR[1])

    @property
    def prefix(self) -> str:
        """What tells its trials from those of another search."""
        return f"{self.name.replace(', ', '-').replace(' ', '-')}-" if self.name else ""

    def _again(self, top: float, more: int) -> None:
        """The first rung was too short or too noisy to choose by: its middle again, longer, judged on more batches."""
        coast = 2 * COAST[1]
        steps = max(self.rungs[0].steps, (more + COAST[1]) * len(LAST) // len(MIDDLE) - coast)
        rung = self._train([top * 10**offset for offset in MIDDLE], steps, coast=coast)
        same = self.runner.branch(self.point, {f"{self.prefix}same": Intervention(stop=0, coast=steps + coast)})[0]
        untrained = tuple(same.record.losses("coast")) if self.judge.coasts else self.start
        self.spent += len(untrained)
        self.repeated = True
        self._add(self._settled(replace(rung, untrained=untrained[-max(map(len, rung.losses)) :])))

    def _add(self, rung: Rung) -> None:
        self.rungs.append(rung)
        self.tell(self)

    def _extended(self, rung: Rung) -> Rung:
        for _ in range(EXTENSIONS):
            if not (rung.edge and learned(self.start, rung)):
                break
            further = [rung.best * 10 ** (rung.edge * step / 2) for step in FURTHER[rung.edge]]
            rung = rung.joined(self._train(further, rung.steps))
        return rung

    def _settled(self, rung: Rung) -> Rung:
        """The rung with more candidates, as long as its best one, or validation's, is at an edge."""
        for _ in range(EXTENSIONS):
            further = self._beyond(rung)
            if not further:
                break
            rung = rung.joined(self._train([further], rung.steps))
        return rung

    def _beyond(self, rung: Rung) -> float | None:
        """Half a decade beyond the edge where a rung is best; None where it has seen both sides."""
        if rung.overfits(self.untaught):
            return rung.kindest * 10**-0.5 if rung.kindest == min(rung.scale) else None
        return rung.best * 10 ** (rung.edge / 2) if rung.edge else None

    def _noisy(self, rung: Rung) -> Rung:
        """The rung with what other data do to a loss, where candidates saw other data: from its best one, again."""
        if rung.paired or rung.broke:
            return rung
        again = self._train([rung.best], rung.steps, name="again").loss[0]
        return replace(rung, noise=abs(again - min(rung.loss)) / math.sqrt(2)) if math.isfinite(again) else rung


def ramp_steps(budget: int) -> int:
    """The length of the ramp."""
    return min(max(budget // 20, RAMP[0]), RAMP[1])


def overhead(budget: int) -> int:
    """The steps that are not a rung's."""
    return DRY_STEPS + START + ramp_steps(budget)


def lengths(budget: int) -> tuple[int, int]:
    """The steps of each rung, so that all of the search together takes about so many."""
    parts = (
        len(FIRST) * LENGTHS[0] + len(LAST) * LENGTHS[1] + 1 + len(WARM)
    )  # and for looks at the curvature and a warm-up
    unit = (budget - overhead(budget) - (len(FIRST) + len(LAST)) * COAST[1]) / parts
    first, last = (max(round(unit * part), SHORTEST) for part in LENGTHS)
    return first, last
