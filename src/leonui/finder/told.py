"""A search as plain values, its factors turned into the first group's learning rates."""

from __future__ import annotations

import math
from typing import Any

from leonui.finder.rung import Rung
from leonui.finder.search import Search


def told(search: Search, rate: float) -> dict[str, Any]:
    """By what it is judged, its ramp and rungs; ``rate``: what a factor of 1 stands for. A loss not finite is None."""
    scales, losses = search.ramp
    return {
        "judged_by": search.judge.kind,
        "ramp": {"lr": [scale * rate for scale in scales], "loss": [_finite(loss) for loss in losses]},
        "rungs": [_rung(rung, rate) for rung in search.rungs],
    }


def _rung(rung: Rung, rate: float) -> dict[str, Any]:
    points = sorted(zip(rung.scale, rung.loss, rung.se, strict=True))
    return {
        "steps": rung.steps,
        "scale": [scale for scale, _, _ in points],
        "lr": [scale * rate for scale, _, _ in points],
        "loss": [_finite(loss) for _, loss, _ in points],
        "se": [se for _, _, se in points],
        "best": None if rung.broke else rung.best * rate,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
