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
from leonui.trial.probe.place import own_place

STAGES = 4  # optimizers that take over from others, one after the other: so often all objects are looked through


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
        self._stages = 0
        self._stepped = ""

    def begin(self, optimizer: Optimizer) -> None:
        """The optimizer is about to make the first step; ranks that hold only parts of the weights are not examined."""
        self._stepped = own_place(1)
        if not self.anatomy.find():
            return
        self._begun = True
        self.modes.trains()
        self.moved.begin()
        self.moved.look(optimizer)

    def take_over(self, optimizer: Optimizer) -> None:
        """Another optimizer is about to make its first step: there may be other networks now, and another loss."""
        self._stages, self._stepped = self._stages + 1, own_place(1)
        if self._begun and self._stages <= STAGES and self.anatomy.find():
            self.losses = Losses()
            self.moved.begin()
            self.moved.look(optimizer)

    def summary(self) -> dict[str, Any]:
        """For the record, by subject."""
        known = {"backward": self.order.place} | self.look.summary()
        if not self._begun:
            return known
        return known | {
            "stepped": self._stepped,
            "dropout": self.anatomy.dropout,
            "norms": self.anatomy.norms,
            "modes": self.modes.counts,
            "losses": self.losses.summary(),
            "moved": self.moved.summary(),
        }
