"""What the page asks for: a surface, a start, climbers and conditions, checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from leonui.lab.kinds import KINDS, SCHEDULES
from leonui.landscape import Climber, Conditions
from leonui.landscape.regression import SAMPLES
from leonui.schedule import parse

MOST_STEPS, MOST_CLIMBERS, MOST_SAMPLES = 2000, 6, 20_000
MOST_RATE, MOST_NOISE, MOST_SEED = 1e4, 1e6, 2**31
FAR = 1e6  # no start is further away
REGRESSION = "regression"  # the place where climbers differ in their batches


@dataclass(frozen=True)
class Entry:
    """One climber as the page names it: ``kind`` and ``schedule`` are names, ``clip`` is the largest norm, or 0."""

    kind: str
    lr: float
    momentum: float
    batch: int = 1
    schedule: str = ""
    clip: float = 0.0

    def settings(self, steps: int) -> dict[str, Any]:
        """What the optimizer is given beside its rate; a schedule as text, for a run of so many steps."""
        schedule = SCHEDULES[self.schedule](steps)
        return (
            KINDS[self.kind].settings(self.momentum)
            | ({"schedule": schedule} if schedule else {})
            | ({"clip_norm": self.clip} if self.clip else {})
        )

    def climber(self, steps: int) -> Climber:
        """The real one."""
        given = self.settings(steps)
        if "schedule" in given:
            given["schedule"] = parse(given["schedule"])
        return Climber(KINDS[self.kind].optimizer, self.lr, given)


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
        climbers, start = said.get("climbers"), said.get("start")
        if not isinstance(climbers, list) or not 1 <= len(climbers) <= MOST_CLIMBERS:
            raise ValueError(f"climbers must be a list of 1 to {MOST_CLIMBERS}")
        if not isinstance(start, list) or not 1 <= len(start) <= 2:
            raise ValueError("start must be a list of one or two numbers")
        conditions = Conditions(
            steps=_count(said, "steps", 200, MOST_STEPS),
            noise=_number(said, "noise", 0.0, 0.0, MOST_NOISE),
            batch=_count(said, "batch", 1, SAMPLES),
            seed=_count(said, "seed", 0, MOST_SEED, least=0),
        )
        point = tuple(_number({"start": x}, "start", 0.0, -FAR, FAR) for x in start)
        return cls(str(said.get("surface")), point, conditions, tuple(map(_entry, climbers)))

    def scaled(self, share: float) -> Wish:
        """The same race, every rate times ``share``."""
        return replace(self, entries=tuple(replace(entry, lr=share * entry.lr) for entry in self.entries))


def _entry(said: Any) -> Entry:
    kind = said.get("kind") if isinstance(said, dict) else said
    if not isinstance(said, dict) or not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"no climber is called {str(kind)[:40]!r}; choose of {', '.join(KINDS)}")
    schedule = said.get("schedule", "")
    if not isinstance(schedule, str) or schedule not in SCHEDULES:
        raise ValueError(
            f"no schedule is called {str(schedule)[:40]!r}; choose of {', '.join(filter(None, SCHEDULES))}"
        )
    return Entry(
        kind,
        _number(said, "lr", KINDS[kind].lr, 0.0, MOST_RATE),
        _number(said, "momentum", 0.9, 0.0, 0.9999),
        _count(said, "batch", 1, SAMPLES),
        schedule,
        _number(said, "clip", 0.0, 0.0, MOST_NOISE),
    )


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
