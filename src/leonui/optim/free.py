"""Without a schedule, or without a learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leonui import rules
from leonui.engine import Engine, Options, own

if TYPE_CHECKING:
    from typing_extensions import Unpack


class ScheduleFreeSGD(Engine):
    """Momentum that needs no decay of lr; evaluate within ``averaged()``: the rule schedule_free_sgd."""

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        power: float = 2.0,
        **options: Unpack[Options],
    ):
        if not momentum > 0:
            raise ValueError("momentum=0 leaves nothing to average; give 0.9, or use SGD")
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "power": power}
        super().__init__(params, rules.schedule_free_sgd, defaults, own(options))


class ScheduleFreeAdamW(Engine):
    """AdamW that needs no decay of lr; evaluate within ``averaged()``: the rule schedule_free_adamw."""

    def __init__(
        self,
        params: Any,
        lr: float = 2.5e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        power: float = 2.0,
        **options: Unpack[Options],
    ):
        if not betas[0] > 0:
            raise ValueError("betas[0]=0 leaves nothing to average; give 0.9, or use AdamW")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "power": power}
        super().__init__(params, rules.schedule_free_adamw, defaults, own(options))


class Prodigy(Engine):
    """Adam that finds its own rate; leave lr at 1: the rule prodigy."""

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        d0: float = 1e-6,
        d_coef: float = 1.0,
        growth_rate: float = float("inf"),
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        defaults |= {"d0": d0, "d_coef": d_coef, "growth_rate": growth_rate}
        super().__init__(params, rules.prodigy, defaults, own(options))
