"""Draws a Schedule: in the terminal, as one HTML page that asks nobody for anything, and as plain values.

Only numbers, and the schedule's own text: it reads the same in every language.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from rich.text import Text

from leonui.schedule import Schedule

WIDTH, HEIGHT = 60, 12  # of a chart in the terminal, in characters
PAGE = (720.0, 320.0)  # of a chart on a page, in its own units
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


@dataclass(frozen=True)
class Scale:
    """What of an axis lies where: 0 at its low end, 1 at its high one; logarithmic or not."""

    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log(x) if self.log else x for x in (self.low, self.high, value))
        return (at - low) / (high - low)

    def ticks(self, most: int) -> list[float]:
        """At most about so many round values on it: powers of ten where it is logarithmic."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10.0**i for i in range(first, last + 1, math.ceil((last - first + 1) / most))]
        rough = (self.high - self.low) / most
        ten = 10 ** math.floor(math.log10(rough))
        unit = next(ten * nice for nice in (1, 2, 5, 10) if ten * nice >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / unit - 1e-9), math.floor(self.high / unit + 1e-9)
        return [i * unit for i in range(first, last + 1)]


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


def page(schedule: Schedule, steps: int, lr: float = 1.0, title: str = "") -> str:
    """The chart as an HTML document of its own, which needs no script; ``title`` is the schedule as it was written."""
    width, height = PAGE
    chart = "\n".join(_chart(schedule, steps, lr))
    frame = {"width": width + 84, "height": height + 72, "middle": width / 2, "low": height + 42}
    return _PAGE.format(title=escape(title or str(schedule)), chart=chart, **frame)


def _chart(schedule: Schedule, steps: int, lr: float) -> Iterator[str]:
    width, height = PAGE
    drawn = columns(schedule, steps, lr, min(steps, int(width)))
    axis, along = scale(schedule, [value for column in drawn for value in column]), Scale(0, steps)
    for value in axis.ticks(5):
        y = height * (1 - axis(value))
        yield f'<path class="grid" d="M0 {y:.1f}H{width:g}"/><text class="left" x="-8" y="{y:.1f}">{value:.3g}</text>'
    for value in filter(float.is_integer, map(float, along.ticks(8))):
        yield f'<text class="under" x="{width * along(value):.1f}" y="{height + 20:g}">{value:g}</text>'
    at = 0
    for phase in schedule.phases:
        at += phase.steps or steps
        if at < steps:
            yield f'<path class="join" d="M{width * along(at):.1f} 0V{height:g}"/>'
    yield f'<path class="curve" d="{_curve(drawn, axis)}"/>'
    yield from _tips(schedule, steps, lr)


def _curve(drawn: list[list[float]], axis: Scale) -> str:
    """A learning rate holds for its whole step: level, then up or down at once."""
    width, height = PAGE
    path = []
    for x, values in enumerate(drawn):
        ends = (values[0], min(values), max(values), values[-1])
        ys = [f"{height * (1 - axis(value)):.2f}" for value in ends]
        path.append(f"{'V' if path else 'M0 '}{'V'.join(dict.fromkeys(ys))}H{width * (x + 1) / len(drawn):.2f}")
    return "".join(path)


def _tips(schedule: Schedule, steps: int, lr: float, most: int = 120) -> Iterator[str]:
    """What a pointer reads: the learning rate at a step, over each strip of the chart."""
    width, height = PAGE
    count = min(steps, most)
    for i in range(count):
        step = i * steps // count
        place = f'x="{width * i / count:.2f}" width="{width / count:.2f}" height="{height:g}"'
        yield f'<rect class="tip" {place}><title>step {step}: lr {lr * schedule(step):.4g}</title></rect>'


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ --ground: #fbfaf8; --ink: #1d2530; --soft: #5a6675; --grid: #e4e7ea; --curve: #0072b2; }}
:root {{ color-scheme: light dark; }}
@media screen and (prefers-color-scheme: dark) {{
  :root {{ --ground: #12171d; --ink: #e6e9ed; --soft: #9aa7b5; --grid: #2a333d; --curve: #56b4e9; }}
}}
body {{ background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }}
body {{ margin: 2rem auto; max-width: 58rem; padding-inline: 1rem; }}
h1 {{ font: 600 1.1rem/1.4 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }}
svg {{ width: 100%; height: auto; overflow: visible; }}
text {{ fill: var(--soft); font-size: 13px; }}
.left {{ text-anchor: end; dominant-baseline: middle; }} .under {{ text-anchor: middle; }}
.grid {{ stroke: var(--grid); }} .join {{ stroke: var(--grid); stroke-dasharray: 3 3; }}
.curve {{ fill: none; stroke: var(--curve); stroke-width: 2.5; stroke-linejoin: round; }}
.tip {{ fill: transparent; }} .tip:hover {{ fill: var(--curve); opacity: .15; }}
</style>
</head>
<body>
<h1>{title}</h1>
<svg viewBox="-64 -24 {width:g} {height:g}" role="img" aria-label="{title}">
{chart}
<text class="left" x="-8" y="-14">lr</text>
<text class="under" x="{middle:g}" y="{low:g}">step</text>
</svg>
</body>
</html>
"""
