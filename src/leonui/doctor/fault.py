"""What a fault is to the doctor: how it shows, what mends it in a replay, and what there is to know about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.trial.intervention import Intervention

COUNTS = 0.1  # the share of what can be gained that a change must gain on the whole run to be the cause


@dataclass(frozen=True)
class About:
    """What ``leonui explain`` tells: the fault, the test, what looks alike and is healthy, how to mend it, sources."""

    fault: str
    test: str
    alike: str
    mend: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """A fault that a Record shows: ``look`` reads it, ``repair`` is what mends it in a replay, if anything does.

    ``look`` gives None where the Record cannot tell. What it calls "consistent with" is a suspicion where there is a
    repair: the whole run with it decides, by validation where ``by`` says so; it must gain the share ``counts``.
    The repair may depend on the finding: then it is a function of it. A ``fact`` is told though no replay proves that
    it harms. ``fixes`` are lines to paste.
    """

    code: str
    about: About
    look: Callable[[Record], Check | None]
    repair: Intervention | Callable[[Finding], Intervention] | None = None
    by: str = "any"
    counts: float = COUNTS
    fact: bool = False
    fixes: tuple[str, ...] = ()

    def seen(self, record: Record) -> Check | None:
        """What ``look`` says, with the lines to paste."""
        check = self.look(record)
        if check is None or check.finding is None or check.finding.fixes:
            return check
        return replace(check, finding=replace(check.finding, fixes=self.fixes))

    def mended(self, finding: Finding) -> Intervention:
        """What mends this finding in a replay; nothing where that is not known."""
        return self.repair(finding) if callable(self.repair) else self.repair or Intervention()


def loss_calls(record: Record) -> list[dict[str, Any]]:
    """What is known of each place where the training calls a loss function; of older Records, one for all."""
    told = record.last("end").get("losses") or []
    return [told] if isinstance(told, dict) else told


def of_each_loss(look: Callable[[Record, dict[str, Any]], Check | None]) -> Callable[[Record], Check | None]:
    """A look at each of them: the first that is at fault is told, or else the first."""

    @wraps(look)
    def of_all(record: Record) -> Check | None:
        checks = [check for one in loss_calls(record) if one["calls"] and (check := look(record, one))]
        return next((check for check in checks if check.finding), next(iter(checks), None))

    return of_all


# which statement a cause that replays have proved is about; all others are about the optimizer's construction
CONCERNS = {"CLIPPING": "clip", "SCHEDULE": "scheduler", "ACCUMULATION": "trailhead", "EXPLODING": "trailhead"}


def place(record: Record, event: str = "optimizer") -> tuple[str | None, int | None]:
    """File and line of an event of the Record: where the optimizer was made, its first step, the clipping."""
    return split(stepped(record) if event == "trailhead" else record.last(event).get("place", ""))


def stepped(record: Record) -> str:
    """Where the optimizer steps that took over last, as ``file:line``."""
    return record.last("end").get("stepped") or record.last("trailhead").get("place", "")


def concerns(record: Record, code: str) -> tuple[str | None, int | None]:
    """File and line of the statement that a cause is about."""
    file, line = place(record, CONCERNS.get(code, "optimizer"))
    return (file, line) if file else place(record)


def split(where: str) -> tuple[str | None, int | None]:
    """The two parts of ``file:line``."""
    file, _, line = where.rpartition(":")
    return file or None, int(line) if line.isdigit() else None


def found(
    code: str, message: str, evidence: dict[str, object], fix: str, where: tuple[str | None, int | None]
) -> Finding:
    """A finding of an exact check."""
    return Finding(code, "is", message, evidence, fix, *where)
