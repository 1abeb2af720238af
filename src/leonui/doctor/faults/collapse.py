"""A network that says the same whatever it is given: the frequencies of the classes, or the mean of the targets."""

from __future__ import annotations

import math
from typing import Any

from leonui.doctor.fault import About, Fault, found, loss_calls, split
from leonui.doctor.first import learned
from leonui.finding import Check, Finding
from leonui.record import Record, number
from leonui.words import mark

SAME = 0.01  # of what predictions could differ by; a network that has learned anything is far above


def look(record: Record) -> Check | None:
    """Whether the last predictions differ between samples; said only of a run that has learned nothing."""
    (first, *_), check = loss_calls(record) or [{}], learned(record)
    spread = number(first.get("spread"))
    if not math.isfinite(spread) or check is None:
        return None
    evidence = {"spread": spread, **check.evidence}
    said = mark("predictions differ between samples: by {spread:.2g} of what they could, at the end")
    merged = {} if check.ok else record.last("look").get("merged") or {}
    if check.ok or (spread >= SAME and not merged):
        return Check("PREDICTIONS", said, evidence)
    finding = _merged(evidence | merged) if merged else _collapsed(evidence, first["place"])
    return Check("PREDICTIONS", said, evidence, finding)


def _collapsed(evidence: dict[str, Any], place: str) -> Finding:
    words = mark(
        "the network has collapsed: at the end it gives all samples the same answer (they differ by {spread:.1g} of "
        "what they could), and loses {loss:.4g}, where the best constant prediction loses {bar:.4g}"
    )
    fix = mark(
        "look at a batch just before the network: are its inputs all alike? Begin with other weights, weigh rare "
        "classes higher, and see whether the network can learn one batch by heart"
    )
    return found(FAULT.code, words, evidence, fix, split(place))


def _merged(evidence: dict[str, Any]) -> Finding:
    """An operation makes samples alike; where dropout, or another way around it, makes answers differ, it is likely."""
    words = mark(
        "the network has collapsed: {operation} makes all samples alike, whatever it is given; the run loses "
        "{loss:.4g}, where the best constant prediction loses {bar:.4g}"
    )
    fix = mark("look at what {operation} is given there: does it go over the dimension that is meant, and is that > 1?")
    verdict = "is" if evidence["spread"] < SAME else "consistent with"
    return Finding(FAULT.code, verdict, words, evidence, fix, *split(evidence["place"]))


FAULT = Fault(
    "COLLAPSED",
    About(
        mark("The network gives the same answer whatever it is given: the share of each class, or the mean."),
        mark(
            "Predictions of a batch are compared with each other at the end of the run. It is said where nothing was "
            "learned and no replay found a cause: no rate, no other weights, no scaled inputs, no labels. In a replay "
            "of some steps the first operation is looked for that is given samples that differ and returns the same."
        ),
        mark("The first part of a training, in which most networks learn how frequent the classes are, and no more."),
        mark("Look at the inputs just before the network; begin with other weights; weigh rare classes higher."),
        ("https://karpathy.github.io/2019/04/25/recipe/",),
    ),
    look,
    fixes=("print(x.float().std(0))  # just before the network",),
)
