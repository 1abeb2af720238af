"""Updates too small for the precision of the weights: they are rounded away."""

from __future__ import annotations

import statistics

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check
from leonui.record import Record, number
from leonui.words import mark

LOST = 0.8  # of the weights, in the median step
PEAK = 0.5  # of the highest rate: where a schedule comes to its end, updates are small on purpose


def look(record: Record) -> Check | None:
    """Whether most weights in half precision do not move although the update is not zero."""
    rows = [row for row in record.rows if "lost" in row and row.get("lr")]
    if not rows:
        return None
    peak = max(max(row["lr"]) for row in rows)
    high = [row for row in rows if max(row["lr"]) >= PEAK * peak and (row.get("update_ratio") or row.get("grad_norm"))]
    shares = [number(row["lost"]) for row in high]
    if not shares:
        return None
    evidence = {"lost": statistics.median(shares), "count": len(shares)}
    said = mark(
        "updates reach the weights in half precision: {lost:.0%} of them do not move in a step ({count} measured)"
    )
    if evidence["lost"] <= LOST:
        return Check("LOST-UPDATES", said, evidence)
    words = mark(
        "updates are lost to rounding: {lost:.0%} of the weights in half precision do not move in a step "
        "({count} measured)"
    )
    fix = mark(
        "keep the weights in float32 (autocast computes in half precision), or use an optimizer with "
        "stochastic rounding, as those of leonui.optim"
    )
    return Check("LOST-UPDATES", said, evidence, found(FAULT.code, words, evidence, fix, place(record)))


FAULT = Fault(
    "LOST-UPDATES",
    About(
        mark("Weights are kept in half precision, and an update below half of their last digit changes nothing."),
        mark("Weights are compared bit for bit before and after a step whose update is not zero."),
        mark("The end of a schedule, where the rate is small on purpose; sparse gradients."),
        mark("Keep the weights in float32, or round stochastically."),
    ),
    look,
    fixes=("optimizer = leonui.optim.AdamW(model.parameters(), lr=lr)  # rounds stochastically",),
)
