"""What would help: one short training for each change that could, all from the same weights on the same batches."""

from __future__ import annotations

import math
from dataclasses import dataclass

from leonui.doctor.case import AS_IT_IS, Case, Outcome, calm_norm
from leonui.record import Record
from leonui.schedule import constant, warmup
from leonui.trial.intervention import Intervention, LearningRate, clip, treated
from leonui.trial.recipe import WARMUP, warmed

RATES = (0.01, 0.1, 10.0, 100.0)
BETWEEN = 10**0.5
FURTHER = 3  # so often a tenfold rate is tried beyond the best one, where that is the highest or the lowest
SPIKE = 20.0  # times the median: a gradient norm that stands out
DROPPED = 0.7  # of its units: more than any recipe drops
DEAD = 0.05  # of the highest rate, so low it is for more than half of the run
ODD = (0.05, 20.0)  # standard deviations of inputs beyond which they are badly scaled
FAR = 2.0  # times the loss of a network that learned nothing
NEAR = 1.1  # times the lowest loss
UNEVEN = 300.0  # times: between features


@dataclass(frozen=True)
class Panel:
    """Outcomes by name; ``rates``: the factors tried; ``bar``: the loss of a network that learned nothing."""

    outcomes: dict[str, Outcome]
    rates: dict[float, str]
    bar: float

    @property
    def control(self) -> Outcome:
        """The script as it is."""
        return self.outcomes[AS_IT_IS]

    @property
    def best_rate(self) -> float:
        """The factor with the lowest loss; 1 where none is surely better than the script's own."""
        return min(self.rates, key=lambda factor: (self.of(factor).loss, abs(math.log(factor))))

    def of(self, factor: float) -> Outcome:
        """The outcome of a factor on the rates."""
        return self.outcomes[self.rates[factor]]

    def changes(self, name: str) -> dict[str, Intervention]:
        """One of the changes, to be tried once more."""
        return {name: self.outcomes[name].change}

    def gain(self, outcome: Outcome) -> float:
        """The share of the achievable progress that it has over the script as it is.

        Where that is far above the bar and nothing is below it yet, to come down to it is the progress, and only what
        comes about as near to it as the best change has made any: from far above, half of the way is soon done.
        """
        lowest = min(other.loss for other in self.outcomes.values())
        if lowest > self.bar > 0 and self.control.loss > FAR * self.bar:
            near = outcome.loss <= NEAR * lowest and math.isfinite(lowest)
            return _part_of_the_way(self.control.loss, outcome.loss, self.bar) if near else 0.0
        before = min(self.control.loss, max(self.bar, lowest))
        if not math.isfinite(outcome.loss) or outcome.loss >= before:
            return 0.0
        return (before - outcome.loss) / max(self.bar - lowest, before - lowest, 1e-12)


def panel(case: Case) -> Panel:
    """Try all that could help, then the rates next to the best one."""
    names = {1.0: AS_IT_IS} | {factor: _rate(factor) for factor in RATES}
    changes = {name: case.rated(factor) for factor, name in names.items() if factor != 1.0}
    outcomes = case.tried({AS_IT_IS: Intervention(), **changes, **others(case)})
    found = Panel(outcomes, names, case.bar)
    for _ in range(FURTHER):
        if found.best_rate not in (min(found.rates), max(found.rates)):
            break
        found = _wider(case, found, 10.0 if found.best_rate > 1 else 0.1)
    return _wider(case, found, BETWEEN, 1 / BETWEEN)


def _wider(case: Case, found: Panel, *steps: float) -> Panel:
    """The panel with more rates, those so many times the best one."""
    names = {factor: _rate(factor) for step in steps if (factor := found.best_rate * step) not in found.rates}
    more = case.tried({name: case.rated(factor) for factor, name in names.items()})
    return Panel(found.outcomes | more, found.rates | names, found.bar)


def others(case: Case) -> dict[str, Intervention]:
    """Changes besides the rate, where the record gives a reason to try them."""
    record, rows = case.record, case.record.rows
    tried = {name: treated(name) for name in ("standardised inputs", "fresh weights", "levelled layers")}
    tried["warm-up"] = Intervention(lr=warmed(case.recipe).at(1.0, case.short).lr)
    if norm := calm_norm(record):
        tried["gradients clipped"] = clip(norm)
    if max((row.get("micro", 1) for row in rows), default=1) > 1:
        tried["averaged gradients"] = treated("averaged gradients")
    if record.last("clip"):
        tried["no clipping"] = treated("no clipping")
    if record.last("end").get("dropout", 0.0) >= DROPPED:
        tried["no dropout"] = treated("no dropout")
    if dies(record):
        tried["constant rate"] = Intervention(lr=LearningRate(constant(1.0), "base"))
    if any(group for event in record.named("optimizer") if (group := event["settings"].get("weight_decay"))):
        tried["no weight decay"] = treated(decay=0.0)
    return tried


def warm(steps: int) -> Intervention:
    """A linear warm-up over the first tenth of a whole run, times the script's own rates."""
    return Intervention(lr=LearningRate(warmup(max(2, round(WARMUP * steps))).then(constant(1.0))))


def dies(record: Record) -> bool:
    """Whether the learning rate is next to nothing for more than half of the run."""
    rates = [max(row["lr"]) for row in record.rows if row.get("lr")]
    return bool(rates) and sum(rate < DEAD * max(rates) for rate in rates) > 0.5 * len(rates)


def odd_inputs(outcome: Outcome | None) -> bool:
    """Whether the inputs that were standardised had needed it."""
    if outcome is None or not outcome.inputs:
        return False
    mean, least, most = (outcome.inputs[key] for key in ("mean", "least", "most"))
    return most > ODD[1] or most < ODD[0] or mean > ODD[1] * max(most, 1e-12) or most / max(least, 1e-12) > UNEVEN


def _part_of_the_way(start: float, now: float, goal: float) -> float:
    return (start - now) / (start - goal) if math.isfinite(start) else 1.0


def _rate(factor: float) -> str:
    return f"lr x {factor:.3g}"
