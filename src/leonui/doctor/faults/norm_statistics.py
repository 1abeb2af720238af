"""Batch normalisation whose running statistics are not those of the data."""

from __future__ import annotations

import math

from leonui.doctor.case import ending, validated
from leonui.doctor.fault import About, Fault, split
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.trial.intervention import treated
from leonui.words import mark

GAP = 0.2  # of what training has gained: by so much validation must be worse to be looked into


def look(record: Record) -> Check | None:
    """Whether validation is far worse than training in a network with batch normalisation."""
    held_out, last = validated(record), ending(record)
    if not record.last("end").get("norms") or held_out is None or not last:
        return None
    first = next(iter(record.losses()), math.nan)
    evidence = {"loss": sum(last) / len(last), "held_out": held_out[0]}
    said = mark(
        "batch normalisation: training ends at {loss:.4g}, validation with its running statistics at {held_out:.4g}"
    )
    if evidence["held_out"] - evidence["loss"] <= GAP * abs(first - evidence["loss"]):
        return Check("NORM-STATISTICS", said, evidence)
    words = mark(
        "the running statistics of batch normalisation are wrong: with those of each batch, validation gains "
        "{share:.0%} of what can be gained"
    )
    fix = mark(
        "raise the momentum of batch normalisation to 0.1, train longer, or compute the statistics anew at the end"
    )
    where = split((record.validation_site or "").partition(" < ")[0])
    return Check(
        "NORM-STATISTICS", said, evidence, Finding(FAULT.code, "consistent with", words, evidence, fix, *where)
    )


FAULT = Fault(
    "NORM-STATISTICS",
    About(
        mark("The means and deviations that batch normalisation uses in eval mode are not those of the data."),
        mark("The whole run is replayed with validation on the statistics of its own batches: it must gain clearly."),
        mark("Overfitting: there, other statistics change nothing."),
        mark("Use the usual momentum of 0.1, larger batches, or torch.optim.swa_utils.update_bn at the end."),
        ("https://arxiv.org/abs/1502.03167",),
    ),
    look,
    treated("batch statistics"),
    by="validation",
    fixes=("torch.nn.BatchNorm2d(channels, momentum=0.1)",),
)
