"""Counts the steps of a training, and knows where on its route of Interventions a run is. No torch here.

Steps are counted in ticks: a tick ends when an optimizer steps again that has stepped in it already, so that the two
optimizers of a GAN, or one optimizer a layer, make one step of training together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from leonui.trial.intervention import Intervention

NOTHING = Intervention()


class Course:
    """A route of Interventions ("legs") and the tick that the run is at.

    The first tick of a leg that puts weights in place is its "arrival": its loss is still that of the weights before.
    """

    def __init__(self, route: Iterable[Intervention]):
        self.tick = 0
        self._seen: set[int] = set()
        self._team: set[int] = set()
        self.follow(route)

    def follow(self, route: Iterable[Intervention]) -> None:
        """Take up a new route from here."""
        self.ahead = list(route)
        self.enter()

    def enter(self) -> None:
        """Begin the next leg."""
        self.leg = self.ahead.pop(0) if self.ahead else NOTHING
        self.leg = NOTHING if self.leg == NOTHING else self.leg
        self._began = self.tick + bool(self.leg.weights)

    def overrun(self, who: int) -> bool:
        """Whether ``who`` is about to step beyond the end of this leg."""
        return (not self._seen or who in self._seen) and self.over

    def step(self, who: int) -> None:
        """``who`` is about to step: in this tick, or, if it has stepped in it already, in a new one."""
        if not self._seen or who in self._seen:
            self.tick += 1
            self._team, self._seen = self._seen, {who}
        else:
            self._seen.add(who)

    def complete(self, crew: int) -> bool:
        """Whether all have stepped in this tick who did in the one before; in the first tick, all of the ``crew``."""
        return len(self._seen) >= (crew if self.tick <= 1 else len(self._team))

    def taken(self, tick: int | None = None) -> int:
        """Steps of this leg at the end of a tick; 0 or less before it has begun."""
        return (self.tick if tick is None else tick) - self._began

    def phase(self, tick: int | None = None) -> str:
        """What a tick is for: "arriving", "train", "coast" or "glide"."""
        leg = self.leg
        if leg is NOTHING:
            return "train"
        taken = self.taken(tick)
        if leg.weights and taken <= 0:
            return "arriving"
        if leg.stop is None:
            return "coast" if taken <= leg.coast else "train"
        if taken <= leg.stop:
            return "train"
        return "glide" if leg.glide and taken > leg.stop + leg.coast else "coast"

    def enough(self, validated: int) -> bool:
        """Whether this leg goes on to a validation only, and that of tick ``validated`` saw its last weights."""
        stop = self.leg.stop or 0
        return (
            self.leg.glide == "validation" and self.taken(validated) >= stop and self.taken() >= stop + self.leg.coast
        )

    @property
    def over(self) -> bool:
        """Whether this leg has been gone to its end."""
        end = math.inf if self.leg.glide or self.leg.stop is None else self.leg.stop + self.leg.coast
        return self.taken() >= end
