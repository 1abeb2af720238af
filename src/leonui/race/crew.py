"""Who runs the parts of a race: this machine, one after the other, or the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from leonui.finder.guide import Guide
from leonui.race.heat import Part
from leonui.trial.runner import Point, Runner

Note = Callable[[Mapping[str, Any]], None]


class Crew(Protocol):
    """Runs parts, in any order and anywhere."""

    def each(self, parts: Iterable[Part], note: Note) -> None:
        """Run all of them; ``note`` is called here with every line of each, and with no line twice."""


class Here:
    """This machine: one part after the other, each from the trailhead of its seed; a line is noted when it is known."""

    def __init__(self, runner: Runner, guide: Guide, point: Point):
        self.runner, self.guide, self.point = runner, guide, point

    def each(self, parts: Iterable[Part], note: Note) -> None:
        """Run them in their order; the trailhead that was reached last is kept."""
        for part in parts:
            if part.seed != self.point.seed:
                self.runner.release(self.point)
                self.point = self.runner.trailhead(part.seed)
            for line in part.lines(self.runner, self.point, self.guide):
                note(line)
