"""Gradients that are never cleared: each step goes along the sum of all gradients so far."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record
from leonui.trial.intervention import treated
from leonui.words import mark

SHARE = 0.5  # of all steps; exact at each step, so a single one may be a deliberate exception, half are not


def look(record: Record) -> Check:
    """Whether gradients that a step had used were still there when the next step used them."""
    rows = [row for row in record.rows if row.get("phase", "train") == "train"]
    stale = [row["step"] for row in rows if row.get("stale")]
    evidence = {"stale": len(stale), "steps": len(rows), "first": stale[0] if stale else None}
    said = mark("gradients were cleared between steps: {stale} of {steps} steps used an old one")
    if len(stale) <= SHARE * len(rows):
        return Check("CLEARED", said, evidence)
    words = mark("gradients are never cleared: {stale} of {steps} steps added to a gradient that was used before")
    fix = mark("call optimizer.zero_grad() once before each backward()")
    return Check("CLEARED", said, evidence, found(FAULT.code, words, evidence, fix, place(record, "trailhead")))


FAULT = Fault(
    "STALE-GRADIENT",
    About(
        mark("Gradients add up over all steps, because nothing clears them between one step and the next."),
        mark(
            "One small parameter is watched: the gradient that a step has used is still there, unchanged and not "
            "zero, when the next backward pass adds to it."
        ),
        mark("Gradient accumulation adds up several passes, but clears after the step; then nothing is said."),
        mark("Call optimizer.zero_grad() once before each backward(), or right after each step()."),
        ("https://github.com/pytorch/pytorch/issues/47175",),
    ),
    look,
    treated("cleared gradients"),
    fixes=("optimizer.zero_grad()",),
)
