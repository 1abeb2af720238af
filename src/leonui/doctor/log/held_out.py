"""What the validation loss of a log looks like."""

from __future__ import annotations

import math

import numpy as np

from leonui.doctor.log.columns import HELD_OUT, words
from leonui.doctor.log.losses import scored
from leonui.doctor.log.noise import climbs, fall, level, noise, scatter
from leonui.doctor.log.past import Past
from leonui.finding import Check, Finding
from leonui.words import mark

# Chosen on logs of the development workloads of bench/faults, then frozen.
LEAST, AFTER = 5, 3  # validations in all, and after the best one
# of the progress since the untrained loss, which training shows first, if what ends above validation is that loss
RISE = 0.1
SURELY = 4.0  # standard deviations of such means


def overfits(past: Past) -> Check | None:
    """Whether validation ends clearly above its best and went on rising, while the training loss has fallen since."""
    seen = past.curve(past.held_out)
    losses = past.curve(past.loss)
    if len(seen) < LEAST or not len(losses):
        return None
    width = max(1, len(seen) // 10)
    means = level(seen.mean, width)
    best = int(means.argmin())
    evidence = {"best": float(means[best]), "step": int(seen.at[best + width - 1]), "last": float(means[-1])}
    said = mark("validation ends at {last:.4g}; its best was {best:.4g}, at step {step}")
    before, after = _training(losses.at, losses.mean, seen.at[best + width - 1])
    if not _risen(means, best, seen.mean, losses.mean) or not _fell(before, after) or _scores(past):
        return Check("VALIDATION", said, evidence)
    evidence |= {"before": float(before.mean()), "after": float(after.mean())}
    told = mark(
        "overfitting since step {step}: validation rose from {best:.4g} to {last:.4g} while the training "
        "loss fell from {before:.4g} to {after:.4g}"
    )
    fix = mark(
        "stop at step {step} or keep the best weights; more data, augmentation, weight decay or dropout "
        "let it go on longer"
    )
    return Check("VALIDATION", said, evidence, Finding("OVERFITTING", "consistent with", told, evidence, fix))


def mirrors(past: Past) -> Check | None:
    """Whether training falls below 0 as validation rises above it."""
    training, held_out = past.curve(past.loss).mean, past.curve(past.held_out).mean
    if len(held_out) < LEAST or len(training) < LEAST:
        return None
    evidence = {"last": float(training[-1]), "held_out": float(held_out[-1])}
    said = mark("training and validation agree in the sign of the loss: {last:.4g} and {held_out:.4g} at the end")
    opposite = training.max() < 0 < held_out.min() and climbs(held_out) and climbs(-training)
    if not opposite:
        return Check("SIGN", said, evidence) if evidence["last"] * evidence["held_out"] > 0 else None
    told = mark(
        "the training loss falls below 0, to {last:.4g}, as that of validation rises to {held_out:.4g}: as with a "
        "loss that is negated before backward()"
    )
    fix = mark("check the sign of the loss that is trained on")
    return Check("SIGN", said, evidence, Finding("LOSS-SIGN", "consistent with", told, evidence, fix))


def _risen(means: np.ndarray, best: int, raw: np.ndarray, training: np.ndarray) -> bool:
    """Whether it rises, by more than its noise and the choice of the lowest of many explain, and in order."""
    after = means[best:]
    if len(after) <= AFTER:
        return False
    width = len(raw) - len(means) + 1
    rise = float(means[-AFTER:].mean() - means[best])
    first = max(float(raw[0]), float(training[0]) if training[-1] <= raw[-1] else -math.inf)
    spread = max(noise(raw) / math.sqrt(width), scatter(after))
    return rise > max(RISE * (first - float(means[best])), SURELY * spread) and climbs(after)


def _training(at: np.ndarray, losses: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """The training losses that lead to a step, and those at the end."""
    width = max(2, len(losses) // 20)
    upto = max(int(np.searchsorted(at, step, "right")), min(width, len(losses)))
    return losses[max(0, upto - width) : upto], losses[-width:]


def _fell(before: np.ndarray, after: np.ndarray) -> bool:
    fell, spread = fall(before, after)
    return fell > 2 * spread


def _scores(past: Past) -> bool:
    """Whether what is scored on held-out data still got better in the second half of the log: accuracy and the like."""
    names = [name for name in past.of("score") if past.columns[name].stretches]
    if not names or not scored(past):
        return False
    curves = [past.curve(past.columns[name]).mean for name in names if words(name) & HELD_OUT]
    halves = [(curve[len(curve) // 2 :]) for curve in curves if len(curve) >= 6]
    return any(climbs(half) for half in halves)
