"""Optimizers that see a matrix as a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from leonui import rules
from leonui.engine import Engine, Options, decoupled

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Muon(Engine):
    """Matrices move along the nearest orthogonal matrix, all else by AdamW: the rules muon and adam.

    With ``rms`` (0.2) one lr, of AdamW's size, serves both; None scales as Jordan (2024) does, and wants lr about 0.02.
    A matrix that is no hidden layer (embedding, head) belongs to AdamW: give its group ``"rule": "adamw"``, which
    ``leonui.optim.groups(model, muon=True)`` does by the kind of layer.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.95,
        nesterov: bool = True,
        weight_decay: float = 0.1,
        ns_steps: int = 5,
        rms: float | None = 0.2,
        betas: tuple[float, float] = (0.9, 0.95),
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay, "rms": rms}
        super().__init__(
            params, _muon, defaults | {"ns_steps": ns_steps, "betas": betas, "eps": 1e-8}, decoupled(options)
        )


def _muon(p: Tensor, group: dict[str, Any]) -> rules.Rule:
    return rules.muon if p.dim() > 1 and group.get("rule") != "adamw" else rules.adam


class SOAP(Engine):
    """Adam in the eigenbasis of each matrix' gradients, AdamW for all else: the rules soap and adam."""

    def __init__(
        self,
        params: Any,
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        precondition_frequency: int = 10,
        max_side: int = 4096,
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "max_side": max_side}
        super().__init__(
            params, _soap, defaults | {"precondition_frequency": precondition_frequency}, decoupled(options)
        )


def _soap(p: Tensor, group: dict[str, Any]) -> rules.Rule:
    fits = p.dim() > 1 and p.numel() and max(len(p), p.numel() // len(p)) <= group["max_side"]
    return rules.soap if fits and group.get("rule") != "adamw" else rules.adam


class Adafactor(Engine):
    """Adam without m, and v from row and column means, for little memory: the rule adafactor."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        defaults = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay}
        super().__init__(params, rules.adafactor, defaults, decoupled(options))
