"""What is seen of a training besides its rows: how its loop goes, how its networks stand, what its losses are given."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from leonui.trial.probe.anatomy import Anatomy
from leonui.trial.probe.look import Look
from leonui.trial.probe.losses import Losses
from leonui.trial.probe.modes import Modes
from leonui.trial.probe.moved import Moved
from leonui.trial.probe.order import Order


class Exam:
    """All of it for one process; ``summary`` is written when the record ends."""

    def __init__(self) -> None:
        self.anatomy = Anatomy()
        self.order = Order()
        self.losses = Losses()
        self.modes = Modes(self.anatomy)
        self.moved = Moved(self.anatomy)
        self.look = Look()
        self._begun = False

    def begin(self, optimizer: Optimizer) -> None:
        """The optimizer is about to make the first step; ranks that hold only parts of the weights are not examined."""
        if not self.anatomy.find():
            return
        self._begun = True
        self.modes.trains()
        self.moved.begin()
        self.moved.look(optimizer)

    def summary(self) -> dict[str, Any]:
        """For the record, by subject."""
        known = {"backward": self.order.place} | self.look.summary()
        if not self._begun:
            return known
        return known | {
            "dropout": self.anatomy.dropout,
            "norms": self.anatomy.norms,
            "modes": self.modes.counts,
            "losses": self.losses.summary(),
            "moved": self.moved.summary(),
        }
