"""The order of a training loop: backward, clip, step, clear. What is done out of order is written into the row."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import Optimizer

from leonui.trial.probe.place import own_place
from leonui.trial.probe.tensors import weights


class Order:
    """What was called since the last backward pass, and since the last step of each optimizer."""

    def __init__(self) -> None:
        self.place = ""  # where the script first computed gradients
        self._passes = 0  # backward passes so far
        self._fresh = False  # a gradient has been computed and not been used
        self._cleared = False  # since the last backward pass
        self._scaled = self._unscaled = False
        self._stepped: dict[int, int] = {}  # by optimizer: the backward passes at its last step
        self._clip: dict[str, Any] = {}
        self._clips = False

    def backward(self, scaled: bool) -> None:
        """A backward pass begins, of a loss that a GradScaler has scaled or not."""
        self.place = self.place or own_place(1)
        self._passes += 1
        self._fresh, self._cleared = True, False
        self._scaled, self._unscaled = scaled, False

    def clears(self) -> None:
        """Gradients are cleared."""
        self._cleared = True

    def unscales(self) -> None:
        """A GradScaler takes its scale out of the gradients."""
        self._unscaled = True

    def clips(self, norm: Any, most: float) -> bool:
        """Gradients were clipped: they had ``norm``, and may have ``most``; True for the first time."""
        first, self._clips = not self._clips, True
        late = not self._fresh
        self._clip = {"clip": most, "clip_late": late or None}
        self._clip["clip_scaled"] = (self._scaled and not self._unscaled) or None
        self._clip["clip_norm"] = norm if isinstance(norm, torch.Tensor) and norm.numel() == 1 else None
        return first

    def before_step(self, optimizer: Optimizer, index: int, row: dict[str, Any]) -> None:
        """Put into the row what is wrong with this step, and how its gradients were clipped."""
        if self._cleared and not any(p.grad is not None and bool(p.grad.any()) for p in weights(optimizer)):
            row["emptied"] = True
        if self._stepped.get(index) == self._passes and not self._cleared:
            row["again"] = True
        row.update({key: value for key, value in self._clip.items() if value is not None})
        self._stepped[index], self._fresh, self._clip = self._passes, False, {}
