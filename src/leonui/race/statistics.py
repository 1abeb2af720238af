"""What paired results over seeds say: an exact bootstrap, Holm's correction, the way to a target. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

EXACT = 20_000  # resamples: up to so many all are taken, beyond that so many by chance
LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """The mean of paired differences, its 95% interval (None where it cannot be told), and the two-sided p-value."""

    difference: float
    interval: tuple[float, float] | None
    p: float


def paired(differences: Sequence[float]) -> Comparison:
    """Compare by the studentised bootstrap of paired differences (Efron & Tibshirani 1993, section 12.5).

    With up to five pairs every resample is counted, so that the answer has no chance in it. A resample of equal values
    counts as extreme: three pairs can never decide, four hardly. Where a difference is infinite (one side broke) only
    their signs are counted, which takes six pairs.

    >>> paired([1.0, 1.2, 0.9, 1.1, 1.0]).p < 0.05
    True
    >>> paired([1.0, -1.2, 0.9, -1.1, 1.0]).p > 0.05
    True
    """
    if not all(map(math.isfinite, differences)):
        signs = [math.copysign(1, one) for one in differences if one]
        mean = math.copysign(math.inf, sum(signs)) if len(set(signs)) == 1 else math.nan
        return Comparison(mean, None, _by_signs(signs.count(1), signs.count(-1)))
    given = np.array(differences)
    mean, count = float(given.mean()), len(given)
    if count < 2:
        return Comparison(mean, None, 1.0)
    (error,) = _errors(given[None])
    if error == 0:
        return Comparison(mean, (mean, mean), 1.0 if mean == 0 else 0.0)
    samples = given[_choices(count)]
    errors = _errors(samples)
    apart = np.abs(samples.mean(axis=1) - mean)
    spread = np.sort(np.divide(apart, errors, out=np.full_like(apart, np.inf), where=errors > 0))
    reach = float(spread[math.ceil((1 - LEVEL) * len(spread)) - 1] * error)
    interval = (mean - reach, mean + reach) if math.isfinite(reach) else None
    return Comparison(mean, interval, float((spread >= abs(mean) / error).mean()))


def _by_signs(more: int, less: int) -> float:
    """The two-sided p-value of so many differences above 0 and so many below, if either were as likely."""
    pairs = more + less
    return min(1.0, 2 * sum(math.comb(pairs, k) for k in range(min(more, less) + 1)) / 2**pairs)


def _errors(samples: np.ndarray) -> np.ndarray:
    """The standard error of the mean of each sample [samples, values]."""
    return samples.std(axis=1, ddof=1) / math.sqrt(samples.shape[1])


def _choices(count: int) -> np.ndarray:
    """Which of ``count`` values are in each resample: all there are, or some of them by chance."""
    if count**count <= EXACT:
        return np.array([*product(range(count), repeat=count)])
    return np.random.default_rng(0).integers(count, size=(EXACT, count))


def holm(ps: Mapping[Any, float]) -> dict[Any, float]:
    """P-values corrected for their number (Holm 1979): each can be compared with the level as if it were the only one.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    corrected, least = {}, 0.0
    for rank, (name, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        least = max(least, min(1.0, (len(ps) - rank) * p))
        corrected[name] = least
    return corrected


def reached(lengths: Sequence[float], losses: Sequence[float], target: float) -> float:
    """How many steps a whole training must have to end at ``target``, from trainings of several lengths.

    Between two lengths the loss is taken to be linear in the logarithm of the length; a training that is there at its
    shortest needs no more than that; infinite where none reaches it.

    >>> round(reached([100, 200, 400], [3.0, 2.0, 1.0], 1.5))
    283
    """
    known = [(steps, loss) for steps, loss in zip(lengths, losses, strict=True) if math.isfinite(loss)]
    for (before, high), (after, low) in zip([(known[0][0], math.inf), *known] if known else [], known, strict=False):
        if low <= target:
            share = 1.0 if math.isinf(high) else (high - target) / (high - low)
            return before * (after / before) ** share
    return math.inf
