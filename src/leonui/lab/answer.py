"""What the page gets: the path, the losses, the verdict and the limit of every climber, and the race as Python."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from leonui.lab.wish import MOST_SAMPLES, REGRESSION, Entry, Wish
from leonui.landscape import Conditions, Surface, Verdict, climb, train
from leonui.landscape.regression import regression
from leonui.landscape.verdict import SAYINGS
from leonui.report.text import say
from leonui.words import mark

GRID = 65
DIGITS = 5


def answer(wish: Wish, surfaces: Mapping[str, Surface]) -> dict[str, Any]:
    """Run the race. ValueError where the surface is not known, or the start does not fit it."""
    began = time.perf_counter()
    if wish.surface == REGRESSION:
        climbers = [_trained(entry, wish.conditions) for entry in wish.entries]
        code = _training_code(wish)
    elif wish.surface in surfaces:
        surface = surfaces[wish.surface]
        climbers = [_climbed(entry, surface, wish.start, wish.conditions) for entry in wish.entries]
        code = _climbing_code(wish)
    else:
        raise ValueError(f"no surface is called {wish.surface[:40]!r}; choose of {', '.join([*surfaces, REGRESSION])}")
    return {"climbers": climbers, "python": code, "ms": round(1000 * (time.perf_counter() - began), 1)}


def _climbed(entry: Entry, surface: Surface, start: tuple[float, ...], conditions: Conditions) -> dict[str, Any]:
    path = climb(surface, entry.climber, start, conditions)
    found = {"x": numbers(path.points[:, 0]), "loss": numbers(path.losses), "steps": path.steps}
    found["y"] = numbers(path.points[:, 1]) if surface.dimensions == 2 else found["loss"]
    return found | {"limit": _known(path.limit), **_said(path.verdict)}


def _trained(entry: Entry, conditions: Conditions) -> dict[str, Any]:
    """A training on batches, seen in the plane of ``_plane``."""
    found = train(entry.climber, min(entry.batch, 10_000), MOST_SAMPLES, conditions.seed)
    data, away = regression(), found.points - regression().best.numpy()
    across = away @ _plane()
    lowest, near = float(data.loss(data.best)), 2e-3 * found.losses[0]
    if found.diverged:
        verdict = Verdict("diverged", {"step": found.steps})
    elif found.losses[-1] - lowest <= near:
        first = int(np.flatnonzero(found.losses - lowest > near)[-1]) + 1
        verdict = Verdict("converged", {"step": int(found.seen[first] // entry.batch)})
    else:
        verdict = Verdict("descending", {"loss": float(found.losses[-1])})
    return {
        "x": numbers(across[:, 0]), "y": numbers(across[:, 1]), "loss": numbers(found.losses),
        "seen": found.seen.tolist(), "steps": found.steps, "limit": _known(found.limit), **_said(verdict),
    }  # fmt: skip


def _plane() -> np.ndarray:
    """Two directions [inputs, 2] of length 1: the straight way from the start to the best weights, and across it."""
    way = -regression().best
    aside = torch.linspace(-1, 1, len(way), dtype=torch.float64)
    aside = aside - (aside @ way) / (way @ way) * way
    return torch.stack([way / way.norm(), aside / aside.norm()], dim=1).numpy()


def _said(verdict: Verdict) -> dict[str, Any]:
    words = say(SAYINGS[verdict.kind], **verdict.figures).forms
    return {"verdict": verdict.kind, "step": verdict.figures.get("step"), "words": words}


def _known(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def numbers(values: Iterable[float]) -> list[float | None]:
    """Numbers for the page: a few digits, null for what is not finite."""
    return [float(f"{x:.{DIGITS}g}") if math.isfinite(x) else None for x in map(float, values)]


def scenery(surface: Surface) -> dict[str, Any]:
    """A surface as the page draws it: axes, and losses or their shades, log10(1 + (loss - low) / scale)."""
    axes, losses = surface.grid(GRID if surface.dimensions == 2 else 401)
    return {
        "name": surface.name, "title": _forms(surface.title), "words": _forms(surface.words),
        "start": list(surface.start), "window": [list(edge) for edge in surface.window],
        "minima": [list(point) for point in surface.minima], "saddles": [list(point) for point in surface.saddles],
        **_drawn(axes, losses),
    }  # fmt: skip


def regression_scenery() -> dict[str, Any]:
    """The plane of the lesson's regression through the lowest loss."""
    data, reach = regression(), float(regression().best.norm())
    x = torch.linspace(-0.4 * reach, 1.2 * reach, GRID, dtype=torch.float64)
    y = torch.linspace(-0.5 * reach, 0.5 * reach, GRID, dtype=torch.float64)
    across = torch.from_numpy(_plane())
    points = data.best + x[None, :, None] * across[:, 0] + y[:, None, None] * across[:, 1]
    words = mark("50 weights, 10,000 samples, seen in one plane: all samples at once, one by one, or a few at a time.")
    return {
        "name": REGRESSION, "title": _forms(mark("Linear regression")), "words": _forms(words),
        "start": [reach, 0.0], "window": [[float(a[0]), float(a[-1])] for a in (x, y)],
        "minima": [[0.0, 0.0]], "saddles": [],
        **_drawn([x, y], data.losses(points.reshape(-1, len(data.best))).reshape(GRID, GRID)),
    }  # fmt: skip


def _forms(text: str) -> dict[str, str]:
    return say(text.replace("{", "{{").replace("}", "}}")).forms


def _drawn(axes: list[torch.Tensor], losses: torch.Tensor) -> dict[str, Any]:
    if losses.dim() == 1:
        return {"x": numbers(axes[0]), "loss": numbers(losses)}
    low, middle = float(losses.min()), float(losses.median())
    scale = max(middle - low, 1e-12) / 30
    shade = torch.log10(1 + (losses - low) / scale)
    said = {"x": numbers(axes[0]), "y": numbers(axes[1]), "shade": [numbers(row) for row in shade]}
    return said | {"low": low, "scale": scale}


def _climbing_code(wish: Wish) -> str:
    how = wish.conditions
    place = f'SURFACES["{wish.surface}"]' if ":" not in wish.surface else f'own("{wish.surface}")'
    names = "SURFACES" if ":" not in wish.surface else "own"
    lines = [f"from leonui.landscape import Climber, Conditions, climb, {names}", ""]
    lines += [f"how = Conditions(steps={how.steps}, noise={how.noise:g}, batch={how.batch}, seed={how.seed})", "for climber in ("]
    lines += [f"    {entry.climber!r}," for entry in wish.entries]
    return "\n".join([*lines, "):", f"    path = climb({place}, climber, {wish.start}, how)", "    print(climber, path.verdict)", ""])


def _training_code(wish: Wish) -> str:
    lines = ["from leonui.landscape import Climber, train", ""]
    lines += [
        f"print(train({entry.climber!r}, batch={entry.batch}, budget={MOST_SAMPLES}).losses[-1])" for entry in wish.entries
    ]
    return "\n".join([*lines, ""])

