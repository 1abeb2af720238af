"""What became of each parameter between the first step and the end: held, reached, moved, alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.trial.probe.anatomy import Anatomy
from leonui.trial.probe.tensors import Known, weights

NAMED = 20  # parameters at most that are named of a kind


class Moved:
    """Compares every parameter with itself at the first step, by two sums over it."""

    def __init__(self, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        self._begin: dict[str, tuple[float, float]] = {}
        self._held = Known()
        self._last: dict[str, Any] = {}
        self._reached = Known()  # parameters that were seen with a gradient
        self._nonzero = Known()
        self._grads: dict[int, tuple[int, int]] = {}
        self._fed = Known()  # whose gradient changed from one look to the next: not left over from before

    def begin(self) -> None:
        """Note how all parameters are, and that none has a gradient of this training yet."""
        self._grads = {}
        self._begin = dict(zip((name for name, _ in self._anatomy.named()), self._sums(), strict=True))

    def look(self, optimizer: Optimizer) -> None:
        """See which parameters have a gradient now, and what has become of all of them.

        Many a script drops its network before its process ends: then the last look is what is told.
        """
        self._held.add(*weights(optimizer))
        for _, parameter in self._anatomy.named():
            if parameter.grad is not None:
                self._reached.add(parameter)
                state = id(parameter.grad), parameter.grad._version
                if self._grads.setdefault(id(parameter), state) != state:
                    self._fed.add(parameter)
                if parameter not in self._nonzero and (parameter.grad.is_sparse or bool(parameter.grad.any())):
                    self._nonzero.add(parameter)
        self._last = self._seen()

    def summary(self) -> dict[str, Any]:
        """For the record: counts, and names of the parameters that something is odd about."""
        return self._seen() if self._anatomy.whole else self._last

    def _seen(self) -> dict[str, Any]:
        held, every = self._held, list(self._anatomy.named())
        same = {name for (name, _), now in zip(every, self._sums(), strict=True) if self._begin.get(name) == now}
        kinds: dict[str, list[str]] = {
            "unheld": [],
            "unreached": [],
            "still": [],
            "zero": [],
            "alike": [],
            "flat": [],
            "frozen": [],
        }
        for name, p in every:
            for kind in self._kinds(p, p in held, name in same):
                kinds[kind].append(name)
        strange = held.beside(p for _, p in every)
        counts = {"parameters": len(every), "held": sum(p in held for _, p in every), "strange": strange}
        return counts | {kind: _told(names) for kind, names in kinds.items() if names}

    def _kinds(self, p: torch.Tensor, held: bool, same: bool) -> Iterable[str]:
        """unheld: reached by gradients and in no optimizer; unreached: never; still, zero: bit for bit as it was,

        with gradients that were not zero, or were; alike: all rows of a matrix that has moved are equal; flat: of one
        that could not move.
        """
        reached, nonzero = p in self._reached, p in self._nonzero
        if not p.requires_grad:
            yield "frozen"
        elif not held:
            if nonzero and p in self._fed:
                yield "unheld"
        elif not reached:
            yield "unreached"
        elif same:
            yield "still" if nonzero else "zero"
            if not nonzero and _alike(p):
                yield "flat"
        elif p.ndim == 2 and _alike(p):
            yield "alike"

    def _sums(self) -> list[tuple[float, float]]:
        with torch.no_grad():
            return [_sums(parameter.detach()) for _, parameter in self._anatomy.named()]


def _alike(p: torch.Tensor) -> bool:
    return p.ndim > 1 and len(p) > 1 and bool((p[1:] == p[:1]).all())


def _sums(value: torch.Tensor) -> tuple[float, float]:
    exact = value.double() if not value.is_complex() else torch.view_as_real(value).double()
    return float(exact.sum()), float(exact.square().sum())


def _told(names: list[str]) -> dict[str, Any]:
    return {"count": len(names), "names": names[:NAMED]}
