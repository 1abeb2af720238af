"""Descent along the gradient, its average or its sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from leonui import rules
from leonui.engine import Engine, Options, coupled, decoupled, own

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SGD(Engine):
    """Gradient descent, plain, with classical momentum or with Nesterov's: the rules sgd, heavy_ball, nesterov."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[Options],
    ):
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("nesterov=True needs momentum above 0 and dampening=0; give momentum=0.9")
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, _sgd, defaults | {"nesterov": nesterov}, coupled(options))


def _sgd(p: Tensor, group: dict[str, Any]) -> rules.Rule:
    if group["nesterov"]:
        return rules.nesterov
    return rules.heavy_ball if group["momentum"] else rules.sgd


class Momentum(Engine):
    """Descent along an exponential average of the gradient: the rule averaged_gradient."""

    def __init__(
        self, params: Any, lr: float = 0.01, beta: float = 0.9, weight_decay: float = 0.0, **options: Unpack[Options]
    ):
        super().__init__(
            params, rules.averaged_gradient, {"lr": lr, "beta": beta, "weight_decay": weight_decay}, coupled(options)
        )


class SignSGD(Engine):
    """Every weight moves by lr along its gradient's sign: the rule sign_sgd."""

    def __init__(self, params: Any, lr: float = 1e-4, weight_decay: float = 0.0, **options: Unpack[Options]):
        super().__init__(params, rules.sign_sgd, {"lr": lr, "weight_decay": weight_decay}, decoupled(options))


class Lion(Engine):
    """The sign of an average, one state: the rule lion."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(
            params, rules.lion, {"lr": lr, "betas": betas, "weight_decay": weight_decay}, decoupled(options)
        )


class LARS(Engine):
    """Momentum whose step is proportional to each tensor's norm, for very large batches: the rule lars."""

    def __init__(
        self,
        params: Any,
        lr: float = 0.1,
        momentum: float = 0.9,
        trust: float = 1e-3,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "momentum": momentum, "trust": trust, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, rules.lars, defaults, own(options))
