"""Single batches whose numbers are far from those of all others, or are no numbers."""

from __future__ import annotations

import math
from typing import Any

from leonui.doctor.fault import About, Fault, place
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.trial.intervention import Intervention, treated
from leonui.words import mark

SHARE = 0.25  # of all batches: more are no exception


def look(record: Record) -> Check | None:
    """Whether some batches stand out; the whole run without their steps decides whether they harm."""
    odd = record.last("walk").get("odd") or {}
    seen = {what: one for what, one in odd.items() if one}
    if not seen:
        return None
    worst = max(seen.values(), key=lambda one: one["count"])
    evidence: dict[str, Any] = {"count": worst["count"], "batches": worst["batches"], "median": worst["median"]}
    said = mark("no batch stands out that harms: {count} of {batches} have numbers many times those of the others")
    if not 0 < worst["count"] <= SHARE * worst["batches"]:
        return Check("BATCHES", said, evidence)
    bounds = [odd[what]["bound"] if odd.get(what) else None for what in ("inputs", "targets")]
    evidence |= {"value": worst["largest"], "bounds": bounds, "step": None}
    words = mark(
        "{count} of {batches} batches spoil the training, the first one at step {step}: they hold up to {value:.3g}, "
        "where the median batch's largest number is {median:.3g}"
    )
    code, fix = FAULT.code, mark("look at the samples of that batch; leave them out, mend them, or bound them")
    if evidence["value"] is None:
        code = "NON-FINITE"
        words = mark("{count} of {batches} batches hold infinities or NaN, the first one at step {step}")
    return Check(
        "BATCHES", said, evidence, Finding(code, "consistent with", words, evidence, fix, *place(record, "trailhead"))
    )


def without(finding: Finding) -> Intervention:
    """The run without the steps on these batches."""
    inputs, targets = (math.inf if most is None else most for most in finding.evidence["bounds"])
    return treated(bounds=(inputs, targets))


FAULT = Fault(
    "BAD-BATCH",
    About(
        mark("A few batches hold numbers that are many times those of all others, and undo what was learned."),
        mark(
            "The script is walked through without training; where the largest number of a batch is 30 times that of "
            "the median batch, the whole run is replayed without these steps."
        ),
        mark("Heavy tails and hard samples that belong to the task: without them the run must gain clearly."),
        mark("Look at the samples; leave them out, mend them, bound them, or use a loss that minds them less."),
    ),
    look,
    without,
    fixes=("x = x.clamp(-bound, bound)",),
)
