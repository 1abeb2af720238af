"""The first checks: did it learn at all, were its numbers finite, its gradients cleared, its parameters moved."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import takewhile

from leonui.doctor.fault import place
from leonui.finding import Check, Finding
from leonui.record import Record, number
from leonui.words import mark

STALE_SHARE = 0.5  # of all steps; exact at each step, so a single one may be a deliberate exception, half are not
WINDOW = 0.1  # of the run: its end
FIRST = 3  # losses: its beginning
EXPLODED = 10.0  # times the first loss, and all of the end


def first_checks(record: Record) -> list[Check]:
    """Each check with its measured figure, and the finding where it fails."""
    return [check for check in (finite(record), learned(record), cleared(record), moved(record)) if check]


def finite(record: Record) -> Check:
    """Whether every loss and gradient norm was a finite number."""
    bad = [row for row in record.rows if row.get("nonfinite")]
    said = mark("every loss and gradient norm was finite, in {steps} steps")
    if not bad:
        return Check("FINITE", said, {"steps": record.steps})
    evidence = {"step": bad[0]["step"], "count": len(bad), "steps": record.steps}
    words = mark("the loss or the gradient was not finite first at step {step}, and at {count} of {steps} steps")
    fix = mark("a lower learning rate or clipped gradients may suffice; if step {step} is the first, look at the data")
    return Check("FINITE", said, evidence, Finding("NON-FINITE", "is", words, evidence, fix, *place(record)))


def learned(record: Record) -> Check | None:
    """Whether the loss ends below that of the best constant prediction, or else below that of the beginning."""
    losses = [loss for loss in record.losses() if math.isfinite(loss)]
    if len(losses) < 10 or _adversaries(record):
        return None
    window = _window(losses)
    constant = number(record.last("end").get("constant_loss"))
    named = math.isfinite(constant)
    bar = constant if named else beginning(losses)
    end = losses[-window:]
    evidence = {"loss": statistics.fmean(end), "bar": bar}
    said = (
        mark("learned: training loss {loss:.4g} at the end, {bar:.4g} for the best constant prediction")
        if named
        else mark("learned: training loss {loss:.4g} at the end, {bar:.4g} at the beginning")
    )
    if evidence["loss"] + 2 * statistics.stdev(end) / math.sqrt(window) < bar:
        return Check("LEARNED", said, evidence)
    words = (
        mark("learned nothing: training loss {loss:.4g} at the end, and the best constant prediction has {bar:.4g}")
        if named
        else mark("learned nothing: training loss {loss:.4g} at the end, {bar:.4g} at the beginning")
    )
    fix = mark("the learning rate, the data or the loss is wrong; the search below shows whether a rate alone helps")
    return Check("LEARNED", said, evidence, Finding("NOT-LEARNING", "is", words, evidence, fix, *place(record)))


def beginning(losses: Sequence[float]) -> float:
    """The loss before anything was learned: the mean of the first ones, without those of a start that explodes."""
    calm = EXPLODED * max(map(abs, (losses[0], *losses[-_window(losses) :])))
    return statistics.fmean([*takewhile(calm.__ge__, losses[:FIRST])])


def cleared(record: Record) -> Check:
    """Whether gradients that a step had used were cleared before the next one used them."""
    rows = [row for row in record.rows if row.get("phase", "train") == "train"]
    stale = sum(bool(row.get("stale")) for row in rows)
    said = mark("gradients were cleared between steps: {stale} of {steps} steps used an old one")
    evidence = {"stale": stale, "steps": len(rows)}
    if stale <= STALE_SHARE * len(rows):
        return Check("CLEARED", said, evidence)
    words = mark("gradients are never cleared: {stale} of {steps} steps added to a gradient that was used before")
    fix = mark("call optimizer.zero_grad() once before each backward()")
    return Check("CLEARED", said, evidence, Finding("STALE-GRADIENT", "is", words, evidence, fix, *place(record)))


def moved(record: Record) -> Check | None:
    """Whether the steps changed the parameters at all."""
    ratios = [ratio for ratio in record.column("update_ratio") if math.isfinite(ratio)]
    if not ratios:
        return None
    evidence = {"ratio": max(ratios), "count": len(ratios)}
    said = mark("parameters moved: by up to {ratio:.2g} of their norm in a step ({count} steps measured)")
    if max(ratios) > 0:
        return Check("MOVED", said, evidence)
    words = mark("no parameter moved in any of the {count} steps that were measured")
    fix = mark("check that the optimizer holds the parameters of the model that is trained, and that its rate is not 0")
    return Check("MOVED", said, evidence, Finding("NOT-MOVING", "is", words, evidence, fix, *place(record)))


def _window(losses: Sequence[float]) -> int:
    return max(FIRST, round(WINDOW * len(losses)))


def _adversaries(record: Record) -> bool:
    """Whether several optimizers step together and each has a loss of its own: their mean need not fall."""
    steps = [row["step"] for row in record.rows if "loss" in row]
    return len(steps) - len(set(steps)) > 1  # one: where training goes over from one optimizer to another
