"""Climbs: the path of a real optimizer of the shelf on a surface, from a start, with or without noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from leonui import optim
from leonui.engine import Engine
from leonui.engine.march import begin, march, marches
from leonui.landscape.limit import limit
from leonui.landscape.slope import compiled
from leonui.landscape.surface import Surface
from leonui.landscape.verdict import Verdict, judge

TOO_HIGH = 1e3  # times the height of the surface in its window: who is there has diverged


@dataclass(frozen=True)
class Climber:
    """Who climbs: an optimizer of leonui.optim by its name, its learning rate, its other hyper-parameters."""

    optimizer: str
    lr: float
    settings: dict[str, Any] = field(default_factory=dict)

    def make(self, point: torch.Tensor) -> Engine:
        """The optimizer over one parameter; ValueError where there is no such optimizer or setting."""
        kind: Any = getattr(optim, self.optimizer, None)
        if not (isinstance(kind, type) and issubclass(kind, Engine)):
            raise ValueError(f"leonui.optim has no optimizer {self.optimizer!r}; leonui optimizers lists them")
        try:
            made: Any = kind
            return made([point], lr=self.lr, **self.settings)
        except TypeError as error:
            raise ValueError(f"{self.optimizer} does not take these settings: {error}") from error


@dataclass(frozen=True)
class Conditions:
    """How all climbers of a race climb.

    ``noise``: the standard deviation of each sample's gradient, per weight, and ``batch``: over how many samples it is
    averaged; the ``seed`` of the noise; ``every``: which points are kept.
    """

    steps: int = 200
    noise: float = 0.0
    batch: int = 1
    seed: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} is no count; give 1 or more")
        if not 0 <= self.noise < math.inf:
            raise ValueError(f"noise={self.noise} is no standard deviation; give 0 or more")

    def drawn(self, dimensions: int) -> np.ndarray:
        """What is added to the gradients, step by step [steps, dimensions]: the same for every climber."""
        if self.noise == 0:
            return np.zeros((1, dimensions))
        scale = self.noise / math.sqrt(self.batch)
        return scale * np.random.default_rng(self.seed).standard_normal((self.steps, dimensions))


@dataclass(frozen=True)
class Path:
    """Where a climb went: ``points`` [n, dimensions] and ``losses`` [n], of every ``every``-th step from the start on.

    ``limit``: the largest stable learning rate on a quadratic like the surface at the minimum that the path ended
    nearest to, NaN where it is not known; ``verdict``: what became of it. float64.
    """

    points: np.ndarray
    losses: np.ndarray
    steps: int
    limit: float
    verdict: Verdict


def climb(
    surface: Surface, climber: Climber, start: Sequence[float] | None = None, conditions: Conditions | None = None
) -> Path:
    """The path of one climber. ValueError where the start has not as many numbers as the surface, or is not finite.

    >>> from leonui.landscape import SURFACES
    >>> path = climb(SURFACES["bowl"], Climber("SGD", lr=0.5), (2.0, 0.0), Conditions(steps=2))
    >>> path.points[:, 0].tolist(), path.limit
    ([2.0, 1.0, 0.5], 2.0)
    """
    at, how = tuple(map(float, surface.start if start is None else start)), conditions or Conditions()
    if len(at) != surface.dimensions or not all(map(math.isfinite, at)):
        raise ValueError(f"start={at} is no point of {surface.name}; give {surface.dimensions} finite numbers")
    point = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    optimizer = climber.make(point)
    points, losses, steps = _walk(surface, optimizer, point, how)
    verdict = judge(surface, points, losses, steps, how)
    return Path(points, losses, steps, _limit(surface, optimizer, points[-1]), verdict)


def _walk(surface: Surface, optimizer: Engine, point: torch.Tensor, how: Conditions) -> Any:
    begin(optimizer, point)
    bound, noise = TOO_HIGH * surface.height, how.drawn(surface.dimensions)
    slope = compiled(surface) if marches(optimizer) else None
    if slope:
        return march(optimizer, slope, np.zeros((1, 1)), noise, how.steps, how.every, bound)
    return step_by_step(surface, optimizer, point, how, noise, bound)


def step_by_step(
    surface: Surface, optimizer: Engine, point: torch.Tensor, how: Conditions, noise: np.ndarray, bound: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """As ``march``, by autograd and the optimizer's own ``step``: for what cannot be compiled."""
    points, losses, step = [], [], 0
    for step in range(how.steps + 1):
        here = point.detach()
        loss, slope = float(surface.value(here)), surface.gradient(here)
        if step % how.every == 0:
            points.append(here.numpy().copy())
            losses.append(loss)
        if step == how.steps or not abs(loss) <= bound or not bool(slope.isfinite().all()):
            break
        point.grad = slope + torch.from_numpy(noise[step % len(noise)])
        optimizer.step()
    return np.array(points), np.array(losses), step


def _limit(surface: Surface, optimizer: Engine, end: np.ndarray) -> float:
    if not surface.minima:
        return math.nan
    nearest = min(surface.minima, key=lambda minimum: float(np.nan_to_num(np.hypot.reduce(end - minimum), nan=0.0)))
    return limit(optimizer, surface.hessian(nearest))
