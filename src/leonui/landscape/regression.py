"""Linear regression on many samples: what the batch size does with the same budget of samples.

The lesson's data: N = 10,000 samples of d = 50 inputs, both Gaussian, targets X w + 0.1 noise, the mean squared error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from leonui.engine.march import begin, march, marches
from leonui.landscape.climb import Climber
from leonui.landscape.limit import limit

SAMPLES, INPUTS, NOISE = 10_000, 50, 0.1


@dataclass(frozen=True)
class Regression:
    """``x`` [samples, inputs] and ``y`` [samples], float64; ``best``: the weights [inputs] of the lowest loss."""

    x: Tensor
    y: Tensor
    best: Tensor

    def loss(self, weights: Tensor, rows: Any = slice(None)) -> Tensor:
        """The mean squared error on some rows."""
        return (self.x[rows] @ weights - self.y[rows]).square().mean()

    def losses(self, points: Tensor) -> Tensor:
        """The losses [n] of weights [n, inputs] on all samples: the lowest one, and what the way to it costs."""
        away = points - self.best
        return self.loss(self.best) + ((away @ self.hessian) * away).sum(-1) / 2

    @property
    def hessian(self) -> Tensor:
        """Of the loss on all samples [inputs, inputs]; the same everywhere."""
        return 2 * self.x.T @ self.x / len(self.x)


@cache
def regression(seed: int = 0) -> Regression:
    """The data of one seed."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(SAMPLES, INPUTS, generator=random, dtype=torch.float64)
    true = torch.randn(INPUTS, generator=random, dtype=torch.float64)
    y = x @ true + NOISE * torch.randn(SAMPLES, generator=random, dtype=torch.float64)
    return Regression(x, y, torch.linalg.lstsq(x, y[:, None]).solution[:, 0])


@dataclass(frozen=True)
class Epochs:
    """A training on batches.

    ``seen`` [n]: how many samples so far; ``points`` [n, inputs]; ``losses`` [n], on all samples; ``limit``: the
    largest stable rate if every batch were all samples; ``steps`` that were taken, ``diverged``: whether they ended
    early.
    """

    seen: np.ndarray
    points: np.ndarray
    losses: np.ndarray
    limit: float
    steps: int
    diverged: bool


def train(climber: Climber, batch: int, budget: int = SAMPLES, seed: int = 0, keep: int = 250) -> Epochs:
    """Train from zero on batches of ``batch``, drawn without repetition in each epoch, until ``budget`` were seen.

    At most about ``keep`` points are kept. ValueError for a batch that is no batch of the data, or an optimizer whose
    steps cannot be compiled (clipped, of matrices).

    >>> [train(Climber("SGD", lr=0.01), batch, budget=10_000).steps for batch in (10_000, 64, 1)]
    [1, 156, 10000]
    """
    if not 1 <= batch <= SAMPLES:
        raise ValueError(f"batch={batch} is no batch of {SAMPLES} samples; give 1 to {SAMPLES}")
    data, steps = regression(), max(1, budget // batch)
    weights = torch.zeros(INPUTS, dtype=torch.float64, requires_grad=True)
    optimizer = climber.make(weights)
    begin(optimizer, weights)
    if not marches(optimizer):
        raise ValueError(
            f"{climber.optimizer} with {climber.settings} cannot be compiled; leave out what is not its own"
        )
    every = math.ceil(steps / keep)
    start = float(data.loss(weights.detach()))
    none = np.zeros((1, INPUTS))
    points, _, last = march(optimizer, slope(), _batches(data, batch, steps, seed), none, steps, every, 1e6 * start)
    seen, losses = every * batch * np.arange(len(points)), data.losses(torch.from_numpy(points)).numpy()
    return Epochs(seen, points, losses, limit(optimizer, data.hessian), last, last < steps)


def _batches(data: Regression, batch: int, steps: int, seed: int) -> np.ndarray:
    """A row for every step: the inputs and targets of its batch [steps, batch * (inputs + 1)]."""
    table = torch.cat([data.x, data.y[:, None]], dim=1)
    if batch == SAMPLES:
        return table.reshape(1, -1).numpy()
    random, per = torch.Generator().manual_seed(seed), SAMPLES // batch
    epochs = [torch.randperm(SAMPLES, generator=random)[: per * batch] for _ in range(math.ceil(steps / per))]
    return table[torch.cat(epochs)[: steps * batch]].reshape(steps, -1).numpy()


@cache
def slope() -> Any:
    """The mean squared error and its gradient on the batch in a row of data, compiled."""
    from numba import float64, int64, njit

    @njit(float64(float64[::1], float64[::1], int64, float64[:, ::1]), cache=True, error_model="numpy")
    def mean_square(w, g, t, data):
        rows, loss = data[t % len(data)].reshape(-1, len(w) + 1), 0.0
        g[:] = 0.0
        for row in rows:
            error = -row[-1]
            for i in range(len(w)):
                error += row[i] * w[i]
            loss += error * error / len(rows)
            for i in range(len(w)):
                g[i] += 2 * error * row[i] / len(rows)
        return loss

    return mean_square
