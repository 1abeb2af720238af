"""Draws a Schedule: in the terminal, and as plain values for a page.

Only numbers, and the schedule's own text: it reads the same in every language.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from rich.text import Text

from leonui.schedule import Schedule

WIDTH, HEIGHT = 60, 12  # of a chart in the terminal, in characters
FINE = 16  # steps that are looked at for one column of dots: the lowest and the highest are drawn
TINY = 1e-300  # what is less far apart is drawn as one line
_BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a character's two columns, from the top


def horizon(schedule: Schedule) -> int:
    """How many steps show a schedule: all, and a tenth more of what holds; if endless, until a fifth is left."""
    if not schedule.endless:
        return schedule.steps + max(1, schedule.steps // 10)
    last = schedule.phases[-1]
    more = 4 * math.ceil(last.length or 1)
    while abs(last(more) - last.end) > abs(last.start - last.end) / 5:
        more *= 2
    return schedule.steps + more


def rows(schedule: Schedule, steps: int, lr: float = 1.0) -> list[dict[str, Any]]:
    """The multiplier and the learning rate at each step, as plain values."""
    multipliers = ((step, schedule(step)) for step in range(steps))
    return [{"step": step, "multiplier": value, "lr": lr * value} for step, value in multipliers]


def told(schedule: Schedule, steps: int, lr: float = 1.0) -> dict[str, Any]:
    """What a page shows: some points of the curve, the steps at which phases join, whether its axis is logarithmic."""
    curve, ends = points(schedule, steps, lr), accumulate(phase.steps or steps for phase in schedule.phases)
    axis = scale(schedule, [value for _, value in curve])
    return {"steps": steps, "curve": curve, "joins": [end for end in ends if end < steps], "log": axis.log}


def points(schedule: Schedule, steps: int, lr: float = 1.0, most: int = 2000) -> list[tuple[int, float]]:
    """Each step with its learning rate; of more than ``most`` the lowest and the highest of each of some stretches."""
    if steps <= most:
        return [(step, lr * schedule(step)) for step in range(steps)]
    found, count = [], most // 2
    for stretch in range(count):
        first, after = stretch * steps // count, (stretch + 1) * steps // count
        inside = [
            (lr * schedule(step), step) for step in (*range(first, after, math.ceil((after - first) / FINE)), after - 1)
        ]
        found += [
            (step, value) for step, value in sorted({(step, value) for value, step in (min(inside), max(inside))})
        ]
    return found


@dataclass(frozen=True)
class Scale:
    """What of an axis lies where: 0 at its low end, 1 at its high one; logarithmic or not."""

    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log(x) if self.log else x for x in (self.low, self.high, value))
        return (at - low) / (high - low)


def scale(schedule: Schedule, values: list[float]) -> Scale:
    """The axis of values: from 0, but logarithmic where every phase is a line only in the logarithm."""
    low, high = min(values), max(values)
    if all(phase.shape in ("exponential", "decay") for phase in schedule.phases) and low > 0 and high >= 10 * low:
        return Scale(low, high, log=True)
    low, high = min(low, 0.0), max(high, 0.0)
    return Scale(low, high if high - low > TINY else low + 1.0)


def columns(schedule: Schedule, steps: int, lr: float, count: int) -> list[list[float]]:
    """The learning rates that fall into each of so many columns, some of them where they are many."""
    found = []
    for column in range(count):
        first = column * steps // count
        after = max(first + 1, (column + 1) * steps // count)
        inside = range(first, after, math.ceil((after - first) / FINE))
        found.append([lr * schedule(step) for step in (*inside, after - 1)])
    return found


def terminal(schedule: Schedule, steps: int, lr: float = 1.0, plain: bool = False) -> Text:
    """The chart in characters: Braille, or where those cannot be printed, in ASCII."""
    wide, tall = (1, 1) if plain else (2, 4)
    drawn = columns(schedule, steps, lr, WIDTH * wide)
    axis = scale(schedule, [value for column in drawn for value in column])
    dots = set(_dots(drawn, axis, HEIGHT * tall))
    cell = _ascii if plain else _braille
    upright, corner, flat = "|+-" if plain else "│└─"
    labels = [f"{value:.3g}" for value in (axis.high, axis.low)]
    margin = max(map(len, [*labels, "lr"]))
    names = {0: labels[0], HEIGHT // 2: "lr", HEIGHT - 1: labels[1]}
    chart = Text(no_wrap=True)
    for row in range(HEIGHT):
        chart.append(f"{names.get(row, ''):>{margin}} {upright}", "dim")
        chart.append("".join(cell(dots, column, row) for column in range(WIDTH)).rstrip("\u2800 ") + "\n", "cyan")
    return chart.append(f"{'':{margin}} {corner}{flat * WIDTH}\n{_below(steps, margin + 2)}", "dim")


def _below(steps: int, margin: int) -> str:
    """The line under the axis: its two ends, and between them what it counts."""
    ends = f"{'step':^{WIDTH}}"
    last = str(steps - 1)
    return f"{'':{margin}}0{ends[1 : WIDTH - len(last)]}{last}"


def _dots(drawn: list[list[float]], axis: Scale, height: int) -> Iterator[tuple[int, int]]:
    """Each dot's column, and its row from the top; from column to column without a gap."""
    before = None
    for x, values in enumerate(drawn):
        at = [round((1 - axis(value)) * (height - 1)) for value in values]
        reach = [*at, at[0] if before is None else before]
        yield from ((x, y) for y in range(min(reach), max(reach) + 1))
        before = at[-1]


def _braille(dots: set[tuple[int, int]], column: int, row: int) -> str:
    bits = (bit for x in (0, 1) for y, bit in enumerate(_BRAILLE[x]) if (2 * column + x, 4 * row + y) in dots)
    return chr(0x2800 + sum(bits))


def _ascii(dots: set[tuple[int, int]], column: int, row: int) -> str:
    return "*" if (column, row) in dots else " "
