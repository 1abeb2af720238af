"""Whether what was found can be trusted, and why not."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from leonui.finder.horizon import MANY_EPOCHS
from leonui.finder.rung import Rung

STATUSES = ("ok", "flat", "edge", "needs_warmup", "not_learning", "overfit_horizon")
REFUSED = ("flat", "edge", "not_learning")  # there is no rate to give
SURELY = 2.0  # standard errors
COUNTS = 0.1  # the share of the progress that a warm-up must gain to be told
CLIFF = 3.5  # a candidate that breaks within this factor above the best one


def status(start: Sequence[float], rungs: Sequence[Rung], epochs: float = math.nan) -> str:
    """One of STATUSES, by the losses before training, the rungs, and how often each sample is trained on."""
    if not start or not all(map(math.isfinite, start)) or not rungs or rungs[0].broke:
        return "not_learning"
    last = [rung for rung in rungs if not rung.broke][-1]
    if flat(rungs[0]) and flat(last):
        return "flat" if learned(start, last) else "not_learning"
    if not any(learned(start, rung) for rung in (rungs[0], last)):
        return "not_learning"
    telling = rungs[0] if learned(start, rungs[0]) else last
    if telling.edge and telling.edge == last.edge:  # a later rung that turns back has seen both sides
        return "edge"
    return "overfit_horizon" if epochs > MANY_EPOCHS else "ok"


def learned(start: Sequence[float], rung: Rung, surely: float = SURELY) -> bool:
    """Whether the best candidate learned, by so many standard errors.

    Its losses are below those of no training or the lowest rate, batch by batch, or below those of the first weights.
    """
    best, lowest = (rung.losses[rung.scale.index(scale)] for scale in (rung.best, min(rung.scale)))
    least = rung.untrained or lowest
    apart = [b - a for a, b in zip(best, least, strict=False)] if rung.paired and len(best) == len(least) else []
    harmed = bool(least) and statistics.fmean(least) - statistics.fmean(start) > SURELY * math.hypot(
        _se(start), _se(least)
    )
    if apart and not harmed and statistics.fmean(apart) > surely * _se(apart):
        return True
    return statistics.fmean(start) - statistics.fmean(best) > surely * math.hypot(_se(start), _se(best))


def flat(rung: Rung) -> bool:
    """Whether no candidate differs surely from another, and none broke."""
    if not all(rung.losses):
        return False
    low, high = (rung.losses[rung.loss.index(end(rung.loss))] for end in (min, max))
    paired = rung.paired and len(low) == len(high)
    apart = [b - a for a, b in zip(low, high, strict=False)] if paired else []
    se = _se(apart) if apart else math.hypot(_se(low), _se(high))
    return statistics.fmean(high) - statistics.fmean(low) <= SURELY * se


def cliff(rung: Rung, start: float) -> bool:
    """Whether training breaks just above the best candidate: then it is stability that limits the rate."""
    above = [loss for s, loss in zip(rung.scale, rung.loss, strict=True) if rung.best < s <= CLIFF * rung.best]
    return any(loss > start for loss in above)


def surely_lower(ours: Rung, theirs: Rung, start: float) -> bool:
    """Whether the best of one rung is below that of another: surely, and by a share of the progress that counts."""
    if ours.broke or theirs.broke:
        return theirs.broke and not ours.broke
    gain, se = min(theirs.loss) - min(ours.loss), math.hypot(min(ours.se), min(theirs.se))
    return gain > max(SURELY * se, COUNTS * (start - min(theirs.loss)))


def _se(values: Sequence[float]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
