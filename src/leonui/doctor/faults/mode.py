"""Training mode where eval mode belongs, or eval mode that was never left."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault, found, place, split
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.trial.intervention import treated
from leonui.words import mark

SHARE = 0.5
SURE = 0.02  # of what can be gained: that the mode is wrong is seen, and only that it harms must be shown


def look(record: Record) -> Check | None:
    """Whether validation was computed in training mode."""
    modes = record.last("end").get("modes")
    if not modes or not modes["validated"]:
        return None
    said = mark("validation was computed in eval mode: {validated_training} of its {validated} losses were not")
    if modes["validated_training"] <= SHARE * modes["validated"]:
        return Check("EVAL-MODE", said, modes)
    words = mark(
        "validation is computed in training mode: dropout or batch norm was on for {validated_training} "
        "of {validated} losses"
    )
    fix = mark("call model.eval() before validation, and model.train() after it")
    site = (record.validation_site or "").partition(" < ")[0]
    return Check("EVAL-MODE", said, modes, found(FAULT.code, words, modes, fix, split(site)))


def look_back(record: Record) -> Check | None:
    """Whether training went on in eval mode after a validation, or was never in training mode: that may be meant."""
    modes = record.last("end").get("modes")
    if not modes or not modes["trained"]:
        return None
    said = mark(
        "training went on in training mode: {trained_eval} of {trained} passes were in eval mode after a validation"
    )
    if modes.get("trained_never", 0) > SHARE * modes["trained"]:
        words = mark(
            "the network is never in training mode: {trained_never} of {trained} backward passes were in eval mode, "
            "which was there from the start, and in training mode the validation of the whole run gains {share:.0%}"
        )
        fix = mark("call model.train() at the start of each epoch: a validation before it leaves eval mode on")
        where, evidence = place(record, "trailhead"), modes | {"share": 0.0}
        return Check("TRAIN-MODE", said, modes, Finding(BACK.code, "consistent with", words, evidence, fix, *where))
    if modes["trained_eval"] <= SHARE * modes["trained"]:
        return Check("TRAIN-MODE", said, modes)
    words = mark(
        "training goes on in eval mode after the first validation: {trained_eval} of {trained} backward passes"
    )
    fix = mark("call model.train() at the start of each epoch, after model.eval() of the validation")
    return Check("TRAIN-MODE", said, modes, found(FAULT.code, words, modes, fix, place(record, "trailhead")))


FAULT = Fault(
    "MODE",
    About(
        mark(
            "Dropout and batch norm behave differently in training and in validation, and the network is in the wrong"
            " mode."
        ),
        mark(
            "At each validation loss and each backward pass it is seen whether the networks are in training mode and "
            "whether dropout or batch norm acted so. Where it never was in training mode, the run is made again with "
            "it, and validation must gain."
        ),
        mark(
            "Averaging over dropout on purpose, several passes for one loss; a copy of the network that is validated "
            "in eval mode; batch norm that is frozen from the start."
        ),
        mark("Call model.eval() before validation and model.train() after it."),
        ("https://pytorch.org/docs/stable/notes/autograd.html#locally-disable-grad-doc",),
    ),
    look,
    treated("eval mode"),
    fixes=("model.eval()",),
)
BACK = Fault(FAULT.code, FAULT.about, look_back, treated("training mode"), "validation", SURE, fixes=("model.train()",))
