"""What a healthy look-alike is: an edit for each workload it applies to, and what may be noted of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from catalogue import source
from edits import Edit, each, times


@dataclass(frozen=True)
class Recipe:
    """One recipe; ``notes`` are the codes that may be said of it without being a false alarm."""

    name: str
    edits: dict[str, Edit] = field(repr=False)
    notes: tuple[str, ...] = ()

    def script(self, workload: str, factor: float = 1.0) -> str:
        """The workload's source with the recipe in it, its learning rate multiplied."""
        edit = each(self.edits[workload], times("lr", factor)) if factor != 1 else self.edits[workload]
        return edit(source(workload))
