"""An optimizer that does not hold what is trained."""

from __future__ import annotations

from typing import Any

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.trial.intervention import treated
from leonui.words import mark


def look(record: Record) -> Check | None:
    """Whether the parameters that gradients reach are those that the optimizers hold."""
    moved = record.last("end").get("moved")
    if not moved or not moved["parameters"]:
        return None
    unheld = moved.get("unheld", {"count": 0, "names": []})
    evidence = {"held": moved["held"], "parameters": moved["parameters"], "unheld": unheld["count"]}
    evidence["names"] = ", ".join(unheld["names"][:5])
    said = mark("the optimizer holds {held} of {parameters} parameters; gradients reach {unheld} that it does not hold")
    return Check("HELD", said, evidence, _finding(record, moved, evidence))


def _finding(record: Record, moved: dict[str, Any], evidence: dict[str, Any]) -> Finding | None:
    reached = moved["held"] - moved.get("unreached", {"count": 0})["count"]
    if not evidence["unheld"] or (moved["held"] and reached > 0 and not moved["strange"]):
        return _partly(record, moved, evidence)
    words = mark(
        "the optimizer trains other parameters than those that the loss depends on: {unheld} get "
        "gradients and are in no optimizer, among them {names}"
    )
    fix = mark("make the optimizer after the model is final (moved, wrapped, copied), from that model's parameters()")
    return found(FAULT.code, words, evidence, fix, place(record))


def _partly(record: Record, moved: dict[str, Any], evidence: dict[str, Any]) -> Finding | None:
    """Some are left out: that may be meant, and is said as what it is."""
    if not evidence["unheld"]:
        return None
    words = mark("{unheld} parameters get gradients but are in no optimizer, among them {names}: they stay as they are")
    fix = mark(
        "give them to the optimizer; if they are meant to stay, set requires_grad_(False) and save their backward"
    )
    return Finding(FAULT.code, "consistent with", words, evidence, fix, *place(record))


FAULT = Fault(
    "WRONG-PARAMETERS",
    About(
        mark(
            "The optimizer holds other parameters than the network that is trained, so that nothing, or only a part, "
            "is learned."
        ),
        mark(
            "The parameters that get gradients are compared with those in the optimizer's groups. Where only some are "
            "left out, the run is made again with an optimizer that holds them, too."
        ),
        mark(
            "Training only a head: its backbone may be left out on purpose, and the run gains nothing with all of it. "
            "Without a replay only that is said which is left out."
        ),
        mark("Make the optimizer after the model is final, from the parameters() of that very model."),
        ("https://github.com/huggingface/accelerate/issues/2665",),
    ),
    look,
    treated("all parameters"),
    fact=True,
    fixes=("optimizer = torch.optim.AdamW(model.parameters(), lr=lr)",),
)
