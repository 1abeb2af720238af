"""Where the probe touches torch: a handful of functions are wrapped, and put back by ``detach``.

Nothing here measures or decides: each wrapper hands what it saw to the Probe and does what torch would have done.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch.optim import Optimizer, lr_scheduler

from leonui.trial.probe import guest
from leonui.trial.probe.compiled import settle, uncompiled
from leonui.trial.probe.place import own_place

if TYPE_CHECKING:
    from leonui.trial.probe.probe import Probe

LOSSES = (
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "ctc_loss", "gaussian_nll_loss",
    "huber_loss", "kl_div", "l1_loss", "mse_loss", "nll_loss", "poisson_nll_loss", "smooth_l1_loss",
)  # fmt: skip


class Hooks:
    """All wrappers of one Probe; ``detach`` restores what was there."""

    def __init__(self, probe: Probe):
        self.probe = probe
        self._undo: list[tuple[Any, str, Any]] = []
        self._late: list[tuple[Any, Any]] = []  # steps of classes that torch first saw while they were watched

    def attach(self) -> None:
        """Wrap optimizers, backward, the loss functions, the schedulers and the GradScaler."""
        self._wrap(Optimizer, "__init__", self._construct)
        self._replace(Optimizer, "profile_hook_step", staticmethod(self._hook_step(Optimizer.profile_hook_step)))
        for cls in _descendants(Optimizer):
            if getattr(vars(cls).get("step"), "hooked", False):
                self._wrap(cls, "step", self._step)
        self._wrap(torch.autograd, "backward", self._backward)
        for name in LOSSES:
            self._wrap(F, name, self._loss)
        for cls in [lr_scheduler.LRScheduler, *_descendants(lr_scheduler.LRScheduler)]:
            if "step" in vars(cls):
                self._wrap(cls, "step", self._schedule)
        self._wrap(Optimizer, "zero_grad", self._clear)
        self._wrap(torch.nn.Module, "zero_grad", self._clear)
        for name in ("clip_grad_norm_", "clip_grad_value_"):
            self._wrap(torch.nn.utils, name, self._clip)
        for name in ("dropout", "dropout2d", "batch_norm"):
            self._wrap(F, name, self._mode)
        self._wrap(lr_scheduler.LRScheduler, "__init__", self._construct_schedule)
        self._wrap(lr_scheduler.LRScheduler, "_initial_step", self._begin_schedule)
        self._wrap(torch.amp.grad_scaler.GradScaler, "scale", self._scale)
        self._wrap(torch.amp.grad_scaler.GradScaler, "unscale_", self._unscale)
        self._wrap(torch.amp.grad_scaler.GradScaler, "step", self._scaler_step)
        self.welcome()

    def welcome(self) -> None:
        """Wrap the optimizers of Keras, once it has been imported whole."""
        if (theirs := guest.optimizers()) and not any(owner is theirs for owner, *_ in self._undo):
            self._wrap(theirs, "__init__", self._construct_guest)
            self._wrap(theirs, "apply", self._apply)

    def detach(self) -> None:
        """Put back what was wrapped, newest first."""
        while self._undo:
            setattr(*self._undo.pop())
        for cls in _descendants(Optimizer):
            for watched, hooked in self._late:
                if vars(cls).get("step") is watched:
                    cls.step = hooked

    def _wrap(self, owner: Any, name: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        original = getattr(owner, name)
        self._replace(owner, name, functools.wraps(original)(wrapper(original)))

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        self._undo.append((owner, name, inspect.getattr_static(owner, name)))
        setattr(owner, name, value)

    def _construct(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            settle()
            self.probe.constructed(optimizer, optimizer.place if isinstance(optimizer, guest.Guest) else own_place(2))

        return __init__

    def _construct_guest(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            guest.made(optimizer, own_place(2))
            original(optimizer, *args, **kwargs)

        return __init__

    def _apply(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> None:
            moved = optimizer._trainable_variables if trainable_variables is None else trainable_variables
            if not grads or self.probe.deaf() or not moved:
                return original(optimizer, grads, trainable_variables)
            walk = functools.partial(original, optimizer, grads, trainable_variables)
            return guest.guest(optimizer, moved).walks(walk)

        return apply

    def _hook_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def hook(step: Callable[..., Any]) -> Callable[..., Any]:
            hooked = original(step)
            hooked.hooked = True  # type: ignore[attr-defined]  # torch marks only what it is given
            watched = functools.wraps(step)(self._step(hooked))
            self._late.append((watched, hooked))
            return watched

        return hook

    def _step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        probe = self.probe

        def step(optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
            return probe.step(optimizer, original, args, kwargs)

        return uncompiled(step)  # a compiled step is still compiled, below this frame

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        probe = self.probe

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
            if probe.backward(tensors):
                original(tensors, *args, **kwargs)

        return uncompiled(backward)

    def _loss(self, original: Callable[..., Any]) -> Callable[..., Any]:
        probe = self.probe

        def loss(*args: Any, **kwargs: Any) -> Any:
            if probe.act.treatment is not None:
                args = probe.act.treatment.loss(original.__name__, args, kwargs)
            value = original(*args, **kwargs)
            if not torch.compiler.is_compiling() and probe.listens():
                probe.loss(original.__name__, args, kwargs, value)
            return value

        return loss

    def _construct_schedule(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __init__(scheduler: Any, *args: Any, **kwargs: Any) -> None:
            original(scheduler, *args, **kwargs)
            self.probe.scheduled(scheduler, own_place(2))

        return __init__

    def _schedule(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            steps = self.probe.schedule_steps
            try:
                return original(scheduler, *args, **kwargs)
            finally:
                self.probe.schedule_steps = steps + 1  # one, also where it lets other schedulers step

        return step

    def _begin_schedule(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def _initial_step(scheduler: Any) -> None:
            steps = self.probe.schedule_steps
            original(scheduler)
            self.probe.schedule_steps = steps

        return _initial_step

    def _clear(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def zero_grad(owner: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.probe.deaf():
                if self.probe.act.treats("kept gradients"):  # the step clears them
                    return None
                self.probe.meter.exam.order.clears()
            return original(owner, *args, **kwargs)

        return zero_grad

    def _clip(self, original: Callable[..., Any]) -> Callable[..., Any]:
        probe = self.probe

        def clip(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            if probe.act.treats("no clipping"):
                return torch.zeros(())
            norm = original(parameters, *args, **kwargs)
            most = args[0] if args else kwargs.get("max_norm", kwargs.get("clip_value"))
            probe.clipped(norm, float(most or 0.0))
            return norm

        return clip

    def _mode(self, original: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)
        training = signature.parameters["training"].default
        at, probe = list(signature.parameters).index("training"), self.probe

        def function(*args: Any, **kwargs: Any) -> Any:
            if not torch.compiler.is_compiling():
                given = kwargs.get("training", args[at] if len(args) > at else training)
                probe.meter.exam.modes.called(bool(given))
                if treatment := probe.act.treatment:
                    given = signature.bind(*args, **kwargs).arguments
                    return original(**treatment.mode(original.__name__, given))
            return original(*args, **kwargs)

        return function

    def _unscale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def unscale_(scaler: Any, *args: Any, **kwargs: Any) -> Any:
            self.probe.meter.exam.order.unscales()
            return original(scaler, *args, **kwargs)

        return unscale_

    def _scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def scale(scaler: Any, outputs: Any) -> Any:
            scaled = original(scaler, outputs)
            if isinstance(outputs, torch.Tensor) and scaled is not outputs:
                self.probe.scaled(scaled, outputs)
            return scaled

        return scale

    def _scaler_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(scaler: Any, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
            walked = self.probe.walked
            result = original(scaler, optimizer, *args, **kwargs)
            if self.probe.walked == walked:
                self.probe.skipped(optimizer)
            return result

        return step


def _descendants(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)
