"""An operation that makes samples alike: it is given those of a batch, which differ, and returns the same for all."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from leonui.trial.probe.place import places

SAME = 1e-6  # of the largest number: samples that differ by less are alike


class Merged:
    """The first such operation in a network; ``summary`` is empty where there was none."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def see(self, name: str, where: str, given: tuple[Any, ...], value: torch.Tensor, samples: int) -> None:
        """A function of torch returned a value, inside of a module where ``where`` names one; ``samples``: a batch."""
        if self._found or samples < 2 or not (where or value.requires_grad) or not _alike(value, samples):
            return
        if any(_differ(one, samples) for one in tree_leaves(given)):
            self._found = {"operation": name.strip("_"), "module": where, "place": places(2, 1)[0]}

    def summary(self) -> dict[str, Any]:
        """For the record."""
        return self._found


def _alike(value: torch.Tensor, samples: int) -> bool:
    return _batch(value, samples) and value.is_floating_point() and _apart(value) <= SAME


def _differ(value: Any, samples: int) -> bool:
    return _batch(value, samples) and _apart(value) > SAME


def _batch(value: Any, samples: int) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim > 0 and len(value) == samples and value.numel() > 0


def _apart(value: torch.Tensor) -> float:
    """By how much samples differ from the first one, of the largest number in all of them."""
    rows = value.detach().reshape(len(value), -1).double()
    return float((rows - rows[:1]).abs().max() / rows.abs().max().clamp_min(1e-30))
