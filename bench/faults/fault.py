"""What a fault of the bench is: an edit for each workload it applies to, and the codes that name it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from catalogue import source
from edits import Edit


@dataclass(frozen=True)
class Fault:
    """One fault; ``misleads`` where the validation loss itself is wrong, in either direction, and not the model."""

    name: str
    codes: tuple[str, ...]
    edits: dict[str, Edit] = field(repr=False)
    severity: float | None = None
    misleads: bool = False

    def script(self, workload: str) -> str:
        """The workload's source with the fault in it."""
        return self.edits[workload](source(workload))


def fault(
    name: str,
    codes: str,
    edit: Edit,
    workloads: Iterable[str],
    also: dict[str, Edit] | None = None,
    severity: float | None = None,
    misleads: bool = False,
) -> Fault:
    """A fault that is the same edit in several workloads, another one in those of ``also``; codes are words."""
    edits = dict.fromkeys(workloads, edit) | (also or {})
    return Fault(name, tuple(codes.split()), edits, severity, misleads)
