"""A step whose gradients were cleared before it used them: it changes nothing."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record
from leonui.trial.intervention import treated
from leonui.words import mark

SHARE = 0.5


def look(record: Record) -> Check | None:
    """Whether steps found gradients that had been cleared since the backward pass."""
    rows = [row for row in record.rows if row.get("phase", "train") == "train"]
    empty = [row["step"] for row in rows if row.get("emptied")]
    evidence = {"emptied": len(empty), "steps": len(rows), "first": empty[0] if empty else None}
    said = mark("gradients were there when the optimizer stepped: {emptied} of {steps} steps found none")
    if not rows or len(empty) <= SHARE * len(rows):
        return Check("USED", said, evidence) if rows else None
    words = mark("gradients are cleared between backward() and step(): {emptied} of {steps} steps had nothing to use")
    fix = mark("move optimizer.zero_grad() to before backward(), or to after step()")
    return Check("USED", said, evidence, found(FAULT.code, words, evidence, fix, place(record, "trailhead")))


FAULT = Fault(
    "CLEARED-EARLY",
    About(
        mark("The gradients are cleared after backward() and before step(), so that no step changes anything."),
        mark("The order of the calls is watched; at such a step every gradient is missing or zero, bit for bit."),
        mark(
            "A GradScaler that leaves a step out, and the two optimizers of a GAN: there another backward pass comes "
            "between."
        ),
        mark("Move optimizer.zero_grad() to before backward(), or to after step()."),
    ),
    look,
    treated("kept gradients"),
    fixes=(
        "optimizer.zero_grad()",
        "loss.backward()",
        "optimizer.step()",
    ),
)
