"""The Hessian without the Hessian: its products with vectors, and by Lanczos' iteration its outermost eigenvalues."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Vector = Sequence[Tensor]
Product = Callable[[Vector], list[Tensor]]


@dataclass(frozen=True)
class Ritz:
    """What ``m`` products tell of eigenvalues: ``values`` [m], ascending, each within its residual of a true one.

    The largest is never above the true largest, the smallest never below the true smallest. float64.
    """

    values: Tensor
    residuals: Tensor


def products(loss: Tensor, parameters: Vector) -> tuple[Product, list[Tensor]]:
    """The map from a vector to the Hessian times it, by a second backward pass, and the gradient.

    Vectors are lists of tensors of the parameters' shapes. The graph of the loss is kept as long as the map is.
    """
    inputs = list(parameters)
    grads = torch.autograd.grad(loss, inputs, create_graph=True, materialize_grads=True)
    curved = [g for g in grads if g.requires_grad]

    def product(vector: Vector) -> list[Tensor]:
        if not curved:
            return [torch.zeros_like(p) for p in inputs]
        along = [v for v, g in zip(vector, grads, strict=True) if g.requires_grad]
        return list(torch.autograd.grad(curved, inputs, along, retain_graph=True, materialize_grads=True))

    return product, [g.detach() for g in grads]


def lanczos(product: Product, start: Vector, count: int, orthogonal: bool = True) -> Ritz:
    """Lanczos' iteration (1950) of at most ``count`` products; ends early where it has found all it can see.

    ``orthogonal``: each vector is made orthogonal to all before, which keeps them all; without it three are kept, and
    few products lose nothing by it. Residuals: |beta_m| times the last component of each Ritz vector (Parlett, 1980).
    """
    v, _ = unit(start)
    before, beta, kept = [torch.zeros_like(one) for one in v], 0.0, [v]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(count):
        w = product(v)
        alpha = dot(v, w)
        w = [c - alpha * a - beta * b for a, b, c in zip(v, before, w, strict=True)]
        if orthogonal:
            w = _without(_without(w, kept), kept)
        diagonal.append(alpha)
        before, (v, beta) = v, unit(w)
        beside.append(beta)
        if beta <= 1e-6 * max(map(abs, diagonal)) or not math.isfinite(beta):
            break
        if orthogonal:
            kept.append(v)
    return _ritz(diagonal, beside)


def _ritz(diagonal: list[float], beside: list[float]) -> Ritz:
    size = len(diagonal)
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    above = torch.diag(torch.tensor(beside[: size - 1], dtype=torch.float64), 1) if size > 1 else torch.zeros(1, 1)
    matrix = matrix + above + above.T
    if not bool(matrix.isfinite().all()):
        return Ritz(torch.full((size,), math.nan), torch.full((size,), math.nan))
    values, vectors = torch.linalg.eigh(matrix)
    return Ritz(values, abs(beside[-1]) * vectors[-1].abs())


def dot(a: Vector, b: Vector) -> float:
    """The inner product of two vectors."""
    return sum(float((x * y).sum()) for x, y in zip(a, b, strict=True))


def unit(vector: Vector) -> tuple[list[Tensor], float]:
    """The vector with a norm of 1, and the norm that it had."""
    norm = math.sqrt(sum(float(v.square().sum()) for v in vector))
    return [v / (norm or 1.0) for v in vector], norm


def _without(w: Vector, kept: Sequence[Vector]) -> list[Tensor]:
    """The part of a vector that is orthogonal to some."""
    for one in kept:
        share = dot(one, w)
        w = [a - share * b for a, b in zip(w, one, strict=True)]
    return list(w)
