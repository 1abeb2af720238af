"""Adam and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from leonui import rules
from leonui.engine import Engine, Options, coupled, decoupled

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adam(Engine):
    """Averages of gradient and square; decay is added to the gradient, as in torch: the rules adam and amsgrad."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(params, _adam, defaults, coupled(options))


def _adam(p: Tensor, group: dict[str, Any]) -> rules.Rule:
    return rules.amsgrad if group["amsgrad"] else rules.adam


class AdamW(Engine):
    """Adam with decoupled decay, Loshchilov and Hutter (2019, arXiv 1711.05101): the rules adam and amsgrad."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(params, _adam, defaults, decoupled(options))


class NAdam(Engine):
    """Adam that looks ahead: the rule nadam."""

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        **options: Unpack[Options],
    ):
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
        }
        super().__init__(
            params, rules.nadam, defaults, decoupled(options) if decoupled_weight_decay else coupled(options)
        )


class RAdam(Engine):
    """Adam that waits until it knows its scale: the rule radam."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(
            params, rules.radam, defaults, decoupled(options) if decoupled_weight_decay else coupled(options)
        )


class Adamax(Engine):
    """Adam by the largest magnitude: the rule adamax."""

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(
            params,
            rules.adamax,
            {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay},
            coupled(options),
        )
