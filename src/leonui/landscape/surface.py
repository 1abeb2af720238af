"""A surface: a formula of one or two numbers, and what is known of its shape. Gradients and Hessians are autograd's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

Point = tuple[float, ...]


@dataclass(frozen=True)
class Surface:
    """A loss over one or two weights.

    ``formula`` takes them as float64 tensors of one shape and returns the losses in torch operations. ``title`` and
    ``words`` are English, to be translated. ``window``: from where to where each weight is shown; ``start``: where a
    climb begins; ``minima`` (global) and ``saddles``: the points that are known; ``quadratic``: the Hessian is the same
    everywhere.
    """

    name: str
    title: str
    words: str
    formula: Callable[..., Tensor]
    window: tuple[tuple[float, float], ...]
    start: Point
    minima: tuple[Point, ...] = ()
    saddles: tuple[Point, ...] = ()
    quadratic: bool = False

    @property
    def dimensions(self) -> int:
        """How many weights it has: 1 or 2."""
        return len(self.window)

    def value(self, points: Tensor) -> Tensor:
        """The losses [...] at points [..., dimensions], float64."""
        return self.formula(*points.unbind(-1))

    def gradient(self, points: Tensor) -> Tensor:
        """The gradients [..., dimensions] at points of that shape, by autograd."""
        at = points.detach().clone().requires_grad_()
        (found,) = torch.autograd.grad(self.value(at).sum(), at)
        return found

    def hessian(self, point: Sequence[float]) -> Tensor:
        """The Hessian [dimensions, dimensions] at one point, by autograd."""
        at = torch.tensor(point, dtype=torch.float64)
        return torch.autograd.functional.hessian(self.value, at)  # type: ignore[return-value]

    def grid(self, count: int = 81) -> tuple[list[Tensor], Tensor]:
        """The axes [count] of the window and the losses on them: [count], or [count of y, count of x]."""
        axes = [torch.linspace(low, high, count, dtype=torch.float64) for low, high in self.window]
        mesh = torch.meshgrid(*axes, indexing="xy") if self.dimensions == 2 else axes
        return axes, self.formula(*mesh)

    @cached_property
    def floor(self) -> float:
        """The loss of the global minimum: the known one, else the lowest of a grid over the window."""
        if self.minima:
            return float(self.value(torch.tensor(self.minima[0], dtype=torch.float64)))
        losses = self.grid()[1]
        return float(losses[losses.isfinite()].min())

    @cached_property
    def height(self) -> float:
        """The magnitude of the losses in the window: the largest one, at least 1."""
        losses = self.grid(41)[1]
        return max(1.0, float(losses[losses.isfinite()].abs().max()))

    def sharpness(self, point: Sequence[float]) -> float:
        """The Hessian's largest eigenvalue at a point; NaN where the loss is not smooth there."""
        matrix = self.hessian(point)
        return float(torch.linalg.eigvalsh(matrix)[-1]) if bool(matrix.isfinite().all()) else math.nan
