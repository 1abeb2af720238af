"""Each weight by its own scale, beside Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from leonui import rules
from leonui.engine import Engine, Options, coupled, own

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adagrad(Engine):
    """Steps shrink where gradients were large: the rule adagrad."""

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        defaults["initial_accumulator_value"] = initial_accumulator_value
        super().__init__(params, rules.adagrad, defaults, coupled(options))


class RMSprop(Engine):
    """The gradient over the root of an average of its square: the rules rmsprop, with momentum, centered, or both."""

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, _rmsprop, defaults | {"centered": centered}, coupled(options))


def _rmsprop(p: Tensor, group: dict[str, Any]) -> rules.Rule:
    plain, smooth = (
        (rules.rmsprop_centered, rules.rmsprop_centered_momentum)
        if group["centered"]
        else (rules.rmsprop, rules.rmsprop_momentum)
    )
    return smooth if group["momentum"] else plain


class Adadelta(Engine):
    """Steps in the units of the weights: the rule adadelta."""

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(
            params, rules.adadelta, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}, coupled(options)
        )


class Adan(Engine):
    """Adam on the gradient and its change, with proximal decay: the rule adan."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float, float] = (0.98, 0.92, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.02,
        **options: Unpack[Options],
    ):
        super().__init__(
            params,
            rules.adan,
            {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay},
            own(options),
        )


class LAMB(Engine):
    """Adam whose step is proportional to each tensor's norm, for very large batches: the rule lamb."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        **options: Unpack[Options],
    ):
        super().__init__(
            params,
            rules.lamb,
            {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay},
            own(options),
        )
