"""Targets that do not count: all of a batch, or all but one class."""

from __future__ import annotations

from typing import Any

from leonui.doctor.fault import About, Fault, found, of_each_loss, split
from leonui.finding import Check
from leonui.record import Record
from leonui.words import mark


@of_each_loss
def look(record: Record, losses: dict[str, Any]) -> Check | None:
    """Whether there were batches without a target that counts."""
    if not losses.get("all_ignored") or losses.get("classes", 0) == 1:
        return _one_class(losses)
    evidence = {"count": losses["all_ignored"], "calls": losses["calls"]}
    words = mark(
        "all targets are ignored in {count} of {calls} batches that were looked at: the mean over none is no number"
    )
    fix = mark("check ignore_index and the mask, and leave out batches in which nothing counts")
    return Check("MASK", words, evidence, found(FAULT.code, words, evidence, fix, split(losses["place"])))


def _one_class(losses: dict[str, Any]) -> Check | None:
    """Whether all targets that count are the same: what was to be ignored is what counts."""
    if losses.get("classes") != 1 or losses["calls"] < 2:
        return None
    evidence = {"ignored": losses["ignored"], "calls": losses["calls"]}
    words = mark(
        "the mask is the wrong way round: {ignored:.0%} of the targets in {calls} batches are ignored, and all that "
        "count are one class"
    )
    fix = mark("turn the mask round: ignore_index belongs where nothing is to be predicted")
    return Check("MASK", words, evidence, found(FAULT.code, words, evidence, fix, split(losses["place"])))


FAULT = Fault(
    "MASK",
    About(
        mark("Every target of a batch is ignored, or all but those of one class: nothing is left to be learned."),
        mark("The targets of the loss function are compared with its ignore_index."),
        mark("A short batch in which some targets count."),
        mark("Check ignore_index and the mask; leave out batches in which nothing counts."),
    ),
    look,
    fixes=("target = target.masked_fill(is_padding, -100)",),
)
