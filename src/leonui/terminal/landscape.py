"""A landscape in the terminal: the verdict first, then a map in characters, and the curvature beside what it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from leonui.terminal.text import REPORT, UNFINISHED, headline, number, speaker, speaks_braille
from leonui.words import mark, translate

WIDTH, HEIGHT = 60, 16  # of the map, in characters
SHADES, PLAIN = "█▓▒░ ", "#=-. "  # the deeper, the darker

VERDICTS = {
    "below": (
        "green",
        mark("Below the edge of stability: the sharpest curvature is {strain:.0%} of what the rate can bear"),
    ),
    "edge": (
        "yellow",
        mark("At the edge of stability: the sharpest curvature is {strain:.0%} of what the rate can bear"),
    ),
    "beyond": (
        "red",
        mark("Beyond the edge of stability: the sharpest curvature is {strain:.0%} of what the rate can bear"),
    ),
    "diverged": ("red", mark("Diverged: the loss ends above where it began")),
    "seen": ("cyan", mark("A path was drawn; what its rate can bear is not known")),
}


def show_landscape(result: dict[str, Any], lang: str) -> None:
    """Print what was found on and around a path."""
    console, say = Console(highlight=False), speaker(lang)
    if not result["complete"] and not result["findings"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    if told := VERDICTS.get(result["verdict"]):
        console.print(f"[bold {told[0]}]{say(told[1], strain=result['strain'])}[/]", soft_wrap=True)
    for finding in result["findings"]:
        console.print(f"[red]✖ {escape(headline(finding, lang))}[/]", soft_wrap=True)
        if fix := translate(finding["fix_template"], lang).format(**finding["evidence"]):
            console.print(f"  {escape(fix)}")
    if chart := draw(result["plane"], result["path"], not speaks_braille()):
        console.print(chart, soft_wrap=True)
    for line in _figures(result, say):
        console.print(line, soft_wrap=True)
    for note in result["notes"]:
        console.print(f"[dim]{say(note['template'], **note['evidence'])}[/]", soft_wrap=True)
    if result.get("report"):
        console.print(say(REPORT, report=result["report"]), soft_wrap=True)


def _figures(result: Mapping[str, Any], say: Any) -> list[str]:
    losses = [row[2] for row in result["path"] if row[2] is not None]
    rows, lines = result["curvature"], []
    if losses:
        words = mark("loss {first} -> {last} along the path; {share:.1%} of its variance lies in this plane")
        share = sum(result["explained"] or [0.0])
        lines.append(say(words, first=number(losses[0]), last=number(losses[-1]), share=share))
    if rows:
        words = mark("lambda_max {first} -> {last}; the rate can bear {bound}")
        lines.append(say(words, first=number(rows[0][1]), last=number(rows[-1][1]), bound=number(rows[-1][2])))
    return lines


def draw(plane: Mapping[str, Any], path: Sequence[Sequence[Any]], plain: bool = False) -> Text | None:
    """The map: the deeper, the darker; the path as dots from o to its end at X. None where there is no ground."""
    losses = sorted(loss for row in plane["loss"] for loss in row if loss is not None)
    if not losses:
        return None
    x, y = plane["x"], plane["y"]
    steps = _route(path, x, y)
    chart = Text(no_wrap=True)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            if step := steps.get((column, row)):
                chart.append(step, "bold bright_yellow")
            else:
                chart.append(_shade(_loss_at(plane, column, row), losses, PLAIN if plain else SHADES), "blue")
        chart.append("\n")
    return chart


def _route(path: Sequence[Sequence[Any]], x: Sequence[float], y: Sequence[float]) -> dict[tuple[int, int], str]:
    """A character for each cell that the path goes through, without gaps."""
    cells = [
        (round((at - x[0]) / (x[-1] - x[0]) * (WIDTH - 1)), round((y[-1] - up) / (y[-1] - y[0]) * (HEIGHT - 1)))
        for at, up, *_ in path
    ]
    route = {}
    for (a, b), (c, d) in pairwise(cells):
        far = max(abs(c - a), abs(d - b), 1)
        route |= {(round(a + (c - a) * i / far), round(b + (d - b) * i / far)): "." for i in range(far + 1)}
    return route | ({cells[0]: "o", cells[-1]: "X"} if cells else {})


def _loss_at(plane: Mapping[str, Any], column: int, row: int) -> float | None:
    """The loss of the place that is nearest to a cell."""
    across = round(column / (WIDTH - 1) * (len(plane["x"]) - 1))
    up = round((HEIGHT - 1 - row) / (HEIGHT - 1) * (len(plane["y"]) - 1))
    return plane["loss"][up][across]


def _shade(loss: float | None, losses: Sequence[float], shades: str) -> str:
    """By rank: each shade covers as much ground."""
    if loss is None:
        return " "
    rank = sum(other < loss for other in losses) / len(losses)
    return shades[min(int(rank * len(shades)), len(shades) - 1)]
