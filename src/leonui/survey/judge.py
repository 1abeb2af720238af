"""What a path tells: whether its rate stays below what the curvature bears, and where its loss went."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

NEAR = 2.0  # the edge: within this factor of what the rate can bear
ROSE = 1.05  # a loss that ends above its start by more has diverged


def curvature(events: Sequence[Mapping[str, Any]], rates: Mapping[int, float]) -> list[list[float | None]]:
    """Step, lambda_max, and the lambda_max at which the rate of that step (``rates``) would bounce off: 2 / lr for SGD.

    ``events``: those of leonui.trial.probe.curvature for one optimizer. What is not known is None.

    >>> curvature([{"step": 2, "lambda_max": 8.0, "limit": 0.25}], {2: 0.1})
    [[2, 8.0, 20.0]]
    """
    known = [
        (event["step"], value, float(event.get("limit", math.nan)))
        for event in events
        if math.isfinite(value := float(event.get("lambda_max", math.nan)))
    ]
    reaches = [value * limit for _, value, limit in known if math.isfinite(value * limit)]
    reach = statistics.median(reaches) if reaches else math.nan
    return [[step, value, _share(reach, rates.get(step, math.nan))] for step, value, _ in known]


def _share(reach: float, rate: float) -> float | None:
    return reach / rate if rate > 0 and math.isfinite(reach) else None


def strain(rows: Sequence[Sequence[float | None]]) -> float | None:
    """lambda_max over what the rate can bear, the median over the later half; None where it is not known."""
    shares = [value / bound for _, value, bound in rows[len(rows) // 2 :] if value is not None and bound]
    return statistics.median(shares) if shares else None


def verdict(losses: Sequence[float], strained: float | None) -> str:
    """One word: "diverged", "beyond", "edge" or "below" what the rate can bear, "seen" where that is not known.

    ``losses`` [n] are those of the training, in order.

    >>> verdict([2.0, 1.0], 0.1), verdict([2.0, 1.0], 1.2), verdict([1.0, 9.0], 3.0)
    ('below', 'edge', 'diverged')
    """
    if not losses:
        return "none"
    tenth = max(len(losses) // 10, 1)
    first, last = statistics.fmean(losses[:tenth]), statistics.fmean(losses[-tenth:])
    if not math.isfinite(last) or last > first + (ROSE - 1) * abs(first):
        return "diverged"
    if strained is None:
        return "seen"
    return "below" if strained < 1 / NEAR else "edge" if strained <= NEAR else "beyond"
