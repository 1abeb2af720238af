"""A loss function that is given something else than it wants."""

from __future__ import annotations

from typing import Any

from leonui.doctor.fault import About, Fault, found, of_each_loss, split
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.trial.intervention import treated
from leonui.words import mark

SHARE = 0.9  # of the calls that were looked at
SAYS = {
    "softmaxed": (
        mark("cross_entropy gets probabilities: softmax is applied twice ({count} of {calls} calls)"),
        mark("give cross_entropy the network's raw outputs; leave softmax out"),
    ),
    "squashed": (
        mark(
            "binary_cross_entropy_with_logits gets outputs of a sigmoid: it is applied twice ({count} of {calls} calls)"
        ),
        mark("give it the raw outputs, or use binary_cross_entropy"),
    ),
    "no_log": (
        mark("nll_loss gets positive values, not logarithms of probabilities ({count} of {calls} calls)"),
        mark("use log_softmax before nll_loss, or cross_entropy on the raw outputs"),
    ),
}


@of_each_loss
def look(record: Record, losses: dict[str, Any]) -> Check | None:
    """Whether the loss function gets what it is made for."""
    said = mark("{function} was given what it wants, in {calls} calls that were looked at")
    return Check("LOSS-INPUT", said, losses, _finding(losses))


def _finding(losses: dict[str, Any]) -> Finding | None:
    for odd, (words, fix) in SAYS.items():
        if losses.get(odd, 0) >= SHARE * losses["calls"]:
            evidence = {"count": losses[odd], "calls": losses["calls"]}
            return found(FAULT.code, words, evidence, fix, split(losses["place"]))
    return None


FAULT = Fault(
    "SOFTMAX-TWICE",
    About(
        mark(
            "The loss function applies softmax or sigmoid itself, and gets outputs to which it was applied already: "
            "gradients become small and the loss cannot reach 0."
        ),
        mark(
            "The first argument of the loss function is looked at: rows of numbers between 0 and 1 that sum to 1, or "
            "made by a softmax or sigmoid."
        ),
        mark("log_softmax before cross_entropy changes nothing, and nothing is said."),
        mark("Give the loss function raw outputs; apply softmax only where probabilities are shown."),
    ),
    look,
    treated("raw loss"),
    fixes=("loss = torch.nn.functional.cross_entropy(logits, target)",),
)
