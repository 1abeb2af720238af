"""A loss whose sign is turned round: training makes it as large as it can."""

from __future__ import annotations

from typing import Any

from leonui.doctor.fault import About, Fault, found, of_each_loss, split
from leonui.finding import Check
from leonui.record import Record
from leonui.schedule import constant
from leonui.trial.intervention import Intervention, LearningRate
from leonui.words import mark

SHARE = 0.5  # of the calls that were looked at; one that is no number is no evidence


@of_each_loss
def look(record: Record, losses: dict[str, Any]) -> Check | None:
    """Whether backward begins on minus what the loss function gave; two optimizers may be adversaries."""
    if len({row.get("optimizer") for row in record.rows}) > 1:
        return None
    calls = losses.get("numbers", losses["calls"])
    evidence = {"function": losses["function"], "count": losses.get("negated", 0), "calls": calls}
    said = mark("{function} is made small, not large: {count} of {calls} losses had their sign turned round")
    if evidence["count"] < max(SHARE * calls, 1):
        return Check("SIGN", said, evidence)
    words = mark("the sign of the loss is wrong: backward begins on minus {function}, in {count} of {calls} calls")
    fix = mark("call backward() on the loss itself: an optimizer makes it small")
    return Check("SIGN", said, evidence, found(FAULT.code, words, evidence, fix, split(losses["place"])))


FAULT = Fault(
    "LOSS-SIGN",
    About(
        mark("The loss is negated before backward(), so that training makes it as large as it can."),
        mark("The number on which backward() begins is compared with what the loss function gave."),
        mark("Adversaries, as in a GAN; the negative of a likelihood or a reward, which is to be made large."),
        mark("Call backward() on the loss itself."),
    ),
    look,
    Intervention(lr=LearningRate(constant(-1.0))),
    fixes=("loss.backward()",),
)
