"""A race on a surface of the landscape: who needs the fewest steps to the minimum, from several starts.

All climb at constant rates: each at the best of one lattice, found from other starts than those of the race. No weight
decays: it would draw them away from the minimum.
"""

from __future__ import annotations

import inspect
import math
import statistics
import time
from typing import Any

import numpy as np
import torch

from leonui.finder.guide import Guide
from leonui.landscape import SURFACES, Climber, Conditions, Path, Surface, climb
from leonui.landscape.verdict import since
from leonui.machine import machine
from leonui.race.heat import MEMORY
from leonui.race.protocol import Plan, default_rate, shelved
from leonui.race.result import standings
from leonui.record import Record, Row

STEPS = 5000
NEAR = 1e-6  # of the surface's height: who stays that near to the floor has arrived
RATES = tuple(10.0 ** (quarter / 4) for quarter in range(-20, 9))  # 1e-5 to 100, four a decade
STARTS = 5  # of the search
SEEDS = 20  # starts of the race, where nobody says how many
SHOWN, GRID = 60, 61  # points of a curve; places on each side of the map


class SurfaceRace:
    """A race on one surface; each of the plan's ``seeds`` is a start within the window.

    Raises ValueError for a surface that is not known, and for an optimizer that does not climb.
    """

    def __init__(self, name: str, plan: Plan):
        if name not in SURFACES:
            raise ValueError(f"no surface is called {name!r}; choose of {', '.join(SURFACES)}")
        self.surface, self.plan = SURFACES[name], plan
        for entrant in plan.entrants:
            Climber(_name(entrant), 1.0).make(torch.zeros(1, requires_grad=True))
        self.steps = plan.steps or STEPS
        self.journal = Record(events=[{"event": "walk", "steps": self.steps}])
        self.complete = False
        self._paths: dict[str, list[Path]] = {}

    def go(self, guide: Guide) -> None:
        """A rate for each, then all from every start."""
        for name in self.plan.field:
            guide.stage(name, None)
            self.journal.add(self._tuned(name))
        for seed in range(1, self.plan.seeds + 1):
            for name in self.plan.field:
                path = self._climb(name, self._rate(name), start(self.surface, seed))
                self._paths.setdefault(name, []).append(path)
                told: Row = {"entrant": name, "seed": seed, "share": 1.0, "judged_by": "arrival"}
                took = dict.fromkeys(("steps", "passes"), self.steps) | {"seconds": 0.0}
                self.journal.add(told | {"loss": arrival(self.surface, path)} | took)
        self.complete = True

    def result(self) -> dict[str, Any]:
        """Everything that is known of it as plain values."""
        told = standings(self.journal, self.plan)
        for row in told["entrants"]:
            row |= self._there(row)
        return told | {
            "command": "race", "program": self.surface.name, "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "complete": self.complete, "goal": "min", "findings": [], "notes": [], "machine": machine(),
            "curves": {name: heights(self.surface, paths, self.steps) for name, paths in self._paths.items()},
            "map": self._map() if self.complete and self.surface.dimensions == 2 else None,
        }  # fmt: skip

    def _rate(self, name: str) -> float:
        return next(event["lr"] for event in self.journal.named("tuned") if event["entrant"] == name)

    def _climb(self, name: str, rate: float, begin: tuple[float, ...]) -> Path:
        still = {"weight_decay": 0.0} if "weight_decay" in inspect.signature(shelved(name)).parameters else {}
        return climb(self.surface, Climber(_name(name), rate, still), begin, Conditions(self.steps))

    def _tuned(self, name: str) -> Row:
        """The line of an entrant's search: the rate that arrives most often, then first, or else comes nearest."""
        told: Row = {"event": "tuned", "entrant": name, "scale": 1.0}
        if self.plan.track == "defaults":
            return told | {"lr": default_rate(name), "spent": 0}
        begins = [start(self.surface, seed, search=True) for seed in range(STARTS)]
        tried = {rate: self._score([self._climb(name, rate, begin) for begin in begins]) for rate in RATES}
        return told | {"lr": min(tried, key=tried.__getitem__), "spent": len(RATES) * STARTS * self.steps}

    def _score(self, paths: list[Path]) -> tuple[float, ...]:
        """Lower is better: from how many starts it never arrives, how long it takes, how near it comes."""
        steps = [arrival(self.surface, path) for path in paths]
        ends = [float(abs(path.losses[-1] - self.surface.floor)) for path in paths]
        near = statistics.median(end if math.isfinite(end) else math.inf for end in ends)
        return sum(map(math.isinf, steps)), statistics.median(steps), near

    def _there(self, row: Row) -> Row:
        """What it takes to the minimum: the median over starts, None where that is never."""
        losses = [math.inf if loss is None else loss for loss in row["losses"]]
        spent = row["spent"] if self.plan.track == "auto" else 0
        steps = statistics.median(losses) + spent if losses else math.inf
        steps = steps if math.isfinite(steps) else None
        none = dict.fromkeys(("seconds", "faster", *MEMORY))
        return {"steps": steps, "passes": steps, "arrived": sum(map(math.isfinite, losses)), **none}

    def _map(self) -> dict[str, Any]:
        """The surface, and everybody's way from the start that it is known for."""
        (x, y), losses = self.surface.grid(GRID)
        ways = {}
        for name in self.plan.field:
            path = self._climb(name, self._rate(name), self.surface.start)
            here = int(min(arrival(self.surface, path), len(path.points) - 1))
            at = np.unique(np.geomspace(1, here + 1, 3 * SHOWN).astype(int)) - 1
            ways[name] = {"x": path.points[at, 0].tolist(), "y": path.points[at, 1].tolist(), "step": at.tolist()}
        above = (losses - self.surface.floor).clamp_min(1e-4 * self.surface.height)  # it is drawn in its logarithm
        grid = {"x": x.tolist(), "y": y.tolist(), "loss": above.tolist()}
        return {"plane": grid, "ways": ways, "minima": self.surface.minima, "start": self.surface.start}


def _name(entrant: str) -> str:
    """An entrant as it is spelled in leonui.optim; what is of another place climbs nowhere."""
    return entrant if ":" in entrant else shelved(entrant).__name__


def start(surface: Surface, seed: int, search: bool = False) -> tuple[float, ...]:
    """Where the climb of a seed begins: anywhere in the window, and for the search elsewhere than for the race."""
    low, high = zip(*surface.window, strict=True)
    return tuple(map(float, np.random.default_rng([seed, search]).uniform(low, high)))


def arrival(surface: Surface, path: Path) -> float:
    """The step from which on a path stays near the surface's floor; infinite where it ends elsewhere.

    >>> path = climb(SURFACES["bowl"], Climber("SGD", lr=0.5), (2.0, 0.0), Conditions(steps=50))
    >>> arrival(SURFACES["bowl"], path)
    9.0
    """
    near = np.abs(path.losses - surface.floor) <= NEAR * surface.height
    return float(since(near)) if near[-1] else math.inf


def heights(surface: Surface, paths: list[Path], steps: int) -> dict[str, list[float | None]]:
    """How high above the floor the climbs are: median, lowest and highest over the starts."""
    at = np.unique(np.geomspace(1, steps, SHOWN).astype(int))
    rows = np.array([path.losses[np.minimum(at, len(path.losses) - 1)] for path in paths]) - surface.floor
    least = 1e-3 * NEAR * surface.height  # below it nobody looks
    rows = np.clip(np.nan_to_num(np.abs(rows), nan=np.inf), least, 10 * surface.height)
    found = {"steps": at, "mean": np.median(rows, axis=0), "low": rows.min(axis=0), "high": rows.max(axis=0)}
    return {name: values.tolist() for name, values in found.items()}
