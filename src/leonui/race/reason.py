"""Why a training of a race has no loss that can be compared, in few words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from leonui.record import Record, number
from leonui.words import mark

# what says most comes first
NOTES = {
    "crash": mark("{entrant} broke in {broke} of {count} trainings; step {step}: {error}"),
    "stalled": mark("{entrant} broke in {broke} of {count} trainings; it made no progress any more after step {step}"),
    "nonfinite": mark("{entrant} broke in {broke} of {count} trainings; its loss was no finite number at step {step}"),
    "gone": mark("{entrant} broke in {broke} of {count} trainings; its process was gone after step {step}"),
    "unjudged": mark("{entrant} broke in {broke} of {count} trainings; after step {step} it had no finite loss"),
}
ENDS = ("done", "stopped", "budget")  # of a training that nothing broke
Reason = dict[str, Any]


def ended(record: Record) -> bool:
    """Whether a training came to its end, or to where it was told to end."""
    end = record.last("end")
    return end["reason"] in ENDS if end else bool(record.last("hold"))


def reason(record: Record, stalled: bool = False) -> Reason:
    """What ended a training, or spoiled it: ``kind``, one of NOTES, its ``step``, and of a crash the ``error``."""
    if error := record.last("exception"):
        lines = str(error["message"]).strip().splitlines()  # the first says what it is, others what to do about it
        return {"kind": "crash", "step": error["step"], "error": ": ".join([error["type"], *lines[:1]])}
    if stalled:
        return {"kind": "stalled", "step": record.steps}
    for row in record.rows:
        if row.get("phase", "train") == "train" and not math.isfinite(number(row.get("loss", 0.0))):
            return {"kind": "nonfinite", "step": row["step"]}
    return {"kind": "unjudged" if ended(record) else "gone", "step": record.steps}


def worst(reasons: Iterable[Reason]) -> Reason | None:
    """The one that says most, and of equals the first; None where there is none."""
    return min(reasons, key=lambda one: [*NOTES].index(one["kind"]), default=None)


def noted(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A note for each entrant of a race's table that broke: in how many of its trainings, and why."""
    broken = [(row, row["why"]) for row in rows if row["why"]]
    return [
        {
            "template": NOTES[why["kind"]],
            "evidence": {"entrant": row["entrant"], "broke": row["broke"], "count": len(row["losses"])} | why,
        }
        for row, why in broken
    ]
