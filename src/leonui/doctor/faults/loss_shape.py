"""Outputs and targets whose shapes differ, so that each output is compared with every target."""

from __future__ import annotations

from typing import Any

from leonui.doctor.fault import About, Fault, found, of_each_loss, split
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.trial.intervention import treated
from leonui.words import mark

SHARE = 0.5


@of_each_loss
def look(record: Record, losses: dict[str, Any]) -> Check | None:
    """Whether an elementwise loss was given two shapes."""
    said = mark("outputs and targets have the same shape where {function} needs it")
    if losses.get("broadcast", 0) < SHARE * losses["calls"]:
        return Check("LOSS-SHAPE", said, losses)
    first, second = losses["shapes"]
    evidence = {"function": losses["function"], "output": first, "target": second}
    words = mark(
        "{function} compares outputs of shape {output} with targets of shape {target}: every output with every target"
    )
    fix = mark("give both the same shape: output.squeeze(-1), or target.unsqueeze(-1)")
    return Check("LOSS-SHAPE", said, losses, found(FAULT.code, words, evidence, fix, split(losses["place"])))


def look_by_hand(record: Record) -> Check | None:
    """Whether arithmetic that gradients go through paired all samples with all; a replay without that decides."""
    pairs = record.last("look").get("pairs")
    if pairs is None:
        return None
    evidence = {"count": pairs.get("count", 0), "samples": pairs.get("samples", 0)}
    said = mark("no column was set against a row of samples by accident: {count} operations did so")
    if not pairs:
        return Check("PAIRS", said, evidence)
    words = mark(
        "a column of {samples} outputs is set against a row of {samples} targets, every one with every other: compared "
        "one by one, validation gains {share:.0%} of what can be gained"
    )
    fix = mark("give both the same shape: output.squeeze(-1), or target.unsqueeze(-1)")
    where = split(pairs["place"])
    return Check("PAIRS", said, evidence, Finding(FAULT.code, "consistent with", words, evidence, fix, *where))


FAULT = Fault(
    "LOSS-SHAPE",
    About(
        mark(
            "Outputs of shape (N, 1) and targets of shape (N) broadcast to (N, N): the network learns the mean of the"
            " targets."
        ),
        mark("The shapes of the two arguments of an elementwise loss function are compared."),
        mark("One target for all outputs, a single number."),
        mark("Give both the same shape: output.squeeze(-1), or target.unsqueeze(-1)."),
    ),
    look,
    treated("raw loss"),
    fixes=("loss = torch.nn.functional.mse_loss(output.squeeze(-1), target)",),
)
BY_HAND = Fault(FAULT.code, FAULT.about, look_by_hand, treated("aligned shapes"), by="validation", fixes=FAULT.fixes)
