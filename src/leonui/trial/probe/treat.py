"""What a trial changes besides the update: what networks and loss functions are given, and how networks stand.

A treatment is an experiment on a suspicion: if the loss falls with it and not without, the suspicion is proved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from leonui.trial.intervention import Treat
from leonui.trial.probe.aligned import Aligned
from leonui.trial.probe.anatomy import Anatomy
from leonui.trial.probe.bounds import Bounds
from leonui.trial.probe.level import Level
from leonui.trial.probe.one_batch import OneBatch
from leonui.trial.probe.tensors import weights

FORGETS = {"standardised inputs", "shuffled inputs", "fresh weights", "levelled layers", "aligned shapes"}
LEAST = 1e-8  # a standard deviation below it is none


class Treatment:
    """Some of intervention.TREATMENTS, in force from now on in a process that is a trial's own."""

    def __init__(self, treat: Treat, anatomy: Anatomy):
        self.names, self._anatomy = treat.names, anatomy
        self._bounds = Bounds(treat.bounds, anatomy) if treat.bounds else None
        self._stepped: dict[int, torch.optim.Optimizer] = {}
        self._one = OneBatch() if "one batch" in treat.names else None
        names = treat.names
        self._moments: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}
        self._call: Callable[..., Any] = nn.Module.__call__
        if self._bounds or {"standardised inputs", "shuffled inputs", "training mode", "eval mode", "one batch"} & {
            *names
        }:
            self._meet_networks()
        if "fresh weights" in names:
            self._renew()
        if "levelled layers" in names:
            self._level()
        if "aligned shapes" in names:
            Aligned().__enter__()
        if FORGETS & {*names}:
            self._forget()

    def loss(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """What a loss function is given instead of its first argument."""
        if self._bounds:
            self._bounds.targets(kwargs.get("target", args[1] if len(args) > 1 else None))
        if self._one:
            args = self._one.target(name, args, kwargs)
        if "raw loss" not in self.names or len(args) < 1 or len(args) + len(kwargs) < 2:
            return args
        target = args[1] if len(args) > 1 else kwargs.get("target")
        return (_raw(name, args[0], target), *args[1:])

    def mode(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """What a function is given that differs between training and eval mode."""
        if "no dropout" in self.names and "dropout" in name:
            return given | {"training": False}
        if "batch statistics" in self.names and name == "batch_norm" and not torch.is_grad_enabled():
            return given | {"training": True, "momentum": 0.0}
        return given

    def summary(self) -> dict[str, Any]:
        """For the record: how the inputs were that were standardised, which batches were left out."""
        left_out = self._bounds.summary() if self._bounds else {}
        if not self._moments:
            return left_out
        mean, deviation = next(iter(self._moments.values()))
        at = deviation.flatten()
        return {"inputs": {"mean": float(mean.abs().max()), "least": float(at.min()), "most": float(at.max())}}

    def step(self, optimizer: torch.optim.Optimizer, micro: int, t: int) -> bool:
        """Gradients are about to be used that were added up over ``micro`` backward passes; False to leave them."""
        if (self._bounds and not self._bounds.keeps(t)) or ("one step a pass" in self.names and not micro):
            return False
        if "averaged gradients" in self.names and micro > 1:
            grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            torch._foreach_div_(grads, micro)
        if "all parameters" in self.names:
            self._hold_all(optimizer)
        return True

    def _hold_all(self, optimizer: torch.optim.Optimizer) -> None:
        """The first that steps again holds what none does that has stepped by then."""
        if self._stepped.get(id(optimizer)) is optimizer:
            held = {id(p) for known in self._stepped.values() for p in weights(known)}
            left_out = [p for _, p in self._anatomy.named() if p.requires_grad and id(p) not in held]
            optimizer.param_groups[0]["params"].extend(left_out)
        self._stepped[id(optimizer)] = optimizer

    def _meet_networks(self) -> None:
        call, roots = self._call, self._anatomy.outermost

        def met(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if id(module) not in roots:
                return call(module, *args, **kwargs)
            return self._met(module, args, kwargs)

        nn.Module.__call__ = met

    def _met(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A network is called by the script."""
        was = module.training
        trains = torch.is_grad_enabled()
        wanted = was or "training mode" in self.names if trains else was and "eval mode" not in self.names
        if {"training mode", "eval mode"} & {*self.names} and wanted != was:
            module.train(wanted)
            try:
                return self._call(module, *args, **kwargs)
            finally:
                module.train(was)
        if self._bounds and torch.is_grad_enabled():
            self._bounds.inputs(args)
        inputs = [
            self._input(module, i, value) if isinstance(value, torch.Tensor) else value for i, value in enumerate(args)
        ]
        return self._call(module, *inputs, **kwargs)

    def _input(self, module: nn.Module, at: int, x: torch.Tensor) -> torch.Tensor:
        if self._one:
            x = self._one.input(x, id(module), at)
        if "shuffled inputs" in self.names and x.ndim and len(x) > 1:
            x = x.roll(len(x) // 2, 0)
        if "standardised inputs" not in self.names or not x.is_floating_point() or x.ndim < 2:
            return x
        key = (id(module), at)
        if key not in self._moments:
            self._moments[key] = _moments(x.detach())
        mean, deviation = self._moments[key]
        return (x - mean) / deviation

    @staticmethod
    def _level() -> None:
        levelled = Level(nn.Module.__call__)
        nn.Module.__call__ = lambda module, *args, **kwargs: levelled(module, *args, **kwargs)

    def _renew(self) -> None:
        """All layers begin as torch makes them."""
        for root in self._anatomy.roots:
            for module in root.modules():
                if callable(reset := getattr(module, "reset_parameters", None)):
                    reset()

    def _forget(self) -> None:
        """The gradient that is there is that of the inputs and weights before."""
        for root in self._anatomy.roots:
            for parameter in root.parameters():
                if parameter.grad is not None:
                    parameter.grad.zero_()


def _moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation by feature: a column of a table, a channel of a picture, an element of a step in time."""
    kept = 1 if x.ndim in (2, 4, 5) else x.ndim - 1
    over = [axis for axis in range(x.ndim) if axis != kept]
    deviation = x.std(over, keepdim=True, unbiased=False)
    return x.mean(over, keepdim=True), torch.where(deviation > LEAST, deviation, torch.ones_like(deviation))


def _raw(name: str, x: torch.Tensor, target: Any) -> torch.Tensor:
    """What the loss function wanted: logits for probabilities, logarithms for them, the shape of the targets."""
    if name == "cross_entropy" and bool((x >= 0).all()) and bool(((x.sum(1) - 1).abs() < 1e-3).all()):
        return x.clamp(min=1e-30).log()
    if name == "nll_loss" and bool((x >= 0).all()):
        return x.clamp(min=1e-30).log()
    if name == "binary_cross_entropy_with_logits" and bool(((x > 0) & (x < 1)).all()):
        return torch.logit(x, eps=1e-7)
    if isinstance(target, torch.Tensor) and x.shape != target.shape and x.numel() == target.numel():
        return x.reshape(target.shape) if target.is_floating_point() else x
    return x
