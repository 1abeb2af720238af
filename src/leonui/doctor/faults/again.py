"""A step that is made twice with one gradient."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record
from leonui.trial.intervention import treated
from leonui.words import mark

SHARE = 0.3  # of all steps: a loop that steps twice makes half of them again


def look(record: Record) -> Check | None:
    """Whether an optimizer stepped again although no backward pass had come between."""
    rows = [row for row in record.rows if row.get("phase", "train") == "train"]
    again = [row["step"] for row in rows if row.get("again")]
    evidence = {"again": len(again), "steps": len(rows), "first": again[0] if again else None}
    said = mark("each step had a gradient of its own: {again} of {steps} used one twice")
    if not rows or len(again) <= SHARE * len(rows):
        return Check("ONCE", said, evidence) if rows else None
    words = mark("the optimizer steps twice with the same gradient: {again} of {steps} steps had no new one")
    fix = mark("call optimizer.step() once after each backward(); two calls double the learning rate")
    return Check("ONCE", said, evidence, found(FAULT.code, words, evidence, fix, place(record, "trailhead")))


FAULT = Fault(
    "STEP-TWICE",
    About(
        mark("optimizer.step() is called more than once for each backward pass, with the same gradient."),
        mark(
            "Backward passes and steps are counted: a step comes though there was no backward pass since the last one"
            " of the same optimizer, and nothing cleared the gradients."
        ),
        mark("SAM, LBFGS and the critic of a GAN step several times, but compute a gradient for each."),
        mark("Remove one of the two calls; a training framework may already make one."),
    ),
    look,
    treated("one step a pass"),
    fixes=("optimizer.step()  # once",),
)
