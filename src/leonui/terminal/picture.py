"""A search for a learning rate as it goes on, drawn in characters: loss against rate, every candidate a mark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

WIDTH, HEIGHT = 64, 10  # in characters
MARKS = ("○", "●", "◆")
PLAIN = ("o", "*", "#")
RAMP, GOING, ABOVE = "·", "◌", "↑"
LEAST = 1e-300


def draw(
    rungs: Sequence[Mapping[str, Any]],
    ramp: Mapping[str, Any] | None,
    going: Mapping[float, float],
    interval: Sequence[float] | None,
    plain: bool = False,
) -> Text | None:
    """The chart; None while there is nothing to see. ``going``: by its rate, the newest loss of each candidate."""
    layers = _layers(rungs, ramp, going, PLAIN if plain else MARKS)
    points = [(lr, loss) for _, _, layer in layers for lr, loss in layer if math.isfinite(loss) and lr > LEAST]
    if not points:
        return None
    low, high = _losses(points, ramp)
    left, right = (math.log10(end(lr for lr, _ in points)) for end in (min, max))
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for mark, style, layer in layers:
        for lr, loss in layer:
            if lr > LEAST:
                row, above = _row(loss, low, high)
                cells[_column(lr, left, right), row] = (("^" if plain else ABOVE) if above else mark, style)
    return _framed(cells, (left, right), (low, high), interval, plain)


def _layers(
    rungs: Sequence[Mapping[str, Any]],
    ramp: Mapping[str, Any] | None,
    going: Mapping[float, float],
    marks: Sequence[str],
) -> list[tuple[str, str, list[tuple[float, float]]]]:
    """What is drawn one over the other: mark, style, points."""
    plain = marks is PLAIN
    layers = [("." if plain else RAMP, "dim", _points(ramp))] if ramp else []
    for number, rung in enumerate(rungs):
        last = number == len(rungs) - 1
        layers.append((marks[min(number, 2)], "bold green" if last else "cyan", _points(rung)))
    return [*layers, ("?" if plain else GOING, "yellow", [*going.items()])]


def _points(curve: Mapping[str, Any]) -> list[tuple[float, float]]:
    return [(lr, math.inf if loss is None else loss) for lr, loss in zip(curve["lr"], curve["loss"], strict=False)]


def _losses(points: Sequence[tuple[float, float]], ramp: Mapping[str, Any] | None) -> tuple[float, float]:
    """The loss axis: from the lowest to a little above where training began."""
    losses = [loss for _, loss in points]
    first = next((loss for _, loss in _points(ramp) if math.isfinite(loss)), max(losses)) if ramp else max(losses)
    low, high = min(losses), max(first, min(losses))
    return low, high + 0.1 * (high - low) or low + 1.0


def _row(loss: float, low: float, high: float) -> tuple[int, bool]:
    if not loss <= high:
        return 0, True
    return round((high - loss) / ((high - low) or 1.0) * (HEIGHT - 1)), False


def _column(lr: float, left: float, right: float) -> int:
    share = (math.log10(lr) - left) / ((right - left) or 1.0)
    return min(max(round(share * (WIDTH - 1)), 0), WIDTH - 1)


def _framed(
    cells: Mapping[tuple[int, int], tuple[str, str]],
    rates: tuple[float, float],
    losses: tuple[float, float],
    interval: Sequence[float] | None,
    plain: bool,
) -> Text:
    upright, corner, flat, found = "|+-=" if plain else "│└─━"
    labels = {0: f"{losses[1]:.3g}", HEIGHT // 2: "loss", HEIGHT - 1: f"{losses[0]:.3g}"}
    margin = max(map(len, labels.values()))
    chart = Text(no_wrap=True)
    for row in range(HEIGHT):
        chart.append(f"{labels.get(row, ''):>{margin}} {upright}", "dim")
        for column in range(WIDTH):
            chart.append(*cells.get((column, row), (" ", "")))
        chart.append("\n")
    chart.append(f"{'':{margin}} {corner}", "dim")
    inside = [_column(end, *rates) for end in interval] if interval else [1, 0]
    for column in range(WIDTH):
        within = inside[0] <= column <= inside[1]
        chart.append(found if within else flat, "bold green" if within else "dim")
    ends = f"{10 ** rates[0]:.2g}", f"{10 ** rates[1]:.2g}"
    middle = f"{'lr':^{WIDTH - len(ends[0]) - len(ends[1])}}"
    return chart.append(f"\n{'':{margin}}  {ends[0]}{middle}{ends[1]}", "dim")
