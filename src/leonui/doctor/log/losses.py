"""What the training loss of a log looks like."""

from __future__ import annotations

import math

import numpy as np

from leonui.doctor.log.digest import Curve
from leonui.doctor.log.noise import error, fall, level
from leonui.doctor.log.past import Past
from leonui.finding import Check, Finding
from leonui.words import mark

# Chosen on logs of the development workloads of bench/faults, then frozen.
LEAST = 20  # points of a curve
SURELY = 4.0  # standard errors
WANDER = 3.0  # standard deviations of single losses: means wander as well where neighbours have to do with each other
BACK = 0.5  # of the progress that a run has lost again where validation has as well
ALONE = 0.8  # where there is no validation
LITTLE = 0.1  # of the loss: a rise by less is none, a run that fell by less has learned little
STRAIGHT = 0.7  # of the fall from the first third to the second, from the second to the third
FLAT = 0.02  # of the loss: a run that changed by less stayed where it was
CHANCE = 0.005  # of the loss: as near to a guess's loss
CLASSES = (*range(2, 11), 20, 50, 100, 200, 1000)
TWICE, FAR = 2.0, 5.0  # times the first loss: a run that got so far had blown up
DIGITS = 4  # a number with fewer may be the same because it was rounded
AFEW = 3  # validations in half a run
LOWER = mark("lower the learning rate, clip gradients, or look at the data from there on; leonui lr finds the rate")


def finite(past: Past) -> Check | None:
    """Whether every training loss was a number, as far as NaN does not stand for an empty cell."""
    columns = [past.columns[name] for name in past.losses]
    bad = [one for one in columns if one.infinite or (one.bad and one.tail > 2 * one.gap)]
    evidence = {"points": sum(one.count for one in columns)}
    said = mark("every loss in the log was finite, in {points} points")
    if not bad:
        return Check("FINITE", said, evidence)
    worst = min(bad, key=lambda one: one.first_bad or 0.0)
    evidence = {"step": int(worst.first_bad or 0), "count": worst.bad, "rows": worst.count}
    words = mark("the loss was not finite first at step {step}, and in {count} of {rows} rows")
    fix = mark("a lower learning rate or clipped gradients may suffice; if step {step} is the first, look at the data")
    return Check("FINITE", said, evidence, Finding("NON-FINITE", "consistent with", words, evidence, fix))


def moves(past: Past) -> Check | None:
    """Whether the loss is more than one and the same number."""
    loss, held_out = past.loss, past.held_out
    if loss is None or loss.bad or loss.count < LEAST:
        return None
    evidence = {"points": loss.count, "first": loss.first, "last": loss.last}
    if not loss.same:
        said = mark("the training loss moved: {first:.4g} in the first of {points} points, {last:.4g} in the last")
        return Check("MOVED", said, evidence)
    digits = len(f"{loss.first!r}".replace(".", "").strip("-0").partition("e")[0])
    if not loss.first or digits < DIGITS or (held_out and not held_out.same):
        return None
    words = mark("the training loss is {first:.6g} at all {points} points, to the last digit: no weight moves")
    fix = mark("check that the optimizer holds the parameters of the model that is trained, and that its rate is not 0")
    return Check("MOVED", words, evidence, Finding("NOT-MOVING", "consistent with", words, evidence, fix))


def diverges(past: Past) -> Check | None:
    """Whether the training loss ends far above its best or went far above its start, and validation as well."""
    losses = past.curve(past.loss).mean
    if len(losses) < LEAST:
        return None
    width = max(3, len(losses) // 10)
    means = level(losses, width)
    first, best, last = max(float(losses[:3].mean()), means[0]), float(means.min()), float(means[-1])
    if blown := _blown(past, losses):
        return blown
    evidence = {"first": first, "last": last, "best": best}
    said = mark("the training loss ends at {last:.4g}, its lowest stretch had {best:.4g}")
    if not _lost(past, losses, means, first) or _tested(past, first):
        return Check("DIVERGED", said, evidence)
    evidence["step"] = int(past.curve(past.loss).at[int(means.argmin()) + width - 1])
    words = mark(
        "the training loss rises after step {step}: {best:.4g} at its best, {last:.4g} at the end, as with a rate "
        "that is too high"
    )
    return Check("DIVERGED", said, evidence, Finding("LR-HIGH", "consistent with", words, evidence, LOWER))


def _blown(past: Past, losses: np.ndarray) -> Check | None:
    """The finding that the loss went far above its start for a while, and that little was learned in the end."""
    means = level(losses, max(3, len(losses) // 20))
    first, last = float(losses[0]), float(losses[-(len(losses) // 3) :].mean())
    evidence = {"first": first, "most": float(means.max()), "last": last}
    evidence["step"] = int(past.curve(past.loss).at[int(means.argmax())])
    far = evidence["most"] - last > SURELY * float(losses[-(len(losses) // 3) :].std())
    little = last > first / 2 if evidence["most"] > FAR * first else last > (1 - LITTLE) * first
    if first <= 0 or not far or evidence["most"] < TWICE * first or not little:
        return None
    words = mark(
        "the training loss went up from {first:.4g} to {most:.4g} at step {step} and came down to {last:.4g} only, as "
        "with a rate that is too high"
    )
    return Check("DIVERGED", words, evidence, Finding("LR-HIGH", "consistent with", words, evidence, LOWER))


def _lost(past: Past, losses: np.ndarray, means: np.ndarray, first: float) -> bool:
    """Whether so much of the progress is lost at the end that it is no wave, and no new task that is learned."""
    width, best = len(losses) - len(means) + 1, float(means.min())
    rise, share = float(means[-1]) - best, BACK if _validation(past) is not None else ALONE
    at = int(means.argmin())
    surely = WANDER * max(float(part.std()) for part in (losses[-2 * width :], losses[max(0, at - width) : at + width]))
    if rise <= max(surely, share * (first - best), LITTLE * abs(best)):
        return False
    again, spread = fall(losses[-2 * width : -width], losses[-width:])
    return means[-1] > first or again <= max(2 * spread, 0.03 * rise)


def _validation(past: Past) -> float | None:
    """The share of its progress that validation has lost at the end; None where the log cannot tell."""
    held_out = past.curve(past.held_out).mean
    if len(held_out) < AFEW:
        return None
    low, last = float(held_out.min()), float(held_out[-2:].mean())
    return (last - low) / max(float(held_out[0]) - low, 1e-12)


def _tested(past: Past, first: float) -> bool:
    """Whether validation, or the parts of the loss, say that nothing is lost."""
    lost = _validation(past)
    parts = [past.curve(past.columns[name]).mean for name in past.losses if name != past.chief]
    falls = [len(part) >= LEAST and part[-len(part) // 5 :].mean() < part[: len(part) // 5].mean() for part in parts]
    good = lost is not None and lost < BACK / 2 and past.curve(past.held_out).mean[-1] < first
    return good or any(falls)


def learns(past: Past) -> Check | None:
    """Whether the training loss left that of a guess among classes; None where it is flat elsewhere."""
    losses = past.curve(past.loss).mean
    if len(losses) < LEAST:
        return None
    begin, end = losses[: max(3, len(losses) // 20)], losses[-(len(losses) // 3) :]
    fell, spread = fall(begin, end)
    evidence = {"first": float(begin.mean()), "last": float(end.mean())}
    if fell > SURELY * spread and fell > FLAT * abs(evidence["last"]):
        return Check("LEARNED", mark("the training loss fell from {first:.4g} to {last:.4g}"), evidence)
    classes = guessed(end)
    if classes is None or evidence["first"] < (1 - FLAT) * evidence["last"] or scored(past):
        return None
    evidence |= {"classes": classes, "guess": math.log(classes)}
    words = mark(
        "the training loss stayed at {last:.4g}, that of a guess among {classes} classes ({guess:.4g}): nothing was "
        "learned"
    )
    fix = mark("the rate, the data or the loss is wrong: leonui doctor SCRIPT tells which")
    return Check("LEARNED", words, evidence, Finding("NOT-LEARNING", "consistent with", words, evidence, fix))


def guessed(losses: np.ndarray) -> int | None:
    """Among how many classes a guess has just this loss, and losses hardly differ; None for other losses."""
    mean = float(losses.mean())
    if SURELY * error(losses) > FLAT * abs(mean):
        return None
    return next((count for count in CLASSES if abs(mean - math.log(count)) < CHANCE * mean), None)


def scored(past: Past) -> bool:
    """Whether some score, an accuracy or the like, got surely better, held out or not."""
    curves = [past.curve(past.columns[name]).mean for name in past.of("score")]
    thirds = [(curve[: len(curve) // 3], curve[-(len(curve) // 3) :]) for curve in curves if len(curve) >= 6]
    falls = [fall(begin, end) for begin, end in thirds]
    return any(-fell > 2 * spread for fell, spread in falls)


def crawls(past: Past) -> Check | None:
    """Whether the loss has fallen by little from the start of the run, and as fast at the end as before."""
    curve = past.curve(past.loss)
    if len(curve) < 2 * LEAST or not past.from_start:
        return None
    thirds = _thirds(past, curve)
    if min(map(len, thirds)) < LEAST // 4:
        return None
    first, last = float(thirds[0].mean()), float(thirds[2].mean())
    evidence = {"first": first, "last": last, "share": (first - last) / abs(first) if first else 0.0}
    said = mark("the training loss went from {first:.4g} in the first third to {last:.4g} in the last")
    whole, late = fall(thirds[0], thirds[2]), fall(thirds[1], thirds[2])
    surely = whole[0] > SURELY * whole[1] and late[0] > 2 * late[1] and _straight(thirds)
    if not (evidence["share"] < LITTLE and (surely or (whole[0] > 0 and _validation_crawls(past)))):
        return Check("FELL", said, evidence)
    words = mark(
        "the training loss fell by {share:.1%} only, and as fast at the end as before: as with a rate that is too low, "
        "or a run that is too short"
    )
    fix = mark("raise the learning rate, or train longer; leonui lr finds the rate")
    return Check("FELL", said, evidence, Finding("LR-LOW", "consistent with", words, evidence, fix))


def _straight(thirds: list[np.ndarray]) -> bool:
    """Whether the loss falls by little, and from the second third to the last as from the first to the second."""
    first, middle, last = (float(third.mean()) for third in thirds)
    return 0 < first - last < LITTLE * abs(first) and middle - last > STRAIGHT * (first - middle)


def _validation_crawls(past: Past) -> bool:
    """Whether validation, which has less noise, falls from each time to the next, by little, and straight on."""
    seen = past.curve(past.held_out)
    if len(seen) < 2 * AFEW or (np.diff(seen.mean) >= 0).any():
        return False
    thirds = _thirds(past, seen)
    return min(map(len, thirds)) >= 2 and _straight(thirds)


def _thirds(past: Past, curve: Curve) -> list[np.ndarray]:
    """The losses of each third of the way: of the sum of the rates where the log has them, else of the steps."""
    rates = past.curve(past.rate)
    if len(rates) < LEAST or not rates.mean.max() > 0:
        return np.array_split(curve.mean, 3)
    way = np.cumsum(np.interp(curve.at, rates.at, rates.mean))
    return np.split(curve.mean, np.searchsorted(way, [way[-1] / 3, 2 * way[-1] / 3]))
