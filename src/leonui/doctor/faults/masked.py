"""Batches all of whose targets are ignored."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, split
from leonui.finding import Check
from leonui.record import Record
from leonui.words import mark


def look(record: Record) -> Check | None:
    """Whether there were batches without a target that counts."""
    losses = record.last("end").get("losses")
    if not losses or not losses.get("calls") or not losses.get("all_ignored"):
        return None
    evidence = {"count": losses["all_ignored"], "calls": losses["calls"]}
    words = mark(
        "all targets are ignored in {count} of {calls} batches that were looked at: the mean over none is no number"
    )
    fix = mark("check ignore_index and the mask, and leave out batches in which nothing counts")
    return Check("MASK", words, evidence, found(FAULT.code, words, evidence, fix, split(losses["place"])))


FAULT = Fault(
    "MASK",
    About(
        mark("Every target of a batch is ignored; the loss is then 0 divided by 0."),
        mark("The targets of the loss function are compared with its ignore_index."),
        mark("A short batch in which some targets count."),
        mark("Check ignore_index and the mask; leave out batches in which nothing counts."),
    ),
    look,
)
