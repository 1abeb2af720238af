"""Training mode and eval mode: which of the two was on where a loss was computed."""

from __future__ import annotations

import torch

from leonui.trial.probe.anatomy import Anatomy

OFTEN = 3  # passes for one loss: so many are made on purpose, to average over what dropout leaves


class Modes:
    """Counts validation losses that were computed in training mode, and training losses in a mode that was left on."""

    def __init__(self, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        self._noisy = 0  # calls of dropout or batch norm in training mode, under no_grad, since the last loss there
        self._trained = self._validated = False
        self.counts = {"validated": 0, "validated_training": 0, "trained": 0, "trained_eval": 0, "trained_never": 0}

    def called(self, training: bool) -> None:
        """Dropout or batch norm was called."""
        if training and not torch.is_grad_enabled():
            self._noisy += 1

    def validates(self) -> None:
        """A loss was computed under no_grad."""
        noisy, self._noisy, self._validated = self._noisy, 0, True
        modes = self._anatomy.modes
        self.counts["validated"] += 1
        if noisy and modes and all(modes) and noisy < OFTEN * self._anatomy.layers:
            self.counts["validated_training"] += 1

    def trains(self) -> None:
        """A backward pass begins."""
        modes = self._anatomy.modes
        if not modes:
            return
        self._noisy = 0
        self._trained = self._trained or any(modes)
        self.counts["trained"] += 1
        self.counts["trained_never"] += not self._trained
        if self._trained and self._validated and not any(modes):
            self.counts["trained_eval"] += 1
