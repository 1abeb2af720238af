"""A way from one multiplier to another, and ways joined to a Schedule.

A Schedule is evaluated by the absolute step, so there is no state to save and a resumed run cannot be at a wrong place.
A phase that falls, or stays, is sampled at the beginning of each step, one that rises at its end: a decay begins at its
top, a warm-up reaches it with its last step, and neither a warm-up's first step nor a decay's last one is wasted at 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any

# what is left of the way at x, which goes from 0 to 1; of the endless shapes on and on
_LEFT: dict[str, Callable[[float, float], float]] = {
    "linear": lambda x, _: 1 - x,
    "cosine": lambda x, _: (1 + math.cos(math.pi * x)) / 2,
    "power": lambda x, bend: (1 - x) ** bend,
    "sqrt": lambda x, _: 1 - math.sqrt(x),
    "inverse_sqrt": lambda x, _: 1 / math.sqrt(1 + x),
    "decay": lambda x, bend: bend**x,
    "stairs": lambda x, bend: bend ** math.floor(x),
}
SHAPES = (*_LEFT, "exponential")
_ENDLESS = {"inverse_sqrt", "decay", "stairs"}
_BENT = {"power", "decay", "stairs"}
_NAMED = ("bend", "offset", "length")


@dataclass(frozen=True)
class Phase:
    """``steps`` steps on the way from multiplier ``start`` to ``end``; a phase of an endless shape may have None.

    Shapes, with x the share of the way: linear, cosine, exponential (linear in the logarithm), power: (1-x)**bend is
    left, sqrt: 1-sqrt(x). The endless ones reach ``end`` never: inverse_sqrt: 1/sqrt(1+x) is left, decay: bend**x,
    stairs: bend**floor(x). At step k of the phase x = (k + offset) / length; left out, they are as the module says.
    """

    steps: int | None
    start: float
    end: float
    shape: str = "linear"
    bend: float | None = None
    offset: float | None = None
    length: float | None = None

    def __post_init__(self) -> None:
        if complaint := next(self._complaints(), None):
            raise ValueError(complaint)

    def _complaints(self) -> Iterator[str]:
        if self.shape not in SHAPES:
            yield f"shape={self.shape!r} is not known; choose one of {', '.join(SHAPES)}"
        if self.steps is not None and (not isinstance(self.steps, int) or isinstance(self.steps, bool)):
            yield f"steps={self.steps!r} is no whole number"
        if self.steps is not None and self.steps < 1:
            yield f"steps={self.steps} is too few for a phase; it needs at least 1"
        if self.steps is None and (self.shape not in _ENDLESS or self.length is None):
            yield f"steps=None: only a phase of shape {', '.join(sorted(_ENDLESS))} with a length goes on without end"
        if self.shape == "exponential" and not self.start * self.end > 0:
            yield f"an exponential phase cannot go from {self.start} to {self.end}; both must be above 0"
        for name in ("start", "end", *_NAMED):
            if not math.isfinite(getattr(self, name) or 0):
                yield f"{name}={getattr(self, name)} is not finite"
        yield from self._complaints_about_form()

    def _complaints_about_form(self) -> Iterator[str]:
        if (self.bend is None) == (self.shape in _BENT):
            yield f"bend={self.bend}: a phase of shape {', '.join(sorted(_BENT))} needs one, and no other takes one"
        if self.shape == "power" and not (self.bend or 0) > 0:
            yield f"bend={self.bend} is no power to decay by; give one above 0"
        if self.shape in _BENT & _ENDLESS and not 0 < (self.bend or 0) < 1:
            yield f"bend={self.bend} is no share to be left; give one between 0 and 1"
        if self.length is not None and not self.length > 0:
            yield f"length={self.length} is no length; give one above 0"
        if (self.offset or 0) < 0:
            yield f"offset={self.offset} is before the phase; give one of at least 0"

    def __call__(self, step: float, width: float = 1.0) -> float:
        """The multiplier at a step that lasts ``width`` steps of the phase."""
        offset = width * (abs(self.end) > abs(self.start)) if self.offset is None else self.offset
        x = (step + offset) / (self.length or self.steps or 1)
        if self.shape not in _ENDLESS:
            x = min(x, 1.0)
        if self.shape == "exponential":
            return self.start * (self.end / self.start) ** x
        return self.end + (self.start - self.end) * _LEFT[self.shape](x, self.bend or 1.0)

    @property
    def last(self) -> float:
        """The multiplier that holds after the phase: its end, or how far an endless shape came in its steps."""
        return self.end if self.steps is None or self.shape not in _ENDLESS else self(self.steps)

    def to_json(self) -> list[Any]:
        """The phase as a plain list, without the settings at its end that it does not have."""
        values = list(astuple(self))
        while values[-1] is None:
            values.pop()
        return values

    def __str__(self) -> str:
        if (self.bend, self.offset, self.length) == (None, None, None) and self.shape in ("linear", "cosine"):
            if self.shape == "cosine" or self.start not in (0, self.end):
                return _call(self.shape, [self.steps, self.end, self.start], [0.0, 1.0])
            if self.start != self.end:
                return _call("warmup", [self.steps, self.end], [1.0])
            return _call("constant", [self.start, self.steps], [1])
        named = [
            f"{name}={_word(value)}"
            for name, value in zip(_NAMED, self.to_json()[4:], strict=False)
            if value is not None
        ]
        return _call("phase", [self.steps, self.start, self.end, self.shape, *named], [])


def _call(name: str, values: list[Any], defaults: list[float]) -> str:
    """A call as ``parse`` reads it, without the last values where they are the defaults."""
    while defaults and values[-1] == defaults[-1]:
        values, defaults = values[:-1], defaults[:-1]
    return f"{name}({', '.join(map(_word, values))})"


def _word(value: Any) -> str:
    return "none" if value is None else str(value).removesuffix(".0")


@dataclass(frozen=True)
class Schedule:
    """Phases one after the other; what the last one has reached holds past its end.

    >>> climb = Schedule((Phase(10, 0.0, 2.0), Phase(90, 2.0, 0.0)))
    >>> [round(climb(step), 3) for step in (0, 9, 10, 99, 100)]
    [0.2, 2.0, 2.0, 0.022, 0.0]
    >>> str(climb)
    'warmup(10, 2) > linear(90, 0, 2)'
    """

    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if not self.phases:
            raise ValueError("a schedule needs at least one phase")
        if any(phase.steps is None for phase in self.phases[:-1]):
            raise ValueError("nothing comes after a phase without end; give it steps")

    def __call__(self, step: float, width: float = 1.0) -> float:
        if step < 0:
            raise ValueError(f"step={step} is before the first one, which is 0")
        for phase in self.phases:
            if phase.steps is None or step < phase.steps:
                return phase(step, width)
            step -= phase.steps
        return self.phases[-1].last

    def along(self, begin: float, end: float) -> float:
        """The multiplier from the share ``begin`` of a whole run to ``end``, over which the schedule is stretched.

        >>> climb = Schedule((Phase(1, 0.0, 1.0), Phase(9, 1.0, 0.0)))
        >>> [round(climb.along(at / 20, (at + 1) / 20), 3) for at in (0, 1, 2, 11)]
        [0.5, 1.0, 1.0, 0.5]
        """
        return self(begin * self.steps, (end - begin) * self.steps)

    def __str__(self) -> str:
        return " > ".join(map(str, self.phases))

    def then(self, other: Schedule) -> Schedule:
        """First this, then the other, from its own start; ``>>`` does the same."""
        return Schedule(self.phases + other.phases)

    __rshift__ = then

    @property
    def steps(self) -> int:
        """The length of all phases together; one without end counts for nothing."""
        return sum(phase.steps or 0 for phase in self.phases)

    @property
    def endless(self) -> bool:
        """Whether it changes for ever."""
        return self.phases[-1].steps is None

    def scaled(self, factor: float) -> Schedule:
        """The same climb, ``factor`` times as high."""
        return Schedule(tuple(replace(p, start=p.start * factor, end=p.end * factor) for p in self.phases))

    def to_json(self) -> list[list[Any]]:
        """The phases as plain lists."""
        return [phase.to_json() for phase in self.phases]

    @classmethod
    def from_json(cls, data: list[list[Any]]) -> Schedule:
        """The inverse of ``to_json``."""
        return cls(tuple(Phase(*phase) for phase in data))
