"""Baseline against climb: paired over seeds, with an interval, and no winner where the interval holds zero."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from typing import Any

LEVEL = 0.95
# Student's t, two-sided 95%, by degrees of freedom; beyond the last one Cornish and Fisher's series is exact enough
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
NORMAL = 1.959964
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
        return sum(self.coasted) / len(self.coasted) if self.coasted else None

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
        return apart(theirs, ours)


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
    signs = {quantity: -1 if quantity == "metric" and goal == "max" else 1 for quantity in known}
    if len(pairs) == 1:
        return _single(pairs[0], signs)
    quantity = known[0]
    return judged([pair.difference(quantity) or 0.0 for pair in pairs], signs[quantity], quantity)


def _single(pair: Pair, signs: dict[str, int]) -> Verdict:
    quantity = next(iter(signs))
    difference = pair.difference(quantity) or 0.0
    if "loss" not in signs:
        return Verdict("no_difference", quantity, difference, None)
    batches = [apart(*both) for both in zip(pair.baseline.coasted, pair.climb.coasted, strict=False)]
    said = judged(batches, 1, "loss")
    toward = signs[quantity] * difference
    agrees = {"better": toward < 0, "worse": toward > 0}.get(said.word, True)
    known = quantity != "loss" and math.isfinite(difference)
    return replace(said, word="no_difference") if known and not agrees else said


def judged(differences: list[float], sign: int, quantity: str) -> Verdict:
    """The verdict of paired differences; ``sign`` is -1 where higher is better.

    An infinite difference means that one side came to no finite end. It decides if no other difference points the
    other way; there is no interval then, and none from a single difference.
    """
    finite = [difference for difference in differences if math.isfinite(difference)]
    if len(finite) < len(differences):
        ends = {math.copysign(1, difference) for difference in differences if math.isinf(difference)}
        ends |= {math.copysign(1, sign * difference) for difference in finite if difference}
        word = "no_difference" if len(ends) != 1 else "better" if ends == {-1.0} else "worse"
        return Verdict(word, quantity, math.inf * next(iter(ends)) if len(ends) == 1 else math.nan, None)
    mean = statistics.fmean(finite)
    if len(finite) < 2:
        return Verdict("no_difference", quantity, mean, None)
    half = student(len(finite) - 1) * statistics.stdev(finite) / math.sqrt(len(finite))
    low, high = mean - half, mean + half
    word = "no_difference" if low <= 0 <= high else "better" if sign * mean < 0 else "worse"
    return Verdict(word, quantity, mean, (low, high))


def apart(before: float, after: float) -> float:
    """After minus before; infinite in the direction of the one that is not finite, which is the worse one."""
    if not math.isfinite(before):
        return -math.inf if math.isfinite(after) else 0.0
    return after - before if math.isfinite(after) else math.inf


def student(freedom: int) -> float:
    """The two-sided 95% quantile of Student's t."""
    if freedom <= len(STUDENT):
        return STUDENT[freedom - 1]
    z = NORMAL
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def finite_or_none(value: float | None) -> float | None:
    """The number, or None where it is not finite: JSON has no other word for it."""
    return value if value is not None and math.isfinite(value) else None
