"""Whether the gradient is that of the loss: weights a little way along it, and back, for branches that measure both.

The loss must change by what the gradient says; each tensor is moved in proportion to its own size, so that a wrong
gradient shows in whichever it is.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.trial.probe.tensors import weights

_save = torch.save  # as it is before a trial's own saving is put aside
WAYS = (1e-3, 3e-4)  # relative to the size of each tensor: two that must agree, or the loss is too rough to tell
LEAST = 1e-2  # a weight's size, where it is smaller


class Slope:
    """Leaves two files of weights for each way, one uphill and one downhill; ``summary``: where, and what to expect."""

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}

    def save(self, optimizer: Optimizer, folder: Path) -> None:
        """Gradients are there, and nothing has moved yet."""
        moved = [p for p in weights(optimizer) if p.grad is not None and not p.grad.is_sparse]
        sizes = {id(p): float(p.grad.norm()) for p in moved if p.grad is not None}
        if self._seen or not moved or not all(map(math.isfinite, sizes.values())):
            return
        reach = {id(p): max(float(p.detach().norm()), LEAST * math.sqrt(p.numel())) for p in moved}
        files = {}
        for way in WAYS:
            for sign in (1, -1):
                path = folder / f"nudged-{way:g}-{sign}.pt"
                _save([[_nudged(p, sizes, reach, sign * way) for p in weights(optimizer)]], str(path))
                files[f"{sign * way:g}"] = str(path)
        self._seen = {"expected": sum(sizes[key] * reach[key] for key in sizes), "files": files}

    def summary(self) -> dict[str, Any]:
        """For the record; nothing where nobody asked."""
        return self._seen


def _nudged(p: torch.Tensor, sizes: dict[int, float], reach: dict[int, float], way: float) -> torch.Tensor:
    if not sizes.get(id(p)):
        return p.detach().clone()
    assert p.grad is not None
    return p.detach() + way * reach[id(p)] / sizes[id(p)] * p.grad
