"""What the rungs say of the whole run: the best factor, how sure that is, and what being off would cost.

The best factor falls with the length of a run; the rungs show how, and where they say little the law of the field does.
Where a rung overfits it is how far a training goes that counts, rate times steps: such a best falls as steps rise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from leonui.finder.horizon import FIELD, Law
from leonui.finder.rung import Rung

# Tuned on the development tasks of bench/lr, then frozen.
STEEPEST = 1.5  # slope
TRAINING_SD = 0.3  # of one rung's best, in the logarithm, beyond what its batches show: another seed, another order
RUN_SD = 0.4  # and of the whole run's
DRAWS = 400
SURE = 0.8
LIKELY = (0.1, 0.9)  # of the draws, between which the answer lies: where nothing was tried, nothing seems lost
OFF = (2.0, 3.0, 10.0)


@dataclass(frozen=True)
class Estimate:
    """The ``scale`` for the whole run, its 80% ``interval``, and the share of the progress that is ``lost`` elsewhere.

    ``lost`` has a row for each of OFF: the factor, and the predicted share of the loss reduction that is lost when the
    rate is too low by it, and too high.
    """

    scale: float
    interval: tuple[float, float]
    slope: float
    lost: tuple[tuple[float, float, float], ...]


def estimate(rungs: Sequence[Rung], steps: int, start: float, untaught: float = math.nan, law: Law = FIELD) -> Estimate:
    """The best factor for a run of ``steps``, from rungs of which none broke altogether.

    start: the loss of the first weights; untaught: their validation loss, where rungs have one.
    """
    draw = np.random.default_rng(0)
    best = np.array([_vertices(rung, start, draw) for rung in rungs])
    lengths, end = np.log([rung.steps for rung in rungs]), math.log(max(steps, rungs[-1].steps))
    whole, slope = _extrapolated(best, lengths, end, draw, law)
    if over := [rung for rung in rungs if rung.overfits(untaught)][-1:]:
        rungs, start = [_by_heldout(rung) for rung in over], untaught
        best = np.array([_vertices(rung, start, draw) for rung in rungs])
        whole = np.minimum(whole, best[0] + math.log(over[0].steps) - end)
    offsets, lost = regret(rungs, best.mean(1), start)
    where = _least(whole, offsets, lost)
    spread = whole + draw.normal(0.0, RUN_SD, len(whole))
    low, high = np.quantile(spread - whole.mean() + where, [(1 - SURE) / 2, (1 + SURE) / 2])
    off = [tuple(float(np.interp(sign * math.log(by), offsets, lost)) for sign in (-1, 1)) for by in OFF]
    rows = tuple((by, *sides) for by, sides in zip(OFF, off, strict=True))
    return Estimate(math.exp(where), (math.exp(low), math.exp(high)), slope, rows)  # type: ignore[arg-type]


def _by_heldout(rung: Rung) -> Rung:
    """The rung as validation judges it."""
    return replace(rung, losses=tuple((loss,) if math.isfinite(loss) else () for loss in rung.heldout), noise=0.0)


def _vertices(rung: Rung, start: float, draw: np.random.Generator) -> np.ndarray:
    """Where the loss of a rung is lowest, in the logarithm, for each of many draws of its batches."""
    scales, losses = np.log(rung.scale), _redrawn(rung, start, draw)
    order = np.argsort(scales)
    noise = draw.normal(0.0, TRAINING_SD, DRAWS)
    return np.array([_vertex(scales[order], row[order]) for row in losses]) + noise


def _redrawn(rung: Rung, start: float, draw: np.random.Generator) -> np.ndarray:
    """Mean losses, a row a draw: batches drawn anew, the same for all candidates where they are paired."""
    count = max(map(len, rung.losses))
    chosen = draw.integers(0, count, (DRAWS, count))
    means = np.full((DRAWS, len(rung.scale)), max(start, max(loss for loss in rung.loss if math.isfinite(loss))))
    for column, losses in enumerate(rung.losses):
        if losses:
            chosen = chosen if rung.paired else draw.integers(0, count, (DRAWS, count))
            means[:, column] = np.asarray(losses)[chosen % len(losses)].mean(1)
    means += draw.normal(0.0, rung.noise, means.shape)
    return np.minimum(means, max(start, means.min()))


def _vertex(x: np.ndarray, y: np.ndarray) -> float:
    """The vertex of the parabola through the lowest point and its neighbours; at an edge the lowest point."""
    at = int(y.argmin())
    if not 0 < at < len(y) - 1:
        return float(x[at])
    (xa, xb, xc), (ya, yb, yc) = x[at - 1 : at + 2], y[at - 1 : at + 2]
    left, right = (yb - ya) / (xb - xa), (yc - yb) / (xc - xb)
    if right - left <= 0:
        return float(xb)
    return float(np.clip((xa + xb) / 2 - left * (xc - xa) / 2 / (right - left), xa, xc))


def _extrapolated(
    best: np.ndarray, lengths: np.ndarray, whole: float, draw: np.random.Generator, law: Law
) -> tuple[np.ndarray, float]:
    """Each draw's best for the whole run, by weighted least squares with the law as one more observation; the slope."""
    weights = 1 / (best.var(1) + 1e-4)
    x = lengths - whole
    slopes = draw.normal(law.slope, law.sd, best.shape[1])
    prior = 1 / law.sd**2
    a, b, c = weights.sum(), -(weights * x).sum(), (weights * x * x).sum() + prior
    u, v = (weights[:, None] * best).sum(0), -((weights * x)[:, None] * best).sum(0) + prior * slopes
    determinant = a * c - b * b
    slope = np.clip((a * v - b * u) / determinant, 0.0, STEEPEST)
    return (u - b * slope) / a, float(slope.mean())


def regret(rungs: Sequence[Rung], best: np.ndarray, start: float) -> tuple[np.ndarray, np.ndarray]:
    """The share of progress that is lost against how far a factor is from the best one, of all rungs together.

    Falls up to 0 and rises after it: what noise says against that is averaged away.
    """
    points: list[tuple[float, float]] = [(0.0, 0.0)]
    for rung, at in zip(rungs, best, strict=True):
        lowest = min(rung.loss)
        reach = max(start - lowest, 1e-12)
        lost = [min((loss - lowest) / reach, 1.0) for loss in rung.loss]
        points += [(math.log(scale) - at, share) for scale, share in zip(rung.scale, lost, strict=True)]
    points.sort()
    x, y = np.array(points).T
    middle = int(np.flatnonzero(x == 0.0)[0])
    y[middle:] = _rising(y[middle:])
    y[: middle + 1] = _rising(y[: middle + 1][::-1])[::-1]
    return x, y


def _rising(y: np.ndarray) -> np.ndarray:
    """The closest values that never fall, the first of them 0: pool adjacent violators."""
    blocks: list[list[float]] = []
    for value in [0.0, *y[1:]]:
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (v, n), (w, m) = blocks[-2:]
            blocks[-2:] = [[(v * n + w * m) / (n + m), n + m]]
    return np.concatenate([np.full(int(n), v) for v, n in blocks])


def _least(whole: np.ndarray, offsets: np.ndarray, lost: np.ndarray) -> float:
    """The factor, in the logarithm, that loses least on average over where the best may be, and most likely is."""
    low, high = np.quantile(whole, LIKELY)
    tried = np.linspace(low, high, 41)
    means = [np.interp(at - whole, offsets, lost).mean() for at in tried]
    return float(tried[int(np.argmin(means))])
