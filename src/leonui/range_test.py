"""The rules by which other finders read a learning rate off the curve of a range test: to compare with, not to trust.

Each is a function of the rates that were tried, rising, and the loss at each; it returns one of the rates, or a tenth
of one, or None where the curve says nothing by that rule. Losses that are not finite end the curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import takewhile

DIVERGED = 4.0  # a range test ends at so many times the best loss
SMOOTHING = 0.98  # of the moving average that fastai and Lightning look at


def steepest(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """Where the loss falls fastest from one rate to the next: torch-lr-finder's rule (0.2.2).

    >>> steepest([0.1, 1.0, 10.0, 100.0], [2.0, 1.9, 1.0, 0.9])
    1.0
    """
    losses = _finite(losses)
    if len(losses) < 2:
        return None
    slopes = _gradient(losses)
    return lrs[slopes.index(min(slopes))]


def valley(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """The middle of the longest run of falling losses: fastai's default rule (2.8.12).

    >>> valley([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 9.0])
    3.0
    """
    losses = _finite(losses)
    if not losses:
        return None
    longest = [1] * len(losses)
    for i, loss in enumerate(losses):
        longest[i] = max((longest[j] + 1 for j in range(i) if losses[j] > loss), default=1)
    length = max(longest)
    end = longest.index(length)
    third = length / 3
    return lrs[max(end - length + int(third) + int(third / 2), 0)]


def minimum(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """A tenth of the rate with the lowest loss.

    >>> minimum([0.1, 1.0, 10.0], [2.0, 1.0, 3.0])
    0.1
    """
    losses = _finite(losses)
    return lrs[losses.index(min(losses))] / 10 if losses else None


def slide(lrs: Sequence[float], losses: Sequence[float], width: int = 15, threshold: float = 0.005) -> float | None:
    """From the right, the first window at whose ends the loss falls equally fast, to within ``threshold``: fastai's.

    The threshold is an absolute one, as there: it means something else for every scale of the loss.
    """
    losses = _finite(losses)
    if len(losses) < 2:
        return None
    slopes = _gradient(losses)
    right, left = -1, -1 - width
    found = max(left, -len(losses))
    while left >= -len(losses) and abs(slopes[right] - slopes[left]) > threshold:
        found, right, left = left, right - 1, left - 1
    return lrs[: len(losses)][found]


def lesson(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """A tenth of the steepest point: the rule that most tutorials teach.

    >>> lesson([0.1, 1.0, 10.0, 100.0], [2.0, 1.9, 1.0, 0.9])
    0.1
    """
    lr = steepest(lrs, losses)
    return None if lr is None else lr / 10


RULES: dict[str, Callable[[Sequence[float], Sequence[float]], float | None]] = {
    "steepest/10": lesson,
    "steepest": steepest,
    "valley": valley,
    "minimum/10": minimum,
    "slide": slide,
}


def smoothed(losses: Sequence[float], beta: float = SMOOTHING) -> list[float]:
    """The moving average of losses, without its bias towards 0."""
    average, found = 0.0, []
    for step, loss in enumerate(losses, 1):
        average = beta * average + (1 - beta) * loss
        found.append(average / (1 - beta**step))
    return found


def end(losses: Sequence[float]) -> int:
    """How many losses a range test sees before it stops: at four times the best, or where one is not finite."""
    best = math.inf
    for count, loss in enumerate(losses):
        best = min(best, loss)
        if not math.isfinite(loss) or (count and best > 0 and loss > DIVERGED * best):
            return count
    return len(losses)


def _finite(losses: Sequence[float]) -> list[float]:
    return list(takewhile(math.isfinite, losses))


def _gradient(values: Sequence[float]) -> list[float]:
    """Central differences, one-sided at the ends."""
    last = len(values) - 1
    spans = [(max(i - 1, 0), min(i + 1, last)) for i in range(last + 1)]
    return [(values[j] - values[i]) / (j - i) for i, j in spans]
