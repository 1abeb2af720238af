"""The way of the weights: kept now and then while a script trains, of a run of any length about the same number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch.optim import Optimizer

from leonui.trial.plan import Plan
from leonui.trial.probe.act import is_first, keep_weights
from leonui.trial.probe.tensors import weights

ROOM = 4 << 30  # bytes on the disk: of weights that are very large fewer are kept


class Track:
    """Leaves the weights in a trial's folder, in files named for the steps that had been made.

    When there are more than the plan allows, every second one goes, and from then on half as many are taken.
    """

    def __init__(self) -> None:
        self._kept: list[int] = []
        self._every = 1

    def see(self, step: int, optimizers: Sequence[Optimizer], plan: Plan) -> None:
        """A step (from 1) is about to be made."""
        made = step - 1
        if plan.keep <= 1 or made % self._every or made in self._kept[-1:]:
            return
        keep_weights([*optimizers], str(_file(plan, made)))
        self._kept.append(made)
        size = sum(p.numel() * p.element_size() for optimizer in optimizers for p in weights(optimizer))
        while len(self._kept) > max(min(plan.keep, ROOM // max(size, 1)), 3):
            self._every *= 2
            for gone in [kept for kept in self._kept if kept % self._every]:
                self._kept.remove(gone)
                if is_first():
                    _file(plan, gone).unlink()


def _file(plan: Plan, made: int) -> Path:
    return Path(plan.folder) / f"weights-{made:09}.pt"
