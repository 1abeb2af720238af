"""Applies one Intervention to one optimizer step."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.trial.intervention import Intervention, LearningRate, Swap
from leonui.trial.probe.anatomy import Anatomy
from leonui.trial.probe.compiled import eager, uncompiled
from leonui.trial.probe.crew import rate_now
from leonui.trial.probe.tensors import dealt, gradients, is_sharded, total_norm, weights, whole
from leonui.trial.probe.treat import Treatment

_save = torch.save  # as it is before a trial's own saving is put aside


class Act:
    """One Intervention in force; ``rates`` are those it last put in place, none if it leaves them alone.

    base: gives the base rates of an optimizer's groups; treatment: what else is changed, if anything is.
    """

    def __init__(self, leg: Intervention, base: Callable[[Optimizer], list[float]], treatment: Treatment | None = None):
        self.leg, self._bases, self.treatment = leg, base, treatment
        self.rates: list[float] = []
        self.left_out = False  # the last step was
        self._base: dict[int, float] = {}
        self._stand_ins: dict[int, Optimizer] = {}

    def treats(self, name: str) -> bool:
        """Whether a treatment is in force."""
        return self.treatment is not None and name in self.treatment.names

    def walker(self, optimizer: Optimizer) -> Optimizer:
        """Who steps for an optimizer: its stand-in, or itself."""
        return self._stand_ins.get(id(optimizer), optimizer)

    @uncompiled
    def step(
        self,
        optimizer: Optimizer,
        walk: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        t: int,
        micro: int = 1,
    ) -> Any:
        """Step number ``t`` (from 0) of the optimizer; the script finds its learning rates as it left them.

        micro: over how many backward passes its gradients were added up.
        """
        self.left_out = self.treatment is not None and not self.treatment.step(optimizer, micro, t)
        if self.left_out:
            return evaluate(args, kwargs)
        if self.leg.optimizer:
            walk = self._stand_in(optimizer, self.leg.optimizer).step
            args, kwargs = tuple(filter(None, [_closure(args, kwargs)])), {}
        if self.leg.clip:
            args, kwargs = self._clipped(optimizer, args, kwargs)
        found = [group.get("lr") for group in optimizer.param_groups]
        decays = [group.get("weight_decay") for group in optimizer.param_groups]
        if self.leg.treat.decay is not None:
            for group in optimizer.param_groups:
                group["weight_decay"] = self.leg.treat.decay
        if self.leg.lr:
            self.rates = self._rates(self.leg.lr, optimizer, t)
            _put(optimizer, self.rates)
        try:
            return walk(*args, **kwargs) if self.leg.optimizer else walk(optimizer, *args, **kwargs)
        finally:
            if self.leg.lr:
                _restore(optimizer, found)
            if self.leg.treat.decay is not None:
                for group, decay in zip(optimizer.param_groups, decays, strict=True):
                    group["weight_decay"] = decay
            if self.treats("cleared gradients") or self.treats("kept gradients"):
                optimizer.zero_grad()

    @eager
    def _rates(self, lr: LearningRate, optimizer: Optimizer, t: int) -> list[float]:
        now = [*map(rate_now, optimizer.param_groups)]
        groups = zip(optimizer.param_groups, self._bases(optimizer), strict=True)
        base = [self._base.setdefault(id(group), rate) for group, rate in groups]
        return effective(lr, now, base, t)

    @eager
    def _stand_in(self, optimizer: Optimizer, swap: Swap) -> Optimizer:
        if id(optimizer) not in self._stand_ins:
            self._stand_ins[id(optimizer)] = stand_in(optimizer, swap, self._bases(optimizer)[0])
        return self._stand_ins[id(optimizer)]

    @eager
    def _clipped(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        closure = _closure(args, kwargs)
        if closure is None:
            clip_gradients(optimizer, self.leg.clip or 0.0)
            return args, kwargs

        def clipped_closure() -> Any:
            loss = closure()
            clip_gradients(optimizer, self.leg.clip or 0.0)
            return loss

        return (clipped_closure,), {key: value for key, value in kwargs.items() if key != "closure"}


def effective(lr: LearningRate, now: list[float], base: list[float], t: int) -> list[float]:
    """The rate of each group at step ``t``: the schedule's value over what it is anchored to."""
    value = lr.schedule(t)
    if lr.of == "absolute":
        first = next((rate for rate in base if rate), 1.0)
        return [rate / first * value for rate in base]
    return [rate * value for rate in (now if lr.of == "script" else base)]


def clip_gradients(optimizer: Optimizer, norm: float) -> None:
    """Scale all gradients of an optimizer to a global norm of at most ``norm``, without a wait for the device."""
    grads = gradients(optimizer)
    total = total_norm(grads)
    if total is None:
        return
    scale = getattr(optimizer, "grad_scale", None)  # a fused optimizer under a GradScaler unscales in its own step
    limit = norm * scale if scale is not None else norm
    torch._foreach_mul_(grads, torch.clamp(limit / (total + 1e-6), max=1.0))


def stand_in(optimizer: Optimizer, swap: Swap, rate: float) -> Optimizer:
    """The optimizer that a Swap names, sharing the script's group dicts, so that schedulers go on working on them."""
    groups = [{"params": group["params"]} for group in optimizer.param_groups]
    other = optimizer_class(swap.name)(groups, **{"lr": rate, **swap.settings})
    for ours, theirs in zip(optimizer.param_groups, other.param_groups, strict=True):
        ours.update({key: value for key, value in theirs.items() if key not in ("params", "lr")})
        if "lr" in swap.settings:
            ours["lr"] = swap.settings["lr"]
    other.param_groups = optimizer.param_groups
    return other


def acting(leg: Intervention, base: Callable[[Optimizer], list[float]], anatomy: Anatomy) -> Act:
    """An Intervention put in force on the networks of this process."""
    treated = leg.treat.names or leg.treat.bounds
    return Act(leg, base, Treatment(leg.treat, anatomy) if treated else None)


@cache
def warm(names: tuple[str, ...]) -> None:
    """Load what stand-ins of leonui.optim need, once for all branches that are forked from here.

    Each is prepared for a weight of its own. What cannot be made the branch itself will tell.
    """
    weight = torch.zeros(2, 2, requires_grad=True)
    weight.grad = torch.zeros(2, 2)
    for name in names:
        if name.startswith("leonui.optim:"):
            with suppress(Exception):
                optimizer_class(name)([weight], lr=1.0).prepare()  # type: ignore[call-arg, attr-defined]


def optimizer_class(name: str) -> type[Optimizer]:
    """A class of torch.optim by its name in any case, or "module:Class". Raises ValueError for an unknown one."""
    place, _, attribute = name.rpartition(":")
    shelf = vars(importlib.import_module(place or "torch.optim"))
    known = {key.lower(): value for key, value in shelf.items() if isinstance(value, type)}
    found = shelf.get(attribute) or known.get(attribute.lower(), object)
    if not isinstance(found, type) or not issubclass(found, Optimizer) or found is Optimizer:
        raise ValueError(
            f"{place or 'torch.optim'} has no optimizer {attribute!r}; give one of its names or module:Class"
        )
    return found


def put_weights(optimizers: list[Optimizer], path: str) -> None:
    """Put the weights of a file, as ``keep_weights`` wrote it, in place."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    with torch.no_grad():
        for optimizer, tensors in zip(optimizers, saved, strict=False):
            for parameter, value in zip(weights(optimizer), tensors, strict=True):
                parameter.copy_(dealt(value, parameter))


def keep_weights(optimizers: list[Optimizer], path: str) -> None:
    """Leave the weights of all optimizers in a file, whole; where each rank has parts of them, all come and one writes.

    Ranks that all have the same need not wait for the first. What goes wrong is told, and ends nothing: a full disk, or
    a rank that is gone where all must come.
    """
    try:
        if is_first() or any(map(is_sharded, optimizers)):
            _keep(optimizers, path)
    except Exception as error:
        print(f"leonui: the last weights were not kept: {error}", file=sys.stderr)


def _keep(optimizers: list[Optimizer], path: str) -> None:
    all_of_them = [[whole(p.detach()).cpu() for p in weights(optimizer)] for optimizer in optimizers]
    if is_first():
        part = Path(f"{path}.part")
        _save(all_of_them, part)
        part.replace(path)


def is_first() -> bool:
    """Whether this process writes what all of its ranks have."""
    return os.environ.get("RANK", "0") == "0"


def _closure(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
    return kwargs.get("closure", args[0] if args else None)


def evaluate(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A step that moves nothing: the closure, if there is one, is still called for its loss."""
    closure = _closure(args, kwargs)
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


@eager
def _put(optimizer: Optimizer, rates: list[float]) -> None:
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(group.get("lr"), torch.Tensor):
            group["lr"] = torch.full_like(group["lr"], rate)
        else:
            group["lr"] = rate


@eager
def _restore(optimizer: Optimizer, found: list[Any]) -> None:
    for group, rate in zip(optimizer.param_groups, found, strict=True):
        group["lr"] = rate
