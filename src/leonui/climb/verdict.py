"""Baseline against climb: paired over seeds, with an interval, and no winner where the interval holds zero."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

LEVEL = 0.95
# Student's t, two-sided 95%, by degrees of freedom; beyond the last one the normal's is near enough
STUDENT = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
)
NORMAL = 1.960
QUANTITIES = ("metric", "validation", "loss")


@dataclass(frozen=True)
class Measured:
    """What is known of one finished training: coasted loss per batch, last validation loss, the script's own metric."""

    coasted: tuple[float, ...] = ()
    validation: float | None = None
    metric: float | None = None

    @property
    def loss(self) -> float | None:
        """The mean coasted loss."""
        return statistics.fmean(self.coasted) if self.coasted else None

    def to_json(self) -> dict[str, float | None]:
        """Plain values; what is not finite is None."""
        return {name: finite_or_none(getattr(self, name)) for name in ("loss", "validation", "metric")}


@dataclass(frozen=True)
class Pair:
    """The two trainings of one seed."""

    seed: int
    baseline: Measured
    climb: Measured

    def difference(self, quantity: str) -> float | None:
        """Climb minus baseline; None where one of the two has no such number."""
        ours, theirs = getattr(self.climb, quantity), getattr(self.baseline, quantity)
        if ours is None or theirs is None:
            return None
        if not math.isfinite(theirs):
            return 0.0 if not math.isfinite(ours) else -math.inf
        return ours - theirs if math.isfinite(ours) else math.inf


@dataclass(frozen=True)
class Verdict:
    """better, no_difference or worse; by which quantity; the mean difference and its interval, if there can be one."""

    word: str
    judged_by: str
    difference: float
    interval: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        interval = [finite_or_none(end) for end in self.interval] if self.interval else None
        judged_by = "training" if self.judged_by == "loss" else self.judged_by
        difference = finite_or_none(self.difference)
        return {
            "verdict": self.word,
            "judged_by": judged_by,
            "difference": difference,
            "interval": interval,
            "level": LEVEL,
        }


def compare(pairs: list[Pair], goal: str = "min") -> Verdict | None:
    """The verdict of all pairs, by the metric if the script prints one, else validation, else coasted training loss.

    From a single seed only the coasted losses have an interval, that over batches; a validation loss or metric that
    moved the other way then takes the win back.
    """
    known = [quantity for quantity in QUANTITIES if all(pair.difference(quantity) is not None for pair in pairs)]
    if not pairs or not known:
        return None
    if len(pairs) == 1:
        return _single(pairs[0], known, goal)
    quantity = known[0]
    differences = [pair.difference(quantity) or 0.0 for pair in pairs]
    sign = -1 if quantity == "metric" and goal == "max" else 1
    return Verdict(*_judged(differences, sign, quantity))


def _single(pair: Pair, known: list[str], goal: str) -> Verdict:
    quantity = known[0]
    difference = pair.difference(quantity) or 0.0
    if "loss" not in known:
        return Verdict("no_difference", quantity, difference, None)
    batches = [ours - theirs for ours, theirs in zip(pair.climb.coasted, pair.baseline.coasted, strict=False)]
    word, _, mean, interval = _judged(batches, 1, "loss")
    sign = -1 if quantity == "metric" and goal == "max" else 1
    agrees = {"better": sign * difference < 0, "worse": sign * difference > 0}.get(word, True)
    if quantity == "loss" or not math.isfinite(difference):
        return Verdict(word, "loss", mean, interval)
    return Verdict(word if agrees else "no_difference", "loss", mean, interval)


def _judged(differences: list[float], sign: int, quantity: str) -> tuple[str, str, float, tuple[float, float] | None]:
    finite = [difference for difference in differences if math.isfinite(difference)]
    if len(finite) < len(differences):
        signs = {math.copysign(1, difference) for difference in differences if difference}
        word = "no_difference" if len(signs) != 1 else "better" if signs == {-1.0} else "worse"
        return word, quantity, math.copysign(math.inf, sum(signs)) if len(signs) == 1 else math.nan, None
    mean = statistics.fmean(finite)
    half = student(len(finite) - 1) * statistics.stdev(finite) / math.sqrt(len(finite))
    low, high = mean - half, mean + half
    word = "no_difference" if low <= 0 <= high else "better" if sign * mean < 0 else "worse"
    return word, quantity, mean, (low, high)


def student(freedom: int) -> float:
    """The two-sided 95% quantile of Student's t."""
    return STUDENT[freedom - 1] if freedom <= len(STUDENT) else NORMAL * (1 + 1.2 / freedom)


def finite_or_none(value: float | None) -> float | None:
    """The number, or None where it is not finite: JSON has no other word for it."""
    return value if value is not None and math.isfinite(value) else None
