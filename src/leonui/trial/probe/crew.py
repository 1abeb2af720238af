"""The optimizers of one process, in the order in which they were made."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.trial.probe.tensors import weights


def peak_rate(group: dict[str, Any]) -> float:
    """The rate a group was given: torch's schedulers note it as ``max_lr`` or ``initial_lr`` and change ``lr``."""
    return float(group.get("max_lr") or group.get("initial_lr") or rate_now(group))


def rate_now(group: dict[str, Any]) -> float:
    """The rate of a group as it is now; 0 where it has none, as Adafactor where it makes its own."""
    return float(group.get("lr") or 0.0)


def lets_step(optimizer: Optimizer) -> bool:
    """Whether an optimizer has no rate and holds another one: then that one makes the steps, as in many a Lookahead."""
    if any("lr" in group for group in optimizer.param_groups):
        return False
    return any(isinstance(held, Optimizer) for held in vars(optimizer).values())


def described(optimizer: Optimizer) -> dict[str, Any]:
    """An optimizer in words and numbers, for the record."""
    return {
        "name": type(optimizer).__name__,
        "settings": {key: value for key, value in optimizer.defaults.items() if isinstance(value, int | float | tuple)},
        "parameters": sum(p.numel() for p in weights(optimizer)),
        "lr": [peak_rate(group) for group in optimizer.param_groups],
    }


class Crew:
    """Knows optimizers without keeping them alive: a watched run frees what it drops.

    ``hold`` keeps them after all, where their weights are wanted at the end.
    """

    def __init__(self, hold: bool):
        self._hold = hold
        self._held: list[Optimizer] = []
        self._known: list[weakref.ref[Optimizer]] = []
        self._indices: dict[int, int] = {}
        self._made: list[list[float]] = []  # the rates that each optimizer was made with
        self._stepped: set[int] = set()
        self._aside: set[int] = set()

    def add(self, optimizer: Optimizer) -> int:
        """Take in an optimizer; returns its number."""
        name = id(optimizer)
        self._indices[name] = len(self._known)
        self._known.append(weakref.ref(optimizer, lambda _: self._indices.pop(name, None)))
        self._made.append([peak_rate(group) for group in optimizer.param_groups])
        self._held += [optimizer] if self._hold else []
        return self._indices[name]

    def index(self, optimizer: Optimizer | None) -> int:
        """Its number; -1 if it is not known."""
        return self._indices.get(id(optimizer), -1)

    def steps(self, optimizer: Optimizer) -> None:
        """It is about to step: what has the same groups is only another handle on it, as SAM's two points are."""
        if (index := self.index(optimizer)) in self._stepped:
            return
        self._stepped.add(index)
        ours = {id(group) for group in optimizer.param_groups}
        for other in self.alive:
            if other is not optimizer and not ours.isdisjoint(map(id, other.param_groups)):
                self.set_aside(other)

    def set_aside(self, optimizer: Optimizer) -> None:
        """It steps inside of another one, or lets another one step: it is none of its own."""
        if (index := self.index(optimizer)) >= 0:
            self._aside.add(index)

    @property
    def aside(self) -> list[int]:
        """The numbers of those that are none of their own."""
        return sorted(self._aside - self._stepped)

    def base(self, optimizer: Optimizer) -> list[float]:
        """The base rate of each group; that which it was made with where a script's own schedule begins at 0.

        Where all are 0 they count as 1: a schedule is then over nothing.
        """
        made = self._made[self.index(optimizer)]
        rates = [
            peak_rate(group) or (made[i] if i < len(made) else 0.0) for i, group in enumerate(optimizer.param_groups)
        ]
        return rates if any(rates) else [1.0] * len(rates)

    def __len__(self) -> int:
        return len(set(self._indices.values()) - (self._aside - self._stepped))

    @property
    def alive(self) -> list[Optimizer]:
        """Those that are still there."""
        return [optimizer for known in self._known if (optimizer := known()) is not None]

    def prepare(self) -> None:
        """Load the kernels of leonui's own optimizers: each process that is forked from this one would do it again."""
        module = sys.modules.get("leonui.engine.optimizer")
        for optimizer in self.alive if module else ():
            if isinstance(optimizer, module.Engine):  # type: ignore[union-attr]
                optimizer.prepare()  # type: ignore[attr-defined]

    def provide_gradients(self) -> None:
        """A script may read its gradients, and a GradScaler must: where backward is left out they are zeros."""
        for optimizer in self.alive:
            for p in weights(optimizer):
                if p.requires_grad and p.grad is None:
                    p.grad = torch.zeros_like(p)
