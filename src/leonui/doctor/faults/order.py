"""Samples that come in an order: batches that each hold only a part of the targets."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, loss_calls, split
from leonui.finding import Check
from leonui.record import Record
from leonui.words import mark

MIXED = 0.5  # of the variety of all targets, within a batch: 1 where they come at random
BATCHES = 8


def look(record: Record) -> Check | None:
    """Whether each batch has about the variety of all."""
    first, *_ = loss_calls(record) or [{}]
    if first.get("batches", 0) < BATCHES or "mixed" not in first:
        return None
    evidence = {"mixed": first["mixed"], "batches": first["batches"]}
    said = mark("batches are mixed: {mixed:.0%} of the targets' variety is within a batch ({batches} looked at)")
    if first["mixed"] >= MIXED:
        return Check("MIXED", said, evidence)
    words = mark(
        "samples come in order: only {mixed:.0%} of the targets' variety is within a batch ({batches} looked at)"
    )
    fix = mark("shuffle the training data: DataLoader(..., shuffle=True), or a random permutation in each epoch")
    return Check("MIXED", said, evidence, found(FAULT.code, words, evidence, fix, split(first["place"])))


FAULT = Fault(
    "ORDER",
    About(
        mark("Training data are sorted by their targets, so that the network learns one class and forgets the others."),
        mark("The entropy (or variance) of the targets within batches is compared with that over all batches."),
        mark("Time series and curricula, whose batches are still mixed in what is to be told."),
        mark("Shuffle: DataLoader(..., shuffle=True), or a random permutation in each epoch."),
        ("https://github.com/pytorch/pytorch/issues/31771",),
    ),
    look,
    fixes=("DataLoader(dataset, batch_size=batch_size, shuffle=True)",),
)
