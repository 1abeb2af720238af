"""HOW FAR, WHEN: pure functions from a step to a multiplier, joined from phases; as values, as JSON, as text.

    warmup(100) >> cosine(1000)  ==  parse("warmup(100) > cosine(1000)")

Nothing here imports torch, but LRScheduler, when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from leonui.schedule.phase import SHAPES, Phase, Schedule
from leonui.schedule.shelf import (
    SHELF,
    constant,
    cooldown,
    cosine,
    exponential,
    inverse_sqrt,
    linear,
    noam,
    one_cycle,
    polynomial,
    ramp,
    restarts,
    step,
    warmup,
    warmup_linear,
    wsd,
)
from leonui.schedule.text import parse

if TYPE_CHECKING:
    from leonui.schedule.scheduler import LRScheduler as LRScheduler

__all__ = [
    "SHAPES",
    "SHELF",
    "LRScheduler",
    "Phase",
    "Schedule",
    "constant",
    "cooldown",
    "cosine",
    "exponential",
    "inverse_sqrt",
    "linear",
    "noam",
    "one_cycle",
    "parse",
    "polynomial",
    "ramp",
    "restarts",
    "step",
    "warmup",
    "warmup_linear",
    "wsd",
]


def __getattr__(name: str) -> Any:
    if name == "LRScheduler":
        return import_module("leonui.schedule.scheduler").LRScheduler
    raise AttributeError(f"leonui.schedule has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return list(__all__)
