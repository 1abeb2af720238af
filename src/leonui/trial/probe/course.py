"""Counts the steps of a training, and knows where on its route of Interventions a run is. No torch here.

Steps are counted in ticks: a tick ends when an optimizer steps again that has stepped in it already, so that the two
optimizers of a GAN, or one optimizer a layer, make one step of training together.
"""

from __future__ import annotations

from collections.abc import Iterable

from leonui.trial.intervention import Intervention


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
        self.leg = self.ahead.pop(0) if self.ahead else Intervention()
        self._began = self.tick + bool(self.leg.weights)

    def begins_tick(self, who: int) -> bool:
        """Whether the step that ``who`` is about to make begins a new tick."""
        return not self._seen or who in self._seen

    def next_tick(self) -> None:
        """Begin a new tick."""
        self.tick += 1
        self._team, self._seen = self._seen, set()

    def step(self, who: int) -> None:
        """``who`` steps in this tick."""
        self._seen.add(who)

    def complete(self, crew: int) -> bool:
        """Whether all have stepped in this tick who did in the one before; in the first tick, all of the ``crew``."""
        return bool(self._seen) and len(self._seen) >= (crew if self.tick <= 1 else len(self._team))

    def taken(self, tick: int | None = None) -> int:
        """Steps of this leg at the end of a tick; 0 or less before it has begun."""
        return (self.tick if tick is None else tick) - self._began

    def phase(self, tick: int | None = None) -> str:
        """What a tick is for: "arriving", "train" or "coast"."""
        taken, leg = self.taken(tick), self.leg
        if leg.weights and taken <= 0:
            return "arriving"
        if leg.stop is None:
            return "coast" if taken <= leg.coast else "train"
        return "train" if taken <= leg.stop else "coast"

    @property
    def over(self) -> bool:
        """Whether this leg has been gone to its end."""
        return self.leg.stop is not None and self.taken() >= self.leg.stop + self.leg.coast
