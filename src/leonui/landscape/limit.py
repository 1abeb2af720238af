"""The learning rate at which a rule would bounce off a quadratic: 2 / lambda_max for descent, more or less for others.

On a quadratic each eigenvalue of the Hessian is climbed alone, by a linear recurrence; it grows where a root of its
characteristic polynomial leaves the unit circle, which for these rules happens at -1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.engine.seat import hyper

# limit times lambda_max, by rule: Cohen et al. (2021, arXiv 2103.00065), appendix B, for the first three; for an
# average of the gradient, and Adam with its second moments held still, Cohen et al. (2022, arXiv 2207.14484), section 2
_REACH: dict[str, Callable[[dict[str, Any]], float]] = {
    "sgd": lambda group: 2.0,
    "heavy_ball": lambda group: 2 * (1 + group["momentum"]) / (1 - group.get("dampening", 0.0)),
    "nesterov": lambda group: 2 * (1 + group["momentum"]) / (1 + 2 * group["momentum"]),
    "averaged_gradient": lambda group: 2 * (1 + group["beta"]) / (1 - group["beta"]),
    "adam": lambda group: 2 * (1 + hyper(group, "beta1")) / (1 - hyper(group, "beta1")),
    "rmsprop": lambda group: 2.0,
}  # fmt: skip
_SQUARES = {"adam": "exp_avg_sq", "rmsprop": "square_avg"}


def reach(optimizer: Optimizer) -> float:
    """Limit of the learning rate times lambda_max, for the first group; NaN where no formula is known.

    For Adam and RMSprop lambda_max is that of the Hessian which ``scaling`` has scaled.

    >>> weight = torch.zeros(2, requires_grad=True)
    >>> reach(torch.optim.SGD([weight], lr=0.1, momentum=0.9))
    3.8
    """
    rule = _REACH.get(followed(optimizer))
    return rule(optimizer.param_groups[0]) if rule else math.nan


def followed(optimizer: Optimizer) -> str:
    """The name of the rule that an optimizer's first parameter follows; torch's own by their classes."""
    group = optimizer.param_groups[0]
    if hasattr(optimizer, "rule_of") and group["params"]:
        return optimizer.rule_of(group["params"][0], group).name  # type: ignore[attr-defined]
    name = type(optimizer).__name__
    if name == "SGD":
        return "nesterov" if group.get("nesterov") else "heavy_ball" if group.get("momentum") else "sgd"
    if name in ("Adam", "AdamW") and not group.get("amsgrad"):
        return "adam"
    return "rmsprop" if name == "RMSprop" and not (group.get("momentum") or group.get("centered")) else ""


def scaling(optimizer: Optimizer, parameters: Sequence[torch.Tensor]) -> list[torch.Tensor] | None:
    """What the rule divides by, to the power of -1/2, tensor by tensor; None where it divides by nothing.

    Raises LookupError before the optimizer's first step, when its second moments are not there.
    """
    rule = followed(optimizer)
    if rule not in _SQUARES:
        return None
    group = optimizer.param_groups[0]
    return [_divisor(rule, optimizer.state.get(p, {}), group).rsqrt() for p in parameters]


def _divisor(rule: str, state: Mapping[str, Any], group: Mapping[str, Any]) -> torch.Tensor:
    squares = state[_SQUARES[rule]]
    if rule == "adam":
        squares = squares / (1 - hyper(dict(group), "beta2") ** float(state.get("step", math.inf)))
    return squares.sqrt() + group["eps"]


def limit(optimizer: Optimizer, hessian: torch.Tensor) -> float:
    """The largest stable learning rate of an optimizer whose one parameter has this Hessian [n, n]; NaN if unknown.

    Infinite where nothing curves upwards. For Adam and RMSprop it is the limit while their second moments stay as they
    are now.
    """
    (p,) = optimizer.param_groups[0]["params"]
    try:
        scales = scaling(optimizer, [p])
    except LookupError:
        return math.nan
    matrix = hessian if scales is None else scales[0].reshape(-1, 1) * hessian * scales[0].reshape(1, -1)
    if not bool(matrix.isfinite().all()):
        return math.nan
    top = float(torch.linalg.eigvalsh(matrix)[-1])
    return reach(optimizer) / top if top > 0 else math.inf
