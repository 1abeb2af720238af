"""What the page asks for: a surface, a start, climbers and conditions, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leonui.landscape import Climber, Conditions

MOST_STEPS, MOST_CLIMBERS, MOST_SAMPLES = 2000, 6, 50_000
FAR = 1e6  # no start is further away
REGRESSION = "regression"  # the place where climbers differ in their batches


@dataclass(frozen=True)
class Kind:
    """A rule that the page offers: an optimizer, where its momentum goes, and a rate to begin with.

    ``momentum``: the name of its setting, "betas" for the first of two, "" where it has none.
    """

    label: str
    optimizer: str
    lr: float
    momentum: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def climber(self, lr: float, momentum: float) -> Climber:
        """The climber with that rate and momentum."""
        extra = dict(self.settings)
        if self.momentum == "betas":
            extra["betas"] = (momentum, extra.pop("beta2"))
        elif self.momentum:
            extra[self.momentum] = momentum
        return Climber(self.optimizer, lr, extra)


_ADAMS: dict[str, Any] = {"beta2": 0.999}
KINDS: dict[str, Kind] = {
    "sgd": Kind("SGD", "SGD", 0.01),
    "momentum": Kind("SGD + momentum", "SGD", 0.01, "momentum"),
    "nesterov": Kind("SGD + Nesterov", "SGD", 0.01, "momentum", {"nesterov": True}),
    "average": Kind("Momentum (average)", "Momentum", 0.1, "beta"),
    "adam": Kind("Adam", "Adam", 0.1, "betas", _ADAMS),
    "adamw": Kind("AdamW", "AdamW", 0.1, "betas", _ADAMS),
    "nadam": Kind("NAdam", "NAdam", 0.1, "betas", _ADAMS),
    "radam": Kind("RAdam", "RAdam", 0.1, "betas", _ADAMS),
    "lion": Kind("Lion", "Lion", 0.02, "betas", {"beta2": 0.99}),
    "signsgd": Kind("SignSGD", "SignSGD", 0.02),
    "rmsprop": Kind("RMSprop", "RMSprop", 0.05),
    "adagrad": Kind("Adagrad", "Adagrad", 0.5),
    "schedulefree": Kind("Schedule-Free SGD", "ScheduleFreeSGD", 0.02, "momentum"),
    "prodigy": Kind("Prodigy", "Prodigy", 1.0, "betas", _ADAMS),
}


@dataclass(frozen=True)
class Entry:
    """One climber as the page names it."""

    kind: str
    lr: float
    momentum: float
    batch: int

    @property
    def climber(self) -> Climber:
        """The real one."""
        return KINDS[self.kind].climber(self.lr, self.momentum)


@dataclass(frozen=True)
class Wish:
    """A race as the page asks for it; ``of`` makes one of JSON."""

    surface: str
    start: tuple[float, ...]
    conditions: Conditions
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, said: Any) -> Wish:
        """Check what was sent; ValueError says what is wrong with it, and what would be right."""
        if not isinstance(said, dict):
            raise ValueError("a race is a JSON object; send {surface, start, steps, climbers}")
        climbers = said.get("climbers")
        if not isinstance(climbers, list) or not 1 <= len(climbers) <= MOST_CLIMBERS:
            raise ValueError(f"climbers must be a list of 1 to {MOST_CLIMBERS}")
        start = said.get("start")
        if not isinstance(start, list) or not 1 <= len(start) <= 2:
            raise ValueError("start must be a list of one or two numbers")
        conditions = Conditions(
            steps=_count(said, "steps", 200, MOST_STEPS),
            noise=_number(said, "noise", 0.0, 0.0, 1e6),
            batch=_count(said, "batch", 1, 10_000),
            seed=_count(said, "seed", 0, 2**31, least=0),
        )
        point = tuple(_number({"start": x}, "start", 0.0, -FAR, FAR) for x in start)
        return cls(str(said.get("surface")), point, conditions, tuple(map(_entry, climbers)))


def _entry(said: Any) -> Entry:
    if not isinstance(said, dict) or said.get("kind") not in KINDS:
        kind = said.get("kind") if isinstance(said, dict) else said
        raise ValueError(f"no climber is called {str(kind)[:40]!r}; choose of {', '.join(KINDS)}")
    lr = _number(said, "lr", KINDS[said["kind"]].lr, 0.0, 1e4)
    return Entry(said["kind"], lr, _number(said, "momentum", 0.9, 0.0, 0.9999), _count(said, "batch", 1, 10_000))


def _number(said: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = said.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}={str(value)[:40]!r} is no number")
    if not low <= value <= high:
        raise ValueError(f"{name}={value} is out of bounds; give {low:g} to {high:g}")
    return float(value)


def _count(said: Mapping[str, Any], name: str, default: int, most: int, least: int = 1) -> int:
    value = _number(said, name, default, least, most)
    if value != int(value):
        raise ValueError(f"{name}={value} is no whole number")
    return int(value)
