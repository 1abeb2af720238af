"""Runs on at fixed weights without computing what is known: how long a script is, at the price of its data alone.

While nothing is trained, a network's answer to a training batch is asked for only so that the script can go on: any
answer of the right shape will do. Its answer under ``no_grad``, a validation pass, is computed, once for each input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map

from leonui.trial.probe.samples import Samples, prints


class Glide:
    """Answers in a network's place; ``samples`` are those that it was to be trained on, or was asked about."""

    def __init__(self) -> None:
        self.samples = Samples()
        self.on = False
        self._known: dict[Any, Any] = {}
        self._deep = 0

    def begin(self, step: int) -> None:
        """From now on the outermost call of each network is answered here; there is no way back."""
        self.samples.step = step
        if self.on:
            return
        self.on = True
        call = torch.nn.Module.__call__

        def answer(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            if self._deep or next(module.parameters(), None) is None:
                return call(module, *args, **kwargs)
            return self._answer(call, module, args, kwargs)

        torch.nn.Module.__call__ = answer

    def compares(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A loss function is given targets."""
        if not self.on or not torch.is_grad_enabled():
            return
        target = kwargs.get("target", args[1] if len(args) > 1 else None)
        if isinstance(target, torch.Tensor):
            self.samples.largest("targets", target)

    def summary(self) -> dict[str, Any]:
        """For the record; nothing where no network was called."""
        return self.samples.summary() if self.on else {}

    def _answer(
        self, call: Callable[..., Any], module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        training = module.training and torch.is_grad_enabled()
        given = tree_flatten((args, kwargs))[0]
        tensors = [value for value in given if isinstance(value, torch.Tensor)]
        if tensors and training:
            self.samples.trains(tensors[0])
        elif tensors and not torch.is_grad_enabled():
            self.samples.validates(tensors[0])
        told = _shape if training else _content
        about = (told(value) if isinstance(value, torch.Tensor) else _plain(value) for value in given)
        key = (id(module), training, *about)
        if key not in self._known:
            self._known[key] = self._compute(call, module, args, kwargs)
        grad = torch.is_grad_enabled()
        return tree_map(lambda value: _answered(value, grad), self._known[key])

    def _compute(
        self, call: Callable[..., Any], module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self._deep += 1
        try:
            with torch.no_grad():
                return call(module, *args, **kwargs)
        finally:
            self._deep -= 1


def _shape(value: torch.Tensor) -> Any:
    return tuple(value.shape), value.dtype


def _content(value: torch.Tensor) -> Any:
    flat = value.detach().reshape(1, -1)
    return (*_shape(value), *prints(flat)) if flat.numel() and not flat.is_complex() else _shape(value)


def _plain(value: Any) -> Any:
    return repr(value) if isinstance(value, bool | int | float | str | None) else type(value)


def _answered(value: Any, grad: bool) -> Any:
    """A known answer as a copy that a script may change in place, and go backward from."""
    if not isinstance(value, torch.Tensor):
        return value
    answer = value.detach().clone()
    return answer.requires_grad_().clone() if grad and value.is_floating_point() else answer
