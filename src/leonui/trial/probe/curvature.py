"""The sharpest curvature that a training meets, and the learning rate at which its optimizer would bounce off it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.trial.probe.tensors import weights

PRODUCTS = 8  # Hessian-vector products of one measurement


def measured(optimizers: Iterable[Optimizer], loss: torch.Tensor, factor: float) -> Iterator[dict[str, Any]]:
    """What each optimizer's curvature is, for the record."""
    for index, optimizer in enumerate(optimizers):
        yield {"optimizer": index, **measure(optimizer, loss, factor)}


def measure(optimizer: Optimizer, loss: torch.Tensor, scale: float = 1.0) -> dict[str, Any]:
    """``lambda_max`` of the Hessian over an optimizer's weights, and the ``limit`` that it sets to the rate.

    For SGD with momentum beta the limit is (2 + 2 beta) / lambda_max; for Adam it is (2 + 2 beta1) / (1 - beta1) over
    that of the Hessian that its second moments have scaled (Cohen et al., 2207.14484); for others it is not known: NaN.
    By Lanczos' iteration from the gradient: a lower bound, soon a close one. ``scale``: by what the loss was
    multiplied. A loss that cannot be differentiated twice has an ``error`` instead.
    """
    try:
        return _measure(optimizer, loss, scale)
    except RuntimeError as error:
        return {"error": str(error)[:200]}


def _measure(optimizer: Optimizer, loss: torch.Tensor, scale: float) -> dict[str, Any]:
    inputs = [p for p in weights(optimizer) if p.requires_grad]
    grads = torch.autograd.grad(loss, inputs, create_graph=True, allow_unused=True)
    held = [(p, g) for p, g in zip(inputs, grads, strict=True) if g is not None and g.requires_grad]
    if not held:
        return {"lambda_max": 0.0, "limit": math.nan}
    scales, reach = _scaling(optimizer, [p for p, _ in held])
    eigenvalue = _sharpest([p for p, _ in held], [g for _, g in held], scales) / scale
    return {"lambda_max": eigenvalue, "limit": reach / eigenvalue if eigenvalue > 0 else math.nan}


def _sharpest(inputs: list[torch.Tensor], grads: list[torch.Tensor], scales: Sequence[torch.Tensor] | None) -> float:
    """The Hessian's largest eigenvalue, after a scaling of the weights that makes the optimizer's steps plain ones.

    Lanczos without reorthogonalisation: it keeps three vectors, and so few products lose nothing by it.
    """

    def scaled(vectors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [v * s for v, s in zip(vectors, scales, strict=True)] if scales else list(vectors)

    v, _ = _unit(scaled([g.detach() for g in grads]))
    before, beta = [torch.zeros_like(one) for one in v], 0.0
    diagonal, beside = [], []
    for _ in range(PRODUCTS):
        products = torch.autograd.grad(grads, inputs, scaled(v), retain_graph=True, allow_unused=True)
        w = scaled([torch.zeros_like(p) if h is None else h for p, h in zip(inputs, products, strict=True)])
        alpha = sum(float((a * b).sum()) for a, b in zip(v, w, strict=True))
        w = [c - alpha * a - beta * b for a, b, c in zip(v, before, w, strict=True)]
        diagonal.append(alpha)
        before, (v, beta) = v, _unit(w)
        if beta <= 1e-6 * max(map(abs, diagonal)) or not math.isfinite(beta):
            break
        beside.append(beta)
    beside = beside[: len(diagonal) - 1]
    t = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    t = (
        t
        + torch.diag(torch.tensor(beside, dtype=torch.float64), 1)
        + torch.diag(torch.tensor(beside, dtype=torch.float64), -1)
    )
    return float(torch.linalg.eigvalsh(t)[-1]) if bool(t.isfinite().all()) else math.nan


def _unit(vectors: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], float]:
    """The vectors with a norm of 1 together, and the norm that they had."""
    norm = math.sqrt(sum(float(v.square().sum()) for v in vectors))
    return [v / (norm or 1.0) for v in vectors], norm


def _scaling(optimizer: Optimizer, inputs: list[torch.Tensor]) -> tuple[list[torch.Tensor] | None, float]:
    """What Adam divides by, to the power of -1/2, and the limit times the eigenvalue."""
    group = optimizer.param_groups[0]
    if all("exp_avg_sq" in optimizer.state.get(p, {}) and "betas" in group for p in inputs):
        beta1, beta2 = group["betas"]
        return [_adams(optimizer.state[p], beta2, group["eps"]) for p in inputs], (2 + 2 * beta1) / (1 - beta1)
    if type(optimizer).__name__ == "SGD" and not group.get("nesterov"):
        return None, 2 + 2 * group.get("momentum", 0.0)
    return None, math.nan


def _adams(state: dict[str, Any], beta2: float, eps: float) -> torch.Tensor:
    step = float(state.get("step", math.inf))
    return ((state["exp_avg_sq"] / (1 - beta2**step)).sqrt() + eps).rsqrt()
