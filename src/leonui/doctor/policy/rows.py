"""What the judges of a policy read: one row an update, and the beginning of a run left out where it misleads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from leonui.record import Record, number

SUSTAINED, BEGINS = 5, 0.1  # rows in a row, after this share of the run
SURELY, KEPT = 3.0, 0.8  # deviations that a return must gain, and the share of its best gain that it must keep


def column(record: Record, name: str) -> list[float]:
    """The numbers of a name, one an update that has it; what is no number is kept as NaN."""
    return [number(row[name]) for row in record.rows if row.get(name) is not None]


def finite(record: Record, name: str) -> list[float]:
    """The numbers of a name that are finite."""
    return [value for value in column(record, name) if math.isfinite(value)]


def sustained(bad: Sequence[bool]) -> int | None:
    """The row at which enough rows in a row begin to be bad, the beginning of the run left out.

    >>> sustained([True] * 9 + [False] * 9), sustained([False] * 5 + [True] * 5)
    (2, 5)
    """
    first = math.ceil(BEGINS * len(bad))
    starts = range(first, len(bad) - SUSTAINED + 1)
    return next((at for at in starts if all(bad[at : at + SUSTAINED])), None)


def over(record: Record, name: str, limit: float) -> tuple[list[float], int | None]:
    """The numbers of a name, and the row at which enough in a row begin to be above a limit."""
    values = record.column(name)
    return values, sustained([value > limit for value in values])


def settled(values: Sequence[float]) -> list[float]:
    """The values without the beginning of the run; none where too few are left to judge by."""
    rest = list(values[math.ceil(BEGINS * len(values)) :])
    return rest if len(rest) >= SUSTAINED else []


def ends(values: Sequence[float]) -> tuple[float, float]:
    """The means of the first and of the last tenth, five values at least."""
    width = max(SUSTAINED, len(values) // 10)
    return fmean(values[:width]), fmean(values[-width:])


def step(record: Record, at: int) -> int:
    """How many steps the environments had made at a row."""
    return record.rows[at].get("step", at + 1)


def gained(record: Record) -> float | None:
    """By how much the return rose from the first tenth of the run to the last, in its own deviations at the start."""
    values = finite(record, "return")
    if len(values) < 2 * SUSTAINED:
        return None
    width = max(SUSTAINED, len(values) // 10)
    before, after = ends(values)
    spread = math.sqrt(fmean([(value - before) ** 2 for value in values[:width]]))
    return (after - before) / max(spread, 1e-3 * abs(before), 1e-12)


def rises(record: Record) -> bool:
    """Whether the return rose for sure, and the run ends near the best that it reached."""
    values, gain = finite(record, "return"), gained(record)
    if gain is None or gain < SURELY:
        return False
    width, (before, after) = max(SUSTAINED, len(values) // 10), ends(values)
    best = max(fmean(values[at : at + width]) for at in range(len(values) - width + 1))
    return after - before > KEPT * (best - before)
