"""HOW FAR, WHEN: pure functions from a step to a multiplier, joined from phases.

A Schedule is evaluated by the absolute step, so there is no state to save and a resumed run cannot be at a wrong place.
Each phase is sampled at the middle of its steps: neither a warm-up's first step nor a decay's last one is wasted at 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_SHAPES = {
    "linear": lambda start, end, x: start + (end - start) * x,
    "cosine": lambda start, end, x: end + (start - end) * (1 + math.cos(math.pi * x)) / 2,
    "exponential": lambda start, end, x: start * (end / start) ** x,
}


@dataclass(frozen=True)
class Phase:
    """``steps`` steps on the way from multiplier ``start`` to ``end``; shapes: linear, cosine, exponential."""

    steps: int
    start: float
    end: float
    shape: str = "linear"

    def __post_init__(self) -> None:
        if self.shape not in _SHAPES:
            raise ValueError(f"shape={self.shape!r} is not known; choose one of {', '.join(_SHAPES)}")
        if self.steps < 1:
            raise ValueError(f"steps={self.steps} is too few for a phase; it needs at least 1")
        if self.shape == "exponential" and not self.start * self.end > 0:
            raise ValueError(f"an exponential phase cannot go from {self.start} to {self.end}; both must be above 0")

    def __call__(self, step: int) -> float:
        return _SHAPES[self.shape](self.start, self.end, (step + 0.5) / self.steps)


@dataclass(frozen=True)
class Schedule:
    """Phases one after the other; past the last one its end value holds.

    >>> climb = warmup_linear(total=100, warmup=10, peak=2.0)
    >>> [round(climb(step), 3) for step in (0, 9, 10, 99, 100)]
    [0.1, 1.9, 1.989, 0.011, 0.0]
    """

    phases: tuple[Phase, ...]

    def __call__(self, step: int) -> float:
        for phase in self.phases:
            if step < phase.steps:
                return phase(step)
            step -= phase.steps
        return self.phases[-1].end

    @property
    def steps(self) -> int:
        """The length of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def scaled(self, factor: float) -> Schedule:
        """The same climb, ``factor`` times as high."""
        return Schedule(tuple(Phase(p.steps, p.start * factor, p.end * factor, p.shape) for p in self.phases))

    def to_json(self) -> list[list[Any]]:
        """The phases as plain lists."""
        return [[p.steps, p.start, p.end, p.shape] for p in self.phases]

    @classmethod
    def from_json(cls, data: list[list[Any]]) -> Schedule:
        """The inverse of ``to_json``."""
        return cls(tuple(Phase(*phase) for phase in data))


def constant(value: float = 1.0) -> Schedule:
    """The same multiplier at every step."""
    return Schedule((Phase(1, value, value),))


def ramp(low: float, high: float, steps: int) -> Schedule:
    """Exponentially from ``low`` to ``high``: the range test of Smith (2017, arXiv 1506.01186)."""
    return Schedule((Phase(steps, low, high, "exponential"),))


def warmup_linear(total: int, warmup: int, peak: float = 1.0) -> Schedule:
    """Linear warm-up, then linear decay to zero at ``total``: Defazio et al. (2023, arXiv 2310.07831)."""
    decay = Phase(max(1, total - warmup), peak, 0.0)
    return Schedule((Phase(warmup, 0.0, peak), decay) if warmup else (decay,))
