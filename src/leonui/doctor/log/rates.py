"""What the learning rate of a log looks like, and the loss under it."""

from __future__ import annotations

import numpy as np

from leonui.doctor.log.digest import Curve
from leonui.doctor.log.noise import fall, order
from leonui.doctor.log.past import Past
from leonui.finding import Check, Finding
from leonui.words import mark

# Chosen on logs of the development workloads of bench/faults, then frozen.
LEAST = 20  # points of a curve
DEAD = 1e-3  # of the highest rate
MOST = 0.5  # of the run, at its end
SURELY = 2.0  # standard errors: a loss that still falls by more is trained with a rate that was rounded in the log
LOW, HIGH = 0.05, 0.5  # of the highest rate: where a schedule has ended, and where it has risen to again
SAME = 0.1  # of the highest rate: how far both sides of the lowest may differ
BENT = 0.2  # of the way up after a quarter of the time, at most: a cosine has made 15% of it, a straight line 25%
RANGE = 100.0  # times: a rate that only rises, and by more, is a range test


def rate(past: Past) -> Check | None:
    """Whether the rate is next to nothing for the longer part of the run while nothing is learned any more."""
    seen = past.curve(past.rate)
    if len(seen) < LEAST:
        return None
    high, tail = float(seen.mean.max()), dead(seen.mean)
    evidence = {"share": tail / len(seen), "high": high, "last": float(seen.mean[-1])}
    said = mark("the learning rate was at most {high:.2g}, and {last:.2g} at the end")
    if evidence["share"] <= MOST or not _stands(past.curve(past.loss), seen.at[-tail]):
        return Check("RATE", said, evidence)
    evidence["step"] = int(seen.at[-tail])
    words = mark(
        "the learning rate was next to nothing for the last {share:.0%} of the run, since step {step}, and the loss "
        "stood still: {high:.2g} at most, {last:.2g} at the end"
    )
    fix = mark("step the scheduler as often as its numbers are meant: once an epoch, or with numbers for batches")
    return Check("RATE", said, evidence, Finding("SCHEDULE", "consistent with", words, evidence, fix))


def dead(rates: np.ndarray) -> int:
    """For how many points at the end the rate is next to nothing."""
    alive = np.flatnonzero(rates > DEAD * rates.max())
    return len(rates) - 1 - int(alive[-1]) if len(alive) else len(rates)


def _stands(losses: Curve, since: float) -> bool:
    """Whether the loss does not fall any more."""
    part = losses.mean[losses.at >= since]
    if len(part) < LEAST // 2:
        return False
    fell, spread = fall(part[: len(part) // 3], part[-(len(part) // 3) :])
    return fell <= SURELY * spread


def again(past: Past) -> Check | None:
    """Whether the rate falls along a cosine to next to nothing and rises along the same cosine; a restart jumps."""
    seen = past.curve(past.rate)
    if len(seen) < LEAST:
        return None
    rates = seen.mean / max(float(seen.mean.max()), 1e-300)
    low = _lowest(rates)
    evidence = {"low": float(seen.mean[low]), "last": float(seen.mean[-1]), "step": int(seen.at[low])}
    said = mark("the schedule does not go on beyond its end: its lowest rate was {low:.2g}, at step {step}")
    if not _mirrored(rates, low):
        return Check("AGAIN", said, evidence)
    words = mark(
        "the learning rate fell to {low:.2g} at step {step} and rises again to {last:.2g}, as a cosine does that goes "
        "on beyond its end"
    )
    fix = mark("give the schedule as many steps as it is stepped: T_max of a cosine")
    return Check("AGAIN", said, evidence, Finding("SCHEDULE", "consistent with", words, evidence, fix))


def _lowest(rates: np.ndarray) -> int:
    """Where the rate first stops falling after its highest, next to nothing; the last point where it does not."""
    top = int(np.flatnonzero(rates >= 1 - SAME)[0])
    low = [at for at in range(top + 1, len(rates) - 1) if rates[at] < LOW and rates[at] < rates[at + 1]]
    return low[0] if low else len(rates) - 1


def _mirrored(rates: np.ndarray, low: int) -> bool:
    """Whether what follows the lowest point is what led to it, backwards, and bent as a cosine."""
    peak = low - int(np.argmax(rates[: low + 1][::-1] >= rates[: low + 1].max() - 1e-3))
    width = min(low - peak, len(rates) - 1 - low) + 1
    rise, fallen = rates[low : low + width], rates[low - width + 1 : low + 1][::-1]
    half = int(np.argmax(rise >= HIGH))
    if half < LEAST // 4 or float(np.abs(rise - fallen).max()) > SAME:
        return False
    return float(np.interp(half / 2, range(width), rise)) < BENT


def is_range_test(past: Past) -> bool:
    """Whether the rate only rises, a hundredfold or more: the loss is meant to break at its end."""
    rates = past.curve(past.rate).mean
    return len(rates) >= LEAST and rates[-1] > RANGE * max(float(rates[0]), 1e-300) > 0 and order(rates) > 0.95
