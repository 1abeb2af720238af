"""What the curves of a log look like: statistics against the log's own noise, and no more than that."""

from __future__ import annotations

import math
import statistics
from typing import Any

from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

# Chosen on logs of the development workloads of bench/faults.
END = 0.1  # of a curve: its beginning, and its end
LEAST = 20  # points of a curve
SURELY = 4.0  # standard errors
BACK = 0.5  # of the progress that a diverging run has lost again
LITTLE = 0.1  # of the first loss: a run that fell by less
STRAIGHT = 0.7  # of the fall of the first half, in the second
SPIKE = 20.0  # times the median norm
DEAD = 0.05  # of the highest rate
SKIPS = 20  # times that a loss scale may fall


def finite(record: Record) -> Check:
    """Whether every loss was a number."""
    bad = record.last("nonfinite")
    said = mark("every loss in the log was finite, in {points} points")
    if not bad:
        return Check("FINITE", said, {"points": len(_losses(record))})
    evidence = {"step": int(bad["step"]), "count": bad["count"], "rows": bad["rows"]}
    words = mark("the loss was not finite first at step {step}, and in {count} of {rows} rows")
    fix = mark("a lower learning rate or clipped gradients may suffice; if step {step} is the first, look at the data")
    return Check("FINITE", said, evidence, Finding("NON-FINITE", "consistent with", words, evidence, fix))


def diverges(record: Record) -> Check | None:
    """Whether the training loss ends far above its best, and validation does not say otherwise."""
    losses = _losses(record)
    if len(losses) < LEAST:
        return None
    width = max(3, round(END * len(losses)))
    means = [statistics.fmean(losses[i : i + width]) for i in range(0, len(losses) - width + 1, width)]
    best, last, first = min(means), statistics.fmean(losses[-width:]), means[0]
    noise = statistics.stdev(losses[-width:]) / math.sqrt(width)
    evidence = {"last": last, "best": best, "first": first}
    said = mark("the training loss ends at {last:.4g}, its lowest stretch had {best:.4g}")
    rise = last - best
    if _validates_better(record) or rise <= SURELY * noise or rise <= max(BACK * (first - best), LITTLE * abs(best)):
        return Check("DIVERGED", said, evidence)
    words = mark(
        "the training loss rises again: {best:.4g} at its best, {last:.4g} at the end, as with a rate that is too high"
    )
    fix = mark("lower the learning rate, clip gradients, or look at the data from there on; leonui lr finds the rate")
    return Check("DIVERGED", said, evidence, Finding("LR-HIGH", "consistent with", words, evidence, fix))


def learns(record: Record) -> Check | None:
    """Whether the training loss ends surely below that of the beginning, or validation does."""
    losses = _losses(record)
    if len(losses) < LEAST:
        return None
    begin, end = losses[: max(3, round(END * len(losses) / 2))], losses[-max(5, len(losses) // 3) :]
    evidence = {"first": statistics.fmean(begin), "last": statistics.fmean(end)}
    error = math.hypot(*(statistics.stdev(part) / math.sqrt(len(part)) for part in (begin, end)))
    said = mark("the training loss fell from {first:.4g} to {last:.4g}")
    if _validates_better(record) or evidence["first"] - evidence["last"] > SURELY * error or max(losses) == min(losses):
        return Check("LEARNED", said, evidence)
    words = mark("the training loss did not fall: {first:.4g} at the beginning, {last:.4g} in the last third")
    fix = mark("the rate, the data or the loss is wrong, or the training began at its optimum")
    return Check("LEARNED", said, evidence, Finding("NOT-LEARNING", "consistent with", words, evidence, fix))


def crawls(record: Record) -> Check | None:
    """Whether the loss has fallen by little, and as fast at the end as at the beginning."""
    losses = _losses(record)
    if len(losses) < 2 * LEAST:
        return None
    thirds = [losses[i * len(losses) // 3 : (i + 1) * len(losses) // 3] for i in range(3)]
    first, middle, last = map(statistics.fmean, thirds)
    error = math.hypot(*(statistics.stdev(third) / math.sqrt(len(third)) for third in thirds[1:]))
    evidence = {"first": first, "last": last, "share": (first - last) / abs(first) if first else 0.0}
    said = mark("the training loss fell by {share:.0%} between the first and the last third")
    slow = 0 < evidence["share"] < LITTLE and middle - last > max(SURELY * error, STRAIGHT * (first - middle))
    if not slow:
        return Check("FELL", said, evidence)
    words = mark(
        "the training loss fell by {share:.1%} only, and as fast at the end as before: as with a rate that is too low"
    )
    fix = mark("raise the learning rate, or train longer; leonui lr finds the rate")
    return Check("FELL", said, evidence, Finding("LR-LOW", "consistent with", words, evidence, fix))


def stands_still(record: Record) -> Check | None:
    """Whether the loss is the same number throughout."""
    losses = _losses(record)
    if len(losses) < LEAST:
        return None
    evidence = {"loss": losses[0], "points": len(losses)}
    if max(losses) > min(losses):
        return None
    words = mark("the training loss is {loss:.6g} at all {points} points, to the last digit: no weight moves")
    fix = mark("check that the optimizer holds the parameters of the model that is trained, and that its rate is not 0")
    return Check("MOVED", words, evidence, Finding("NOT-MOVING", "consistent with", words, evidence, fix))


def spikes(record: Record) -> Check | None:
    """Whether single gradient norms stand out, and the loss jumps with them."""
    seen = record.last("grad_norm").get("stretches")
    losses = _losses(record)
    if not seen or len(seen) < LEAST or len(losses) < LEAST:
        return None
    middle = statistics.median(mean for _, mean, _ in seen)
    step, _, most = max(seen, key=lambda stretch: stretch[2])
    evidence = {"most": most, "median": middle, "step": int(step)}
    said = mark("gradients did not explode: the largest norm was {most:.3g}, the median {median:.3g}")
    if most <= SPIKE * middle or not _jumps(record, step):
        return Check("SPIKES", said, evidence)
    words = mark(
        "the gradient's norm jumped to {most:.3g} at step {step} (median {median:.3g}), and the loss jumped with it"
    )
    fix = mark("clip the gradients between backward() and step()")
    return Check("SPIKES", said, evidence, Finding("EXPLODING", "consistent with", words, evidence, fix))


def rate(record: Record) -> Check | None:
    """Whether the learning rate is next to nothing for more than half of the run."""
    seen = record.last("lr").get("stretches")
    if not seen or len(seen) < LEAST:
        return None
    rates = [mean for _, mean, _ in seen]
    evidence = {
        "share": sum(one < DEAD * max(rates) for one in rates) / len(rates),
        "high": max(rates),
        "last": rates[-1],
    }
    said = mark("the learning rate was below a twentieth of its highest, {high:.2g}, for {share:.0%} of the run")
    if evidence["share"] <= 0.5 or not max(rates) > 0:
        return Check("RATE", said, evidence)
    words = mark(
        "the learning rate was next to nothing for {share:.0%} of the run: {high:.2g} at most, {last:.2g} at the end"
    )
    fix = mark("step the scheduler as often as its numbers are meant: once an epoch, or with numbers for batches")
    return Check("RATE", said, evidence, Finding("SCHEDULE", "consistent with", words, evidence, fix))


def scale(record: Record) -> Check | None:
    """Whether the scale of mixed precision falls again and again."""
    seen = record.last("scale")
    if not seen:
        return None
    evidence = {"falls": seen["falls"], "steps": seen["steps"]}
    said = mark("the loss scale fell {falls} times in {steps} rows")
    if seen["falls"] <= max(SKIPS, 0.2 * seen["steps"]):
        return Check("SCALE", said, evidence)
    words = mark("the loss scale fell {falls} times in {steps} rows: gradients overflow again and again")
    fix = mark("use bfloat16, or keep the layer that overflows in float32; the loss itself may be infinite")
    return Check("SCALE", said, evidence, Finding("AMP-SKIPS", "consistent with", words, evidence, fix))


SYMPTOMS = (finite, stands_still, diverges, spikes, rate, crawls, scale, learns)


def _losses(record: Record) -> list[float]:
    """The training loss; nothing where several are trained on."""
    rows: list[dict[str, Any]] = [row for row in record.rows if "loss" in row]
    return [row["loss"] for row in rows] if len({row["optimizer"] for row in rows}) == 1 else []


def _validates_better(record: Record) -> bool:
    """Whether validation ends at its best."""
    held_out = [loss for _, loss in record.validations(record.validation_site)]
    return len(held_out) > 2 and held_out[-1] <= min(held_out[: len(held_out) // 2 + 1]) < held_out[0]


def _jumps(record: Record, step: float) -> bool:
    """Whether the loss after a step is clearly above that before it."""
    before = [row["loss"] for row in record.rows if "loss" in row and row["step"] <= step][-LEAST:]
    after = [row["loss"] for row in record.rows if "loss" in row and row["step"] > step][:3]
    if len(before) < 3 or not after:
        return False
    return max(after) > statistics.fmean(before) + SURELY * statistics.stdev(before)
