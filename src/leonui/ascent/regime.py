"""How the better training goes: a short warm-up, a linear decay to zero, and a bound on the gradient's norm."""

from __future__ import annotations

from leonui.schedule import Schedule, warmup_linear
from leonui.trial.intervention import Intervention
from leonui.trial.recipe import Recipe

WARMUP = 0.05  # the share of a training that warms up


def shape(steps: int) -> Schedule:
    """Its schedule for so many steps."""
    return warmup_linear(steps, warmup(steps))


def warmup(steps: int) -> int:
    """The steps that warm up."""
    return max(1, round(WARMUP * steps))


def recipe(steps: int, clip: float | None) -> Recipe:
    """A training of so many steps, gradients clipped at that norm."""
    return Recipe(steps, shape, Intervention(clip=clip))
