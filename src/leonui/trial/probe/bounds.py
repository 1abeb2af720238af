"""Batches that hold larger numbers than they may: their steps are left out, and networks forget that they saw them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from leonui.trial.probe.anatomy import Anatomy


class Bounds:
    """What the inputs and the targets of a batch may hold at most."""

    def __init__(self, most: tuple[float, float], anatomy: Anatomy):
        self._most, self._anatomy = most, anatomy
        self._beyond = False
        self._left: list[int] = []
        self._buffers = self._copied()

    def inputs(self, values: Iterable[Any]) -> None:
        """A network is given these."""
        for value in values:
            self._look(value, self._most[0])

    def targets(self, value: Any) -> None:
        """A loss function is given this."""
        if torch.is_grad_enabled():
            self._look(value, self._most[1])

    def keeps(self, t: int) -> bool:
        """Whether step ``t``, from 0, may be made; where not, the statistics of batch normalisation go back."""
        beyond, self._beyond = self._beyond, False
        if beyond:
            self._left.append(t + 1)
            for buffer, value in self._buffers:
                buffer.copy_(value)
        else:
            self._buffers = self._copied()
        return not beyond

    def summary(self) -> dict[str, Any]:
        """For the record: the steps that were left out."""
        return {"left_out": {"count": len(self._left), "step": self._left[0]}} if self._left else {}

    def _look(self, value: Any, most: float) -> None:
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel():
            largest = float(value.detach().abs().max())
            self._beyond = self._beyond or not largest <= most

    def _copied(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [(buffer, buffer.clone()) for root in self._anatomy.roots for buffer in root.buffers()]
