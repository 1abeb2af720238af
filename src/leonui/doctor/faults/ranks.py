"""Processes that train together and whose weights have come apart."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record, number
from leonui.words import mark

APART = 1e-6  # relative: the same sums in the same order give the same bits; a device may order them otherwise


def look(record: Record) -> Check | None:
    """Whether all ranks had the same weights at each step that was measured; ``others`` are in the Record's events."""
    ranks = record.named("rank")
    if not ranks:
        return None
    ours = {row["step"]: number(row["weight_norm"]) for row in record.rows if "weight_norm" in row}
    apart = [
        (int(step), abs(number(norm) - ours[int(step)]) / max(ours[int(step)], 1e-12))
        for rank in ranks
        for step, norm in rank["weight_norm"].items()
        if int(step) in ours
    ]
    if not apart:
        return None  # of sharded weights no rank knows a norm
    far = sorted(step for step, distance in apart if distance > APART)
    evidence = {"ranks": len(ranks) + 1, "count": len(apart), "step": far[0] if far else None}
    said = mark("the weights of all {ranks} processes agree ({count} comparisons)")
    if not far or len(far) < len(apart) / 4:
        return Check("RANKS", said, evidence)
    words = mark("the weights of the {ranks} processes have come apart, first seen at step {step}")
    fix = mark(
        "call the wrapped model, not model.module, in training, and do the same on every rank: clipping, "
        "rates, skipped batches"
    )
    return Check("RANKS", said, evidence, found(FAULT.code, words, evidence, fix, place(record, "trailhead")))


FAULT = Fault(
    "RANKS",
    About(
        mark(
            "Processes that should hold the same weights train apart, because gradients are not exchanged or not "
            "treated alike."
        ),
        mark("The norm of all weights at the same step is compared between the processes' records."),
        mark("Sharded weights (FSDP, tensor parallel) and local SGD, which differ on purpose."),
        mark("Call the wrapped model, not model.module, and do the same on every rank."),
        ("https://github.com/huggingface/accelerate/issues/2665",),
    ),
    look,
    fixes=("output = model(x)  # not model.module(x)",),
)
