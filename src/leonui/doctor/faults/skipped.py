"""Steps that mixed precision leaves out, one after the other."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record
from leonui.words import mark

CALIBRATION = 20  # steps that a GradScaler may leave out to find its scale
SHARE = 0.2


def look(record: Record) -> Check | None:
    """Whether a GradScaler leaves out more steps than it needs to find its scale."""
    skipped = [row["step"] for row in record.rows if row.get("phase") == "skipped"]
    if not skipped:
        return None
    evidence = {"skipped": len(skipped), "steps": record.steps + len(skipped), "last": skipped[-1]}
    said = mark("mixed precision left out {skipped} of {steps} steps, the last one at step {last}")
    if len(skipped) <= max(CALIBRATION, SHARE * evidence["steps"]):
        return Check("AMP-SKIPS", said, evidence)
    words = mark("mixed precision leaves out {skipped} of {steps} steps: gradients overflow again and again")
    fix = mark("use bfloat16, or keep the layer that overflows in float32; the loss itself may be infinite")
    return Check("AMP-SKIPS", said, evidence, found(FAULT.code, words, evidence, fix, place(record, "trailhead")))


FAULT = Fault(
    "AMP-SKIPS",
    About(
        mark(
            "A GradScaler leaves out steps whose gradients are not finite, without a word; many of them are lost "
            "training."
        ),
        mark("Steps that it leaves out are counted."),
        mark("The first 10 to 20 steps, in which it finds its scale."),
        mark("Use bfloat16, or keep the layer that overflows in float32."),
        ("https://github.com/pytorch/pytorch/issues/67590",),
    ),
    look,
    fixes=("with torch.autocast(device_type, dtype=torch.bfloat16):",),
)
