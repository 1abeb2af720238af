"""The sharpest curvature that a training meets, and the learning rate at which its optimizer would bounce off it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.landscape.lanczos import Product, lanczos, products
from leonui.landscape.limit import reach, scaling
from leonui.trial.probe.tensors import weights

PRODUCTS = 8  # Hessian-vector products of one measurement


def measured(optimizers: Iterable[Optimizer], loss: torch.Tensor, factor: float) -> Iterator[dict[str, Any]]:
    """What each optimizer's curvature is, for the record."""
    for index, optimizer in enumerate(optimizers):
        yield {"optimizer": index, **measure(optimizer, loss, factor)}


def measure(optimizer: Optimizer, loss: torch.Tensor, scale: float = 1.0) -> dict[str, Any]:
    """``lambda_max`` of the Hessian over an optimizer's weights, and the ``limit`` that it sets to the rate.

    The limit is that of ``leonui.landscape.reach``; for an optimizer that it does not know it is NaN. By Lanczos'
    iteration from the gradient: a lower bound, soon a close one. ``scale``: by what the loss was multiplied. A loss
    that cannot be differentiated twice has an ``error`` instead.
    """
    try:
        return _measure(optimizer, loss, scale)
    except RuntimeError as error:
        return {"error": str(error)[:200]}


def _measure(optimizer: Optimizer, loss: torch.Tensor, scale: float) -> dict[str, Any]:
    inputs = [p for p in weights(optimizer) if p.requires_grad]
    grads = torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
    held = [p for p, g in zip(inputs, grads, strict=True) if g is not None]
    product, gradient = products(loss, held) if held else (None, [])
    if product is None or not any(map(torch.any, gradient)):
        return {"lambda_max": 0.0, "limit": math.nan}
    scales, share = _scaling(optimizer, held)
    eigenvalue = _sharpest(product, gradient, scales) / scale
    return {"lambda_max": eigenvalue, "limit": share / eigenvalue if eigenvalue > 0 else math.nan}


def _scaling(optimizer: Optimizer, held: list[torch.Tensor]) -> tuple[list[torch.Tensor] | None, float]:
    """What the rule divides by, and its limit times the eigenvalue; both unknown before its first step."""
    try:
        return scaling(optimizer, held), reach(optimizer)
    except LookupError:
        return None, math.nan


def _sharpest(product: Product, gradient: list[torch.Tensor], scales: Sequence[torch.Tensor] | None) -> float:
    """The Hessian's largest eigenvalue, after a scaling of the weights that makes the optimizer's steps plain ones."""

    def scaled(vectors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [v * s for v, s in zip(vectors, scales, strict=True)] if scales else list(vectors)

    found = lanczos(lambda v: scaled(product(scaled(v))), scaled(gradient), PRODUCTS, orthogonal=False)
    return float(found.values[-1])
