"""What a chart draws of a Record: its curves, thinned for a small page, and smoothed for the eye."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from leonui.record import Record, number
from leonui.report.numerals import known

LIMIT = 5000
_SMOOTH_POINTS = 500


@dataclass(frozen=True)
class Curve:
    """Points to draw; ``None`` where a number is not finite."""

    x: Sequence[float]
    y: Sequence[float | None]

    def __bool__(self) -> bool:
        return any(value is not None for value in self.y)

    @property
    def values(self) -> list[float]:
        """The values that can be drawn, in order."""
        return [value for value in self.y if value is not None]


def finite(values: Iterable[float | None]) -> list[float | None]:
    """The values, with ``None`` for each that cannot be drawn."""
    return [value if known(value) else None for value in values]


def training(record: Record | None) -> Curve:
    """The training loss of every step."""
    rows = record.rows if record else []
    steps = dict.fromkeys(row["step"] for row in rows if _trains(row) and "loss" in row)
    return Curve(list(steps), finite(record.losses() if record else []))


def validation(record: Record | None, site: str | None) -> Curve:
    """The validation losses that were computed at one place in the script."""
    passes = record.validations(site) if record else []
    return Curve([step for step, _ in passes], finite(loss for _, loss in passes))


def rates(record: Record | None) -> Curve:
    """The learning rate of every step, as the optimizer used it, in its first parameter group."""
    first: dict[int, float] = {}
    for row in record.rows if record else []:
        if _trains(row) and row.get("lr"):
            first.setdefault(row["step"], number(row["lr"][0]))
    return Curve(list(first), finite(first.values()))


def _trains(row: dict) -> bool:
    return row.get("phase", "train") == "train"


def window(length: int) -> int:
    """Over how many steps a curve of this length is smoothed: an odd number."""
    return length // 40 // 2 * 2 + 1


def smooth(curve: Curve, width: int) -> Curve:
    """The running median, which no spike lifts, over ``width`` points, at no more places than a screen shows."""
    places = range(0, len(curve.x), max(1, math.ceil(len(curve.x) / _SMOOTH_POINTS)))
    return Curve([curve.x[i] for i in places], [_median_at(curve.y, i, width // 2) for i in places])


def _median_at(values: Sequence[float | None], at: int, reach: int) -> float | None:
    if values[at] is None:
        return None
    return median(value for value in values[max(0, at - reach) : at + reach + 1] if value is not None)


def thin(curve: Curve, limit: int = LIMIT) -> Curve:
    """At most ``limit`` points; the lowest and the highest of each stretch stay, so that no spike is lost."""
    length = len(curve.x)
    if length <= limit:
        return curve
    stretch = math.ceil(2 * length / limit)
    kept = [i for start in range(0, length, stretch) for i in _extremes(curve.y, start, min(start + stretch, length))]
    return Curve([curve.x[i] for i in kept], [curve.y[i] for i in kept])


def _extremes(values: Sequence[float | None], start: int, end: int) -> list[int]:
    drawn = {i: value for i in range(start, end) if (value := values[i]) is not None}
    return sorted({min(drawn, key=drawn.__getitem__), max(drawn, key=drawn.__getitem__)}) if drawn else [start]
