"""A gradient that is not the slope of the loss."""

from __future__ import annotations

import math

from leonui.doctor.fault import About, Fault, place
from leonui.doctor.first import learned
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

SAME = 0.1  # relative: two differences over ways of different length that are further apart tell nothing
RIGHT = (0.8, 1.25)  # what the loss changes by, over what the gradient says


def look(record: Record) -> Check | None:
    """Whether the loss changes along the gradient as the gradient says; where the run learns, it may be meant."""
    slope = record.last("slope")
    if not slope.get("expected") or len(slope.get("measured", ())) < 2:
        return None
    first, second = (one / slope["expected"] for one in slope["measured"])
    if not math.isfinite(first - second):
        return None  # the slope of what is no number
    if abs(first - second) > SAME * max(abs(first), abs(second), 0.1):
        return None
    evidence = {"measured": slope["measured"][1], "expected": slope["expected"], "ratio": second}
    said = mark("the gradient is the slope of the loss: {measured:.3g} by differences, {expected:.3g} by backward()")
    if RIGHT[0] <= second <= RIGHT[1]:
        return Check("SLOPE", said, evidence)
    check = learned(record)
    if second > 0 and (check is None or check.ok):
        return None  # a detached target, an estimate that goes straight through: meant, as it seems
    words = mark(
        "backward() gives another gradient than that of the loss: along it the loss changes by {measured:.3g}, and the "
        "gradient says {expected:.3g}"
    )
    fix = mark(
        "check the backward() of your own autograd functions with torch.autograd.gradcheck, and look for detach() and "
        "hooks on gradients"
    )
    where = place(record, "trailhead")
    return Check("SLOPE", said, evidence, Finding(FAULT.code, "consistent with", words, evidence, fix, *where))


FAULT = Fault(
    "WRONG-GRADIENT",
    About(
        mark("What backward() computes is not the slope of the loss: a sign, a factor, a part that is left out."),
        mark(
            "The weights are moved a little way along the gradient and against it, and branches measure the loss of "
            "the same batch at both: the difference must be what the gradient says."
        ),
        mark(
            "Losses with a detached target or advantage (temporal differences, policy gradients), gradient reversal, "
            "estimates that go straight through a rounding."
        ),
        mark("Check your own autograd functions with torch.autograd.gradcheck in float64."),
        ("https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html",),
    ),
    look,
    fixes=("torch.autograd.gradcheck(function, inputs.double().requires_grad_())",),
)
