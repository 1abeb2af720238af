"""Races on several scripts together: on what share of them is an entrant within a factor of the cheapest one?

Source: Dolan & Moré 2002, "Benchmarking optimization software with performance profiles".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from leonui.race.result import CLOCKS

WITHIN = 2.0  # the factor by which entrants are put in order


def profiles(races: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By each clock, the ratios of who raced everywhere, the most often within WITHIN first; None where never there.

    A race where nobody reached the target says nothing and is left out; ``scripts`` counts the others.
    """
    return {clock: _profile(races, clock) for clock in CLOCKS}


def share(ratios: Sequence[float | None], factor: float) -> float:
    """On what share of the scripts a ratio is at most a factor.

    >>> share([1.0, 1.5, None, 3.0], 2.0)
    0.5
    """
    return sum(ratio is not None and ratio <= factor for ratio in ratios) / len(ratios) if ratios else 0.0


def _profile(races: Sequence[Mapping[str, Any]], clock: str) -> dict[str, Any]:
    tables = [{row["entrant"]: row[clock] for row in race["entrants"]} for race in races]
    tables = [costs for costs in tables if any(cost is not None for cost in costs.values())]
    everywhere = [name for name in (tables[0] if tables else {}) if all(name in costs for costs in tables)]
    ratios = {name: [_ratio(costs, name) for costs in tables] for name in everywhere}
    order = sorted(everywhere, key=lambda name: (-share(ratios[name], WITHIN), _mean(ratios[name])))
    return {"scripts": len(tables), "ratios": {name: ratios[name] for name in order}}


def _ratio(costs: Mapping[str, float | None], name: str) -> float | None:
    least = min(cost for cost in costs.values() if cost is not None)
    cost = costs[name]
    return None if cost is None else cost / least if least else 1.0


def _mean(ratios: Sequence[float | None]) -> float:
    """The geometric mean of the ratios; infinite where one is."""
    return math.inf if None in ratios else math.prod(ratio or 1.0 for ratio in ratios) ** (1 / max(len(ratios), 1))
