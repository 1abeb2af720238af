"""An optimizer that never steps, while gradients are computed that nobody uses."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, split
from leonui.finding import Check
from leonui.record import Record
from leonui.words import mark

LEAST = 20  # backward passes at the end of a run that no step followed; accumulation leaves fewer
SHARE = 0.1  # of all backward passes


def look(record: Record) -> Check | None:
    """Whether an optimizer never stepped though backward passes came to the very end; of several, the largest."""
    end = record.last("end")
    if not record.rows or "unused" not in end or end.get("reason") != "done":
        return None
    stepped = {row.get("optimizer", 0) for row in record.rows}.union(end.get("aside", ()))
    never = [made for made in record.named("optimizer") if made["optimizer"] not in stepped]
    made = max(never, key=lambda made: made["parameters"], default={})
    evidence = {"unused": end["unused"], "backwards": end["backwards"], "name": made.get("name", "")}
    said = mark("gradients are used: {unused} of {backwards} backward passes came after the last step")
    if not made or end["unused"] < max(LEAST, SHARE * end["backwards"]):
        return Check("STEPS", said, evidence)
    words = mark(
        "{name} never makes a step: the last {unused} of {backwards} backward passes computed gradients that nobody "
        "used"
    )
    fix = mark("call its step() after backward(), once for each batch")
    return Check("STEPS", said, evidence, found(FAULT.code, words, evidence, fix, split(made.get("place", ""))))


FAULT = Fault(
    "NO-STEP",
    About(
        mark("Gradients are computed, and no optimizer makes a step with them."),
        mark(
            "Backward passes after the last step of any optimizer are counted; and there is an optimizer that was made "
            "and never stepped, or there was no step at all."
        ),
        mark(
            "Gradients of a trained network, to explain or to attack it: its optimizer has stepped; an optimizer "
            "inside of another one, which steps for it."
        ),
        mark("Call optimizer.step() after backward(), once for each batch."),
    ),
    look,
    fixes=("optimizer.step()",),
)
