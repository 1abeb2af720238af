"""The optimizers of one process, in the order in which they were made."""

from __future__ import annotations

import weakref

import torch
from torch.optim import Optimizer

from leonui.trial.probe.tensors import weights


class Crew:
    """Knows optimizers without keeping them alive: a watched run frees what it drops.

    ``hold`` keeps them after all, where their weights are wanted at the end.
    """

    def __init__(self, hold: bool):
        self._hold = hold
        self._held: list[Optimizer] = []
        self._known: list[weakref.ref[Optimizer]] = []
        self._indices: dict[int, int] = {}

    def add(self, optimizer: Optimizer) -> int:
        """Take in an optimizer; returns its number."""
        name = id(optimizer)
        self._indices[name] = len(self._known)
        self._known.append(weakref.ref(optimizer, lambda _: self._indices.pop(name, None)))
        self._held += [optimizer] if self._hold else []
        return self._indices[name]

    def index(self, optimizer: Optimizer) -> int:
        """Its number; -1 if it is not known."""
        return self._indices.get(id(optimizer), -1)

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def alive(self) -> list[Optimizer]:
        """Those that are still there."""
        return [optimizer for known in self._known if (optimizer := known()) is not None]

    def provide_gradients(self) -> None:
        """A script may read its gradients, and a GradScaler must: where backward is left out they are zeros."""
        for optimizer in self.alive:
            for p in weights(optimizer):
                if p.requires_grad and p.grad is None:
                    p.grad = torch.zeros_like(p)
