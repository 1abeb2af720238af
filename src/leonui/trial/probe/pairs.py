"""Arithmetic that pairs every sample with every other: (N, 1) against (N) gives (N, N)."""

from __future__ import annotations

from typing import Any

import torch

from leonui.trial.probe.place import places

ARITHMETIC = ("sub", "rsub", "__sub__", "__rsub__", "add", "__add__", "mul", "__mul__", "div", "__truediv__")


def paired(given: tuple[Any, ...], samples: int) -> bool:
    """Whether two tensors are a column and a row of all samples."""
    two = [value for value in given[:2] if isinstance(value, torch.Tensor)]
    shapes = {tuple(value.shape) for value in two}
    return len(two) == 2 and samples > 1 and shapes == {(samples, 1), (samples,)}


class Pairs:
    """Counts such operations among those that gradients go through; ``samples``: in the batch at hand."""

    def __init__(self) -> None:
        self.samples = 0
        self._seen: dict[str, Any] = {}

    def see(self, name: str, given: tuple[Any, ...], value: torch.Tensor) -> None:
        """A function of torch was called and returned a value."""
        if name in ARITHMETIC and value.requires_grad and paired(given, self.samples):
            self._seen.setdefault("place", places(2, 1)[0])
            self._seen.setdefault("samples", self.samples)
            self._seen["count"] = self._seen.get("count", 0) + 1

    def summary(self) -> dict[str, Any]:
        """For the record; nothing where there was none."""
        return self._seen
