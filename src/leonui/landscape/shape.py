"""The shape of a network's loss around its weights: how sharp, how curved on average, a minimum or a saddle."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from leonui.landscape.lanczos import Vector, dot, lanczos, products

Loss = Callable[[], Tensor]


@dataclass(frozen=True)
class Shape:
    """Eigenvalues and trace of a Hessian, each with its error.

    ``lambda_max`` and ``lambda_min`` by Lanczos: a true eigenvalue lies within ``max_error`` and ``min_error`` of each.
    ``trace`` by Hutchinson (1990): the mean over random signs, and its standard error. ``slope``: the gradient's norm.
    """

    lambda_max: float
    max_error: float
    lambda_min: float
    min_error: float
    trace: float
    trace_error: float
    slope: float

    def critical(self, level: float = 1e-3) -> str:
        """What the point is: "slope" (its gradient is above ``level``), "saddle", "minimum" or "unclear".

        "saddle" is proved: an eigenvalue is below 0. "minimum" holds if Lanczos saw the smallest one, which is certain
        only where there were as many products as weights; the smallest that was seen is above 0 by more than its error.
        """
        if not self.slope <= level:
            return "slope"
        if self.lambda_min + self.min_error < 0:
            return "saddle"
        return "minimum" if self.lambda_min - self.min_error > 0 else "unclear"


def shape(loss: Loss, parameters: Iterable[Tensor], count: int = 40, signs: int = 20, seed: int = 0) -> Shape:
    """Measure the Hessian of a loss at the parameters' values, which stay as they are.

    ``loss`` is called once and must give the same loss of the same weights: a fixed batch, no dropout. ``count``
    products with vectors for the eigenvalues, ``signs`` for the trace. Raises RuntimeError where the loss cannot be
    differentiated twice.

    >>> weight = torch.tensor([1.0, -1.0], dtype=torch.float64, requires_grad=True)
    >>> found = shape(lambda: 2 * weight[0] ** 2 - 3 * weight[1] ** 2, [weight])
    >>> round(found.lambda_max, 6), round(found.lambda_min, 6), round(found.trace, 6)
    (4.0, -6.0, -2.0)
    """
    inputs = [p for p in parameters if p.requires_grad]
    random = torch.Generator().manual_seed(seed)
    product, gradient = products(loss(), inputs)
    ritz = lanczos(product, [_normal(p, random) for p in inputs], min(count, sum(p.numel() for p in inputs)))
    trace, error = _trace(product, inputs, signs, random)
    ends = [(float(ritz.values[i]), float(ritz.residuals[i])) for i in (-1, 0)]
    return Shape(*ends[0], *ends[1], trace, error, math.sqrt(dot(gradient, gradient)))


def _trace(
    product: Callable[[Vector], Vector], inputs: Vector, count: int, random: torch.Generator
) -> tuple[float, float]:
    """The mean of s.Hs over random signs s, and its standard error."""
    found = []
    for _ in range(count):
        signs = [torch.sign(_normal(p, random)) for p in inputs]
        found.append(dot(signs, product(signs)))
    sample = torch.tensor(found, dtype=torch.float64)
    return float(sample.mean()), float(sample.std() / math.sqrt(count)) if count > 1 else math.inf


def _normal(p: Tensor, random: torch.Generator) -> Tensor:
    return torch.randn(p.shape, generator=random, dtype=torch.float64).to(p)
