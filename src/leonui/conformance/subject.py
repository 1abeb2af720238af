"""The optimizer under test: how it is made, what weights and gradients it is given, how it is stepped."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

LR = 0.01
GENERAL = ((33, 5), (7,), (3, 2, 3, 3))
MATRICES = ((33, 5), (8, 12))
Fill = Callable[[list[Tensor], int], Tensor]


class CannotConstruct(Exception):
    """The optimizer could not be made as a check asks; the message is the first line of why."""


def first_line(error: BaseException) -> str:
    """The class of an error and the first line of what it says."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


@dataclass(frozen=True)
class Subject:
    """A class or factory ``make(params, lr=..., **settings)`` and what the suite found out about it.

    ``matrices``: it takes only parameters of two dimensions. ``closure``: it steps only with a closure.
    """

    make: Callable[..., Any]
    settings: dict[str, Any] = field(default_factory=dict)
    matrices: bool = False
    closure: bool = False

    @property
    def lr(self) -> float:
        """The learning rate that it is tried at: the one that was asked for, else its own default, else 0.01."""
        given = self.settings.get("lr", _default_lr(self.make))
        return float(given) if isinstance(given, int | float | Tensor) else LR

    def optimizer(self, params: Any, **more: Any) -> Any:
        """Make one, in training mode if it has modes; some settings may be other ones."""
        try:
            made = self.make(params, **{"lr": self.lr} | self.settings | more)
        except Exception as error:
            raise CannotConstruct(first_line(error)) from error
        if callable(getattr(made, "train", None)):
            made.train()
        return made

    def weights(self, dtype: torch.dtype = torch.float32, shapes: Iterable[tuple[int, ...]] = ()) -> list[Tensor]:
        """Fresh leaf tensors, the same at every call."""
        shapes = tuple(shapes) or (MATRICES if self.matrices else GENERAL)
        return [noise(shape, -1 - place).to(dtype).requires_grad_() for place, shape in enumerate(shapes)]

    def step(self, optimizer: Any, params: list[Tensor], index: int, fill: Fill | None = None) -> Any:
        """One step with the gradients of a number; random numbers that it draws depend on the number alone."""

        def closure() -> Tensor:
            return (fill or gradients)(params, index)

        torch.manual_seed(index)
        closure()
        return optimizer.step(closure) if self.closure else optimizer.step()

    def run(self, optimizer: Any, params: list[Tensor], steps: Iterable[int], fill: Fill | None = None) -> list[Tensor]:
        """Some steps by their numbers; returns a copy of the weights."""
        for index in steps:
            self.step(optimizer, params, index, fill)
        return copies(params)

    def ran(self, steps: int = 3, params: list[Tensor] | None = None, fill: Fill | None = None, **more: Any) -> Any:
        """The weights after some steps from the start."""
        params = self.weights() if params is None else params
        return self.run(self.optimizer(params, **more), params, range(steps), fill)


def _default_lr(make: Callable[..., Any]) -> Any:
    try:
        return inspect.signature(make).parameters["lr"].default
    except (KeyError, TypeError, ValueError):
        return None


def noise(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Normal numbers that depend on the seed and the shape alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed % 2**31), dtype=dtype)


def decay(subject: Subject) -> dict[str, float]:
    """A weight decay to construct with, where the optimizer has one."""
    made = subject.optimizer(subject.weights())
    return {"weight_decay": 0.1} if "weight_decay" in getattr(made, "defaults", {}) else {}


def gradients(params: list[Tensor], index: int) -> Tensor:
    """Give every parameter the gradient of a bowl whose bottom depends on the step's number; returns the height.

    A gradient is laid out in memory as its parameter is.
    """
    return torch.stack([bowl(p, noise(tuple(p.shape), 100 * index + place)) for place, p in enumerate(params)]).sum()


def bowl(p: Tensor, tilt: Tensor) -> Tensor:
    """Give a parameter the gradient of ``|p|^2 / 2 + tilt p``; returns that height, a float32 scalar."""
    weight = p.detach()
    p.grad = (weight + tilt).to(weight.dtype)
    return (weight.float() * (weight.float() / 2 + tilt)).sum()


def no_gradients(params: list[Tensor], index: int) -> Tensor:
    """Give every parameter a gradient of zero, on a plain of height 0."""
    for p in params:
        p.grad = torch.zeros_like(p.detach())
    return torch.zeros(())


def copies(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Copies of the values, laid out as they are."""
    return [one.detach().clone() for one in tensors]


def apart(ones: Iterable[Tensor], others: Iterable[Tensor]) -> float:
    """The largest absolute difference between two lists of tensors; 0 only where they are equal, NaN counts as inf."""
    gaps = [
        torch.nan_to_num((one.detach() - other.detach()).abs().double(), nan=float("inf")).amax().item()
        for one, other in zip(ones, others, strict=True)
        if one.numel() and not torch.equal(one.detach(), other.detach())
    ]
    return max(gaps, default=0.0)


def finite(tensors: Iterable[Tensor]) -> bool:
    """Whether every number is finite."""
    return all(bool(one.isfinite().all()) for one in tensors)
