"""Where the loss is asked for: a grid around a path, from coarse to fine, so that half of it is a picture already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MARGIN = 0.25  # beyond the path on each side, of its longer extent
LEAST = 0.3  # how far a side of the grid reaches at least, of the other one


def axes(places: Sequence[Sequence[float]], count: int) -> tuple[list[float], list[float]]:
    """The coordinates of a grid of ``count`` x ``count`` places that holds a path [k, 2] with room around it.

    >>> axes([(0, 0), (4, 0), (2, 2)], 3)
    ([-1.0, 2.0, 5.0], [-1.0, 1.0, 3.0])
    """
    low, high = ([end(place[axis] for place in places) for axis in (0, 1)] for end in (min, max))
    longest = max(high[0] - low[0], high[1] - low[1])
    reaches = [max(last - first, LEAST * longest) + 2 * MARGIN * longest for first, last in zip(low, high, strict=True)]
    starts = [(first + last - reach) / 2 for first, last, reach in zip(low, high, reaches, strict=True)]
    x, y = (
        [start + reach * i / max(count - 1, 1) for i in range(count)]
        for start, reach in zip(starts, reaches, strict=True)
    )
    return x, y


def coarse_to_fine(count: int) -> Iterator[tuple[int, int]]:
    """Every row and column of a grid once: first far apart, then what lies between.

    >>> list(coarse_to_fine(3))[:5]
    [(0, 0), (0, 2), (2, 0), (2, 2), (0, 1)]
    """
    apart = 1
    while apart < count - 1:
        apart *= 2
    seen: set[tuple[int, int]] = set()
    while apart:
        for place in ((row, column) for row in range(0, count, apart) for column in range(0, count, apart)):
            if place not in seen:
                seen.add(place)
                yield place
        apart //= 2
