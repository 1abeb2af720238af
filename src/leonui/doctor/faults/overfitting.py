"""Validation that gets worse while training goes on getting better."""

from __future__ import annotations

import math
import statistics

from leonui.doctor.fault import About, Fault, split
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

RISE = 0.1  # of the progress that validation had made: so much of it is lost again
AFTER = 3  # validations after the best one, all of them worse
SURELY = 2.0  # standard deviations of a validation round its neighbours


def look(record: Record) -> Check | None:
    """Whether validation ends clearly above its best, while the training loss has fallen since."""
    passes = [(step, loss) for step, loss in record.validations(record.validation_site) if math.isfinite(loss)]
    if len(passes) < AFTER + 2:
        return None
    losses = [loss for _, loss in passes]
    best = losses.index(min(losses))
    evidence = {"best": losses[best], "step": passes[best][0], "last": losses[-1], "first": losses[0]}
    evidence |= {"before": _training(record, passes[best][0]), "after": _training(record, passes[-1][0])}
    said = mark("validation ends at {last:.4g}; its best was {best:.4g}, at step {step}")
    if not _risen(losses, best) or not evidence["after"] < evidence["before"]:
        return Check("VALIDATION", said, evidence)
    words = mark(
        "overfitting since step {step}: validation rose from {best:.4g} to {last:.4g} while the training "
        "loss fell from {before:.4g} to {after:.4g}"
    )
    fix = mark(
        "stop at step {step} or keep the best weights; more data, augmentation, weight decay or dropout "
        "let it go on longer"
    )
    where = split((record.validation_site or "").partition(" < ")[0])
    return Check("VALIDATION", said, evidence, Finding(FAULT.code, "consistent with", words, evidence, fix, *where))


def _risen(losses: list[float], best: int) -> bool:
    after = losses[best + 1 :]
    rise = statistics.fmean(after[-AFTER:]) - losses[best] if len(after) >= AFTER else 0.0
    jumps = [b - (a + c) / 2 for a, b, c in zip(losses, losses[1:], losses[2:], strict=False)]
    noise = statistics.pstdev(jumps) if len(jumps) > 1 else 0.0
    return rise > max(RISE * (losses[0] - losses[best]), SURELY * noise) and all(loss > losses[best] for loss in after)


def _training(record: Record, step: int) -> float:
    """The mean training loss of the stretch that ends with a step."""
    rows = [float(row["loss"]) for row in record.rows if "loss" in row and row["step"] <= step]
    last = [loss for loss in rows[-max(5, len(record.rows) // 20) :] if math.isfinite(loss)]
    return statistics.fmean(last) if last else math.nan


FAULT = Fault(
    "OVERFITTING",
    About(
        mark("The network learns its training data by heart, and what it says of other data becomes worse."),
        mark(
            "Validation ends above its best by more than its own noise and a tenth of its progress, while the "
            "training loss has fallen since; a second run with other seeds must show the same."
        ),
        mark("Noise of a small validation set, warm restarts, a jump when the data change, double descent."),
        mark("Stop at the best validation, or give it more data, augmentation, weight decay or dropout."),
    ),
    look,
)
