"""Parameters that should be trained and that no gradient reaches."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record
from leonui.words import mark

SHARE = 0.25  # of what the optimizer holds: an expert or a head that is not used is less


def look(record: Record) -> Check | None:
    """Whether gradients reach what the optimizer holds."""
    moved = record.last("end").get("moved")
    if not moved or not moved["held"]:
        return None
    cut = moved.get("unreached", {"count": 0, "names": []})
    evidence = {"unreached": cut["count"], "held": moved["held"], "names": ", ".join(cut["names"][:5])}
    said = mark("gradients reach what the optimizer holds: {unreached} of its {held} parameters never had one")
    elsewhere = cut["count"] == moved["held"] and bool(moved.get("unheld") or moved["strange"])
    if cut["count"] < SHARE * moved["held"] or elsewhere or any(row.get("emptied") for row in record.rows):
        return Check("REACHED", said, evidence)
    words = mark(
        "{unreached} of the {held} parameters that the optimizer holds never get a gradient, among them {names}"
    )
    fix = mark(
        "look for detach(), .data, .item(), no_grad or numpy between these layers and the loss; if they "
        "are not meant to be trained, do not give them to the optimizer"
    )
    return Check("REACHED", said, evidence, found(FAULT.code, words, evidence, fix, place(record)))


FAULT = Fault(
    "NO-GRADIENT",
    About(
        mark("A part of the network is cut off from the loss, so that no gradient reaches it."),
        mark(
            "Parameters that require a gradient and are in an optimizer have none after backward passes, from the "
            "first step to the last."
        ),
        mark("A head or an expert that this training does not use: below a quarter of the parameters nothing is said."),
        mark("Remove the detach(), .data, no_grad or conversion to numpy between these layers and the loss."),
    ),
    look,
)
