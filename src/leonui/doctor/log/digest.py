"""A column of any length in bounded memory: the means of stretches, which get longer as it grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

MOST = 2048  # stretches, and up to twice as many


class Stretch(NamedTuple):
    """Consecutive numbers as one: where the last of them stands, their mean, the largest."""

    step: float
    order: float
    mean: float
    most: float


@dataclass(frozen=True)
class Curve:
    """A column as arrays of one length: where each stretch stands, its mean, its largest number."""

    at: np.ndarray
    mean: np.ndarray
    most: np.ndarray

    def __len__(self) -> int:
        return len(self.mean)


class Digest:
    """The numbers of one column, each with its step and its place in the log.

    count, bad: how many there are, and how many of them are not finite; first_bad: the step of the first of those;
    gap, tail: the longest run of NaN that a number came after, and the one that the column ends with; infinite: of
    the bad ones; back: how often the step falls; same: whether all are the same number. Without ``repeats`` a number
    that is carried on from row to row until the next one counts once.
    """

    def __init__(self, repeats: bool = True) -> None:
        self.repeats = repeats
        self.count = self.bad = self.gap = self.tail = self.infinite = self.back = 0
        self.first_bad: float | None = None
        self.first = self.last = math.nan
        self.same = True
        self._step = -math.inf
        self._stretches: list[Stretch] = []
        self._width = 1
        self._held, self._total, self._most = 0, 0.0, -math.inf
        self._order = 0.0

    def add(self, step: float, order: float, value: float) -> None:
        """The next number."""
        self.count += 1
        if not math.isfinite(value):
            self._spoilt(step, value)
            return
        if self.tail:
            self.gap, self.tail = max(self.gap, self.tail), 0
        if value != self.last:
            self.same = self.same and self.last != self.last  # the first number
            self.first = value if self.first != self.first else self.first
        elif not self.repeats:
            return
        self.back += step < self._step
        self._step, self._order, self.last = step, order, value
        self._held += 1
        self._total += value
        if value > self._most:
            self._most = value
        if self._held == self._width:
            self._close()

    def _spoilt(self, step: float, value: float) -> None:
        self.bad += 1
        self.tail += 1
        self.infinite += math.isinf(value)
        self.first_bad = step if self.first_bad is None else self.first_bad

    @property
    def stretches(self) -> list[Stretch]:
        """All of them, the last one as long as it is."""
        return [*self._stretches, self._last()] if self._held else list(self._stretches)

    def curve(self, by_step: bool) -> Curve:
        """The stretches as arrays; ``by_step``: by the steps of the log, else by the order of its rows."""
        seen: Sequence[Stretch] = self.stretches
        at = [stretch.step if by_step else stretch.order for stretch in seen]
        return Curve(
            *(np.array(column, dtype=float) for column in (at, [s.mean for s in seen], [s.most for s in seen]))
        )

    def _last(self) -> Stretch:
        return Stretch(self._step, self._order, self._total / self._held, self._most)

    def _close(self) -> None:
        self._stretches.append(self._last())
        self._held, self._total, self._most = 0, 0.0, -math.inf
        if len(self._stretches) >= 2 * MOST:
            pairs = zip(self._stretches[::2], self._stretches[1::2], strict=True)
            self._stretches = [Stretch(b.step, b.order, (a.mean + b.mean) / 2, max(a.most, b.most)) for a, b in pairs]
            self._width *= 2
