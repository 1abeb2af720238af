"""How the run goes for which a learning rate is sought, and how the same run goes when it is much shorter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from leonui.record import Record
from leonui.schedule import Schedule, constant
from leonui.trial.intervention import Intervention, LearningRate

STAIRS = 64  # of a compressed schedule at most: finer, no training would feel it


WARMUP = 0.1  # the share of a run that a warm-up takes where one is tried


@dataclass(frozen=True)
class Recipe:
    """A run of ``steps`` steps; ``shape`` gives its schedule over the base rates for any length; ``also`` the rest."""

    steps: int
    shape: Callable[[int], Schedule] = lambda steps: constant(1.0, steps)
    also: Intervention = field(default_factory=Intervention)

    def at(self, scale: float, steps: int) -> Intervention:
        """The whole run in so many steps, with ``scale`` times its rates."""
        return self.also & Intervention(lr=LearningRate(self.shape(steps).scaled(scale), "base"))


def compressed(values: Sequence[float], steps: int) -> Schedule:
    """A schedule that was seen at each step of a run, for a run of another length: in stairs, by means.

    >>> compressed([1.0, 1.0, 0.5, 0.5, 0.5, 0.5], 3)
    Schedule(phases=(Phase(steps=1, start=1.0, end=1.0, shape='linear', bend=None, offset=None, length=None), \
Phase(steps=2, start=0.5, end=0.5, shape='linear', bend=None, offset=None, length=None)))
    """
    count, whole = min(steps, STAIRS), len(values)
    stairs: list[tuple[int, float]] = []
    for stair in range(count):
        first, after = stair * steps // count, (stair + 1) * steps // count
        seen = values[first * whole // steps : max(after * whole // steps, first * whole // steps + 1)]
        stairs.append((after - first, seen[0] if min(seen) == max(seen) else sum(seen) / len(seen)))
    flat = [(sum(length for length, _ in same), value) for value, same in groupby(stairs, lambda stair: stair[1])]
    joined = constant(flat[0][1], flat[0][0])
    for length, value in flat[1:]:
        joined = joined.then(constant(value, length))
    return joined


def warmed(recipe: Recipe) -> Recipe:
    """The same run with a linear warm-up."""

    def shape(steps: int) -> Schedule:
        plain, rise = recipe.shape(steps), max(2, round(WARMUP * steps))
        return compressed([plain(step) * min(1.0, (step + 1) / rise) for step in range(steps)], steps)

    return Recipe(recipe.steps, shape, recipe.also)


def seen(record: Record) -> list[float]:
    """The schedule of a run that was watched: the first optimizer's first rate at each step, over its base rate."""
    who = record.rows[0].get("optimizer", 0) if record.rows else 0
    made = next((event for event in record.named("optimizer") if event["optimizer"] == who), {})
    base = (record.last("trailhead") if who == 0 else made).get("lr") or [1.0]
    group = next((i for i, rate in enumerate(base) if rate), 0)
    rows = [row for row in record.rows if row.get("optimizer", 0) == who]
    return [row["lr"][min(group, len(row["lr"]) - 1)] / (base[group] or 1.0) for row in rows if row.get("lr")]
