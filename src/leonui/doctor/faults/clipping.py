"""Clipping that comes too late, or that clips gradients which are still scaled."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.trial.intervention import Intervention, clip, treated
from leonui.words import mark

SHARE = 0.5


def look(record: Record) -> Check | None:
    """Whether gradients are clipped between backward and step, and unscaled."""
    seen = record.last("clip")
    rows = [row for row in record.rows if row.get("phase", "train") == "train"]
    if not seen or not rows:
        return None
    late, scaled = (sum(bool(row.get(key)) for row in rows) for key in ("clip_late", "clip_scaled"))
    evidence = {"most": seen["most"], "late": late, "scaled": scaled, "steps": len(rows)}
    said = mark("gradients are clipped at {most:.3g} between backward and step")
    if late > SHARE * len(rows):
        words = mark(
            "gradients are clipped after the step that used them, in {late} of {steps} steps: it has no effect"
        )
        fix = mark("clip between backward() and step()")
        return Check("CLIPPED", said, evidence, found(FAULT.code, words, evidence, fix, place(record, "clip")))
    if scaled > SHARE * len(rows):
        words = mark("gradients are clipped while a GradScaler's factor is still in them, in {scaled} of {steps} steps")
        fix = mark("call scaler.unscale_(optimizer) before clipping")
        return Check("CLIPPED", said, evidence, found(FAULT.code, words, evidence, fix, place(record, "clip")))
    return Check("CLIPPED", said, evidence)


def _clipped(finding: Finding) -> Intervention:
    """The limit that the script has, where it belongs."""
    return treated("no clipping") & clip(finding.evidence["most"])


FAULT = Fault(
    "CLIPPING",
    About(
        mark("Gradients are clipped at the wrong place, or so low that the clipping has become the learning rate."),
        mark(
            "The order of backward, clip and step is watched, and whether a GradScaler's factor is still in the "
            "gradients; where every step is clipped a hundredfold, the run is replayed without."
        ),
        mark("Language models clip at 1 and are above it early on."),
        mark("Clip between backward() and step(), after scaler.unscale_(optimizer), at about the norm that is usual."),
        ("https://pytorch.org/docs/stable/notes/amp_examples.html#gradient-clipping",),
    ),
    look,
    _clipped,
    fixes=(
        "loss.backward()",
        "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
        "optimizer.step()",
    ),
)
