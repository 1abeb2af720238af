"""Units that are all alike and stay so: they began with equal weights and get equal gradients."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record
from leonui.trial.intervention import treated
from leonui.words import mark


def look(record: Record) -> Check | None:
    """Whether the rows of a weight matrix are equal at the end although they were trained."""
    moved = record.last("end").get("moved")
    if not moved or not moved["held"]:
        return None
    alike = moved.get("alike", {"count": 0, "names": []})
    evidence = {"count": alike["count"], "held": moved["held"], "names": ", ".join(alike["names"][:5])}
    said = mark("units differ from each other: in {count} of {held} parameters all rows are equal")
    if not alike["count"]:
        return Check("UNITS", said, evidence)
    words = mark("all units of a layer do the same: the rows of {names} began equal and are equal at the end")
    fix = mark("begin with random weights: leave out the constant initialisation, or use torch.nn.init.kaiming_normal_")
    return Check("UNITS", said, evidence, found(FAULT.code, words, evidence, fix, place(record)))


FAULT = Fault(
    "INIT",
    About(
        mark("The weights begin equal, so large, or so small that training cannot use them."),
        mark(
            "Rows of a matrix that are equal at the end although they have moved; and a replay with weights as torch "
            "makes them, which must gain clearly more than any learning rate."
        ),
        mark("A last layer or an adapter that begins at zero: its rows become different at the first step."),
        mark("Leave torch's own initialisation, or use torch.nn.init.kaiming_normal_ and zeros for the biases."),
    ),
    look,
    treated("fresh weights"),
    fixes=("torch.nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",),
)
