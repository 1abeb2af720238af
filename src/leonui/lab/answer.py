"""What the page gets: the path, the losses, the verdict and the limit of every climber, and the race as Python."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch

from leonui.lab.code import python
from leonui.lab.wish import MOST_SAMPLES, REGRESSION, Entry, Wish
from leonui.landscape import SURFACES, Surface, Verdict, climb, reach, train
from leonui.landscape.regression import Epochs, regression
from leonui.landscape.slope import compiled
from leonui.landscape.verdict import SAYINGS
from leonui.report.text import say

MOST_WALKED = 1000  # steps of a race that are taken one by one, about a millisecond each
MOST_AROUND = 5000  # the same, of a race at all the rates around its own
AROUND = np.geomspace(1 / 30, 30, 25)  # of its own rate: where a climber's end is looked at
DIGITS = 5


def answer(wish: Wish, surfaces: Mapping[str, Surface] = SURFACES) -> dict[str, Any]:
    """Run the race. ValueError where the surface is not known, the start does not fit it, or it would take too long."""
    began = time.perf_counter()
    run = _runner(wish, surfaces, MOST_WALKED)
    found = {"climbers": [run(entry) for entry in wish.entries], "python": python(wish)}
    return found | {"ms": round(1000 * (time.perf_counter() - began), 1)}


def rates(wish: Wish, surfaces: Mapping[str, Surface] = SURFACES) -> dict[str, Any]:
    """Where every climber would end with other rates: ``lr`` and ``loss``, null where it diverged; same errors."""
    _runner(wish, surfaces, MOST_AROUND // len(AROUND))
    at = [wish.scaled(float(share)).entries for share in AROUND]
    ends = [[_end(one, wish, surfaces) for one in entries] for entries in zip(*at, strict=True)]
    return {
        "climbers": [
            {"lr": numbers(one.lr for one in entries), "loss": losses}
            for entries, losses in zip(zip(*at, strict=True), ends, strict=True)
        ]
    }


def _runner(wish: Wish, surfaces: Mapping[str, Surface], most: int) -> Callable[[Entry], dict[str, Any]]:
    """What makes one climber's part of the answer."""
    if wish.surface == REGRESSION:
        return lambda entry: _trained(entry, wish)
    surface = surfaces.get(wish.surface)
    if surface is None:
        raise ValueError(f"no surface is called {wish.surface[:40]!r}; choose of {', '.join([*surfaces, REGRESSION])}")
    slow = [entry for entry in wish.entries if entry.clip or compiled(surface) is None]
    if len(slow) * wish.conditions.steps > most:
        raise ValueError(
            f"{len(slow)} climbers take {wish.conditions.steps} steps one by one, because they are clipped or because "
            f"the surface cannot be compiled; take at most {most // len(slow)} steps"
        )
    return lambda entry: _climbed(entry, surface, wish)


def _climbed(entry: Entry, surface: Surface, wish: Wish) -> dict[str, Any]:
    climber = entry.climber(wish.conditions.steps)
    path = climb(surface, climber, wish.start, wish.conditions)
    found = {"x": numbers(path.points[:, 0]), "loss": numbers(path.losses), "steps": path.steps}
    found["y"] = numbers(path.points[:, 1]) if surface.dimensions == 2 else found["loss"]
    return found | _limits(climber, path.limit) | _said(path.verdict)


def _trained(entry: Entry, wish: Wish) -> dict[str, Any]:
    """A training on batches, seen in the plane of ``plane``."""
    climber, found = _training(entry, wish)
    across = (found.points - regression().best.numpy()) @ plane()
    return {
        "x": numbers(across[:, 0]), "y": numbers(across[:, 1]), "loss": numbers(found.losses),
        "seen": found.seen.tolist(), "steps": found.steps,
        **_limits(climber, found.limit), **_said(_judged(found, entry.batch)),
    }  # fmt: skip


def _training(entry: Entry, wish: Wish) -> tuple[Any, Epochs]:
    climber = entry.climber(max(1, MOST_SAMPLES // entry.batch))
    return climber, train(climber, entry.batch, MOST_SAMPLES, wish.conditions.seed, keep=1000)


def _judged(found: Epochs, batch: int) -> Verdict:
    """Who is within a five-hundredth of the way to the lowest loss has arrived."""
    data = regression()
    near = found.losses - float(data.loss(data.best)) <= 2e-3 * found.losses[0]
    if found.diverged:
        return Verdict("diverged", {"step": found.steps})
    if near[-1]:
        first = int(np.flatnonzero(~near)[-1]) + 1
        return Verdict("converged", {"step": int(found.seen[first] // batch)})
    return Verdict("descending", {"loss": float(found.losses[-1])})


def _end(entry: Entry, wish: Wish, surfaces: Mapping[str, Surface]) -> float | None:
    """The loss after the last step; None where it was never taken."""
    if wish.surface == REGRESSION:
        _, found = _training(entry, wish)
        return None if found.diverged else numbers(found.losses[-1:])[0]
    path = climb(surfaces[wish.surface], entry.climber(wish.conditions.steps), wish.start, wish.conditions)
    return None if path.verdict.kind in ("diverged", "fell") else numbers(path.losses[-1:])[0]


def plane() -> np.ndarray:
    """Two directions [inputs, 2] of length 1: the straight way from the start to the best weights, and across it."""
    way = -regression().best
    aside = torch.linspace(-1, 1, len(way), dtype=torch.float64)
    aside = aside - (aside @ way) / (way @ way) * way
    return torch.stack([way / way.norm(), aside / aside.norm()], dim=1).numpy()


def _limits(climber: Any, limit: float) -> dict[str, float | None]:
    """The largest stable rate, and what it is times lambda_max; null where there is none, or none is known."""
    factor = reach(climber.make(torch.zeros(1, dtype=torch.float64, requires_grad=True)))
    return {"limit": _known(limit), "reach": _known(factor)}


def _said(verdict: Verdict) -> dict[str, Any]:
    words = say(SAYINGS[verdict.kind], **verdict.figures).forms
    return {"verdict": verdict.kind, "step": verdict.figures.get("step"), "words": words}


def _known(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def numbers(values: Iterable[float]) -> list[float | None]:
    """Numbers for the page: a few digits, null for what is not finite."""
    return [float(f"{x:.{DIGITS}g}") if math.isfinite(x) else None for x in map(float, values)]
