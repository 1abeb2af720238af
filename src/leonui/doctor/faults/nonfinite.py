"""The first number that was not finite, and the operation that made it."""

from __future__ import annotations

from typing import Any

from leonui.doctor.fault import About, Fault, found, split
from leonui.doctor.first import finite
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

TOLD = {
    "input": mark(
        "the batch of step {step} is not finite in {count} of its {rows} samples, the first is number {sample}"
    ),
    "forward": mark(
        "{operation} in {module} made the first number that is not finite, at step {step}, from numbers between "
        "{low:.3g} and {high:.3g}"
    ),
    "forward alone": mark(
        "{operation} made the first number that is not finite, at step {step}, from numbers between {low:.3g} and "
        "{high:.3g}"
    ),
    "backward alone": mark("the gradient of {operation} is the first number that is not finite, at step {step}"),
    "backward": mark("the gradient of {operation} in {module} is the first number that is not finite, at step {step}"),
}
FIX = {
    "input": mark("look at these samples, and leave them out or mend them before training"),
    "forward": mark(
        "keep what it is given away from where it is infinite: clamp it, add a small eps, or work with logits"
    ),
    "backward": mark(
        "its slope is infinite there: add a small eps under a root or a logarithm, or clamp what it is given"
    ),
}

FOLLOWS = mark(
    "that numbers are not finite from step {step} on ({operation} made the first) follows from what was found: with it "
    "mended, every loss and every gradient norm is finite"
)


def look(record: Record) -> Check | None:
    """What the post-mortem saw; None where there was none, or it saw nothing."""
    seen = record.last("post-mortem")
    if not seen.get("when"):
        return None
    samples = seen.get("samples", [])
    evidence = {"step": seen["step"], "operation": seen["operation"], "module": seen["module"]}
    evidence |= {"count": len(samples), "sample": samples[0] if samples else None, "rows": seen.get("rows", 0)}
    evidence |= {"low": seen.get("low", 0.0), "high": seen.get("high", 0.0)}
    words = TOLD[seen["when"] if seen["module"] or seen["when"] == "input" else f"{seen['when']} alone"]
    finding = found(FAULT.code, words, evidence, FIX[seen["when"]], split(seen["place"]))
    return Check("FINITE", words, evidence, finding)


def consequence(finding: Finding, cured: Record | None) -> dict[str, Any] | None:
    """What is said of it where it is none of its own: with what was found mended, no number of the run was odd.

    What comes in with the data comes in there, too, and is told whatever becomes of it.
    """
    if cured is None or not cured.steps or not finite(cured).ok or finding.message == TOLD["input"]:
        return None
    return {"template": FOLLOWS, "evidence": finding.evidence}


FAULT = Fault(
    "NON-FINITE",
    About(
        mark("A loss or a gradient was infinite or not a number."),
        mark(
            "Every loss and every measured gradient norm is looked at. The run is replayed up to the first bad step, "
            "and there every operation is: the first that makes such a number of finite ones is named."
        ),
        mark("Steps that a GradScaler leaves out; minus infinity where attention is masked."),
        mark(
            "Mend what is found beside it first: a rate that is too high, exploding gradients, data that are not "
            "finite."
        ),
    ),
    look,
)
