"""A column of any length in bounded memory: the means of stretches, which get longer as it grows."""

from __future__ import annotations

import math

MOST = 2048  # stretches


class Digest:
    """The numbers of one column, by step; ``stretches``: last step, mean and largest of each."""

    def __init__(self) -> None:
        self.count = self.bad = self.falls = 0
        self.first_bad: float | None = None
        self.low, self.high = math.inf, -math.inf
        self._stretches: list[tuple[float, float, float]] = []
        self._width = 1
        self._open: tuple[int, float, float, float] = (0, 0.0, -math.inf, 0.0)
        self._last = math.nan

    def add(self, step: float, value: float) -> None:
        """The next number."""
        self.count += 1
        if not math.isfinite(value):
            self.bad += 1
            self.first_bad = step if self.first_bad is None else self.first_bad
            return
        self.falls += value < self._last
        self._last, self.low, self.high = value, min(self.low, value), max(self.high, value)
        held, total, most, _ = self._open
        self._open = held + 1, total + value, max(most, value), step
        if self._open[0] == self._width:
            self._close()

    @property
    def stretches(self) -> list[tuple[float, float, float]]:
        """All of them, the last one as long as it is."""
        held, total, most, step = self._open
        return [*self._stretches, (step, total / held, most)] if held else list(self._stretches)

    def _close(self) -> None:
        held, total, most, step = self._open
        self._stretches.append((step, total / held, most))
        self._open = (0, 0.0, -math.inf, 0.0)
        if len(self._stretches) >= 2 * MOST:
            pairs = zip(self._stretches[::2], self._stretches[1::2], strict=True)
            self._stretches = [(b[0], (a[1] + b[1]) / 2, max(a[2], b[2])) for a, b in pairs]
            self._width *= 2
