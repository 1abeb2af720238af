"""A surface as the page draws it: axes and shades; what is known of it; its words in every language."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from leonui.lab.answer import numbers as plain
from leonui.lab.answer import plane
from leonui.lab.wish import REGRESSION
from leonui.landscape import Surface
from leonui.landscape.regression import regression
from leonui.report.text import say
from leonui.words import mark

GRID, CURVE = 65, 401


def scenery(name: str, surface: Surface) -> dict[str, Any]:
    """A surface under the name that a Wish calls it by."""
    axes, losses = surface.grid(GRID if surface.dimensions == 2 else CURVE)
    return {
        "name": name, "title": _forms(surface.title), "words": _forms(surface.words), "start": list(surface.start),
        "minima": [list(point) for point in surface.minima], "saddles": [list(point) for point in surface.saddles],
        **_drawn(axes, losses),
    }  # fmt: skip


def regression_scenery() -> dict[str, Any]:
    """The plane of the lesson's regression through its lowest loss."""
    data, far = regression(), float(regression().best.norm())
    x = torch.linspace(-0.4 * far, 1.2 * far, GRID, dtype=torch.float64)
    y = torch.linspace(-0.5 * far, 0.5 * far, GRID, dtype=torch.float64)
    across = torch.from_numpy(plane())
    points = data.best + x[None, :, None] * across[:, 0] + y[:, None, None] * across[:, 1]
    losses = data.losses(points.reshape(-1, len(data.best))).reshape(GRID, GRID)
    words = mark("50 weights, 10,000 samples, seen in one plane: all samples at once, one by one, or a few at a time.")
    return {
        "name": REGRESSION, "title": _forms(mark("Linear regression")), "words": _forms(words),
        "start": [far, 0.0], "minima": [[0.0, 0.0]], "saddles": [],
        **_drawn([x, y], losses),
    }  # fmt: skip


def numbers(values: Tensor) -> list[float | None]:
    """A row of numbers for the page."""
    return plain(values.tolist())


def _forms(text: str) -> dict[str, str]:
    return say(text.replace("{", "{{").replace("}", "}}")).forms


def _drawn(axes: list[Tensor], losses: Tensor) -> dict[str, Any]:
    """Of a curve its losses; of a surface shades, log10(1 + (loss - low) / scale): deep and high are both seen."""
    window = [[float(axis[0]), float(axis[-1])] for axis in axes]
    if losses.dim() == 1:
        return {"window": window, "x": numbers(axes[0]), "loss": numbers(losses)}
    seen = losses[losses.isfinite()]
    low = float(seen.min())
    scale = max(float(seen.median()) - low, 1e-12) / 10
    shade = torch.log10(1 + (losses - low) / scale)
    said = {"window": window, "x": numbers(axes[0]), "y": numbers(axes[1])}
    return said | {"shade": [numbers(row) for row in shade], "low": low, "scale": scale}
