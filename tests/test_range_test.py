"""The rules of other finders, each against another way of writing it down."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leonui.range_test import DIVERGED, RULES, SMOOTHING, end, lesson, minimum, slide, smoothed, steepest, valley

CALM = settings(deadline=None, derandomize=True, max_examples=80)
NAN, INF = math.nan, math.inf

COARSE = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 4.0])  # ties
CURVES = st.lists(COARSE, min_size=1, max_size=40) | st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=40)


def rates(losses: list[float]) -> list[float]:
    return [1e-4 * 1.3**i for i in range(len(losses))]


# other ways of writing them down


def by_numpy(lrs, losses):
    """torch-lr-finder: the least gradient."""
    return lrs[int(np.argmin(np.gradient(np.array(losses, dtype=np.float64))))] if len(losses) > 1 else None


def longest_falling(losses) -> tuple[int, int]:
    """The first end at which a falling subsequence of greatest length ends, and that length: by trying them all."""

    def reach(i: int) -> int:
        if i not in known:
            known[i] = 1 + max((reach(j) for j in range(i) if losses[j] > losses[i]), default=0)
        return known[i]

    known: dict[int, int] = {}
    return min(((i, reach(i)) for i in range(len(losses))), key=lambda pair: (-pair[1], pair[0]))


def two_thirds(lrs, losses):
    """fastai: a third and a half third behind the start; where that is before the curve, its beginning."""
    at, length = longest_falling(losses)
    start = 0 if length == 1 else at - length
    return lrs[max(0, start + int(length / 3) + int(length / 3 / 2))] if length > 1 else lrs[0]


def slid(lrs, losses, width=15, threshold=0.005):
    """From the right, the last rate before one whose gradient is that of ``width`` rates further on, as in fastai."""
    slopes = np.gradient(np.array(losses, dtype=np.float64))
    agree = [left for left in range(len(losses) - width) if not abs(slopes[left + width] - slopes[left]) > threshold]
    return lrs[max(min(max(agree, default=-1) + 1, len(losses) - 1 - width), 0)]


def least(lrs, losses):
    return min(zip(losses, lrs, strict=True))[1] / 10


@CALM
@given(losses=CURVES)
@pytest.mark.parametrize(
    ("rule", "oracle"),
    [(steepest, by_numpy), (valley, two_thirds), (minimum, least)],
    ids=["steepest", "valley", "minimum"],
)
def test_each_rule_is_what_it_says(rule, oracle, losses):
    assert rule(rates(losses), losses) == oracle(rates(losses), losses)


@CALM
@given(losses=st.lists(st.sampled_from([i / 500 for i in range(9)]), min_size=2, max_size=60), width=st.integers(1, 20))
def test_the_slide_is_what_it_says(losses, width):
    assert slide(rates(losses), losses, width, 0.0051) == slid(rates(losses), losses, width, 0.0051)


@pytest.mark.parametrize(
    ("rule", "losses", "expected"),
    [
        (steepest, [2.0, 1.9, 1.0, 0.9], 1),
        (steepest, [3.0, 1.0, 3.0], 0),  # one-sided at the ends
        (steepest, [3.0, 2.9, 1.0], 2),
        (steepest, [1.0, 2.0, 3.0], 0),
        (steepest, [2.0, 2.0, 2.0, 2.0], 0),  # of equal ones the first
        (steepest, [4.0, 3.0, 2.0, 1.0], 0),
        (steepest, [1.0, 5.0, NAN, 0.0], 0),
        (valley, [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 9.0], 2),  # as fastai has it: length 6 ends at 5, -1 + 2 + 1
        (valley, [1.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 9.0], 3),
        (valley, [2.0, 1.0], 0),
        (valley, [1.0, 2.0, 3.0], 0),
        (valley, [2.0, 2.0, 2.0], 0),
        (valley, [9.0, 1.0, 8.0, 1.0, 7.0, 1.0, 6.0], 2),  # falling, though not one after the other: 9 8 7 1
        (valley, [3.0, 2.0, 1.0, 3.0, 2.0, 1.0], 0),  # of equal ones the first
        (valley, [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, INF, 3.0, 2.0, 1.0], 2),
        (minimum, [2.0, 1.0, 3.0], 1),
        (minimum, [1.0, 1.0, 3.0], 0),
        (minimum, [2.0, 1.0, INF, 0.0], 1),
        (minimum, [2.0, -1.0, NAN, -9.0], 1),
    ],
)
def test_a_rule_points_at(rule, losses, expected):
    lrs = rates(losses)
    assert rule(lrs, losses) == pytest.approx(lrs[expected] / (10 if rule is minimum else 1))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([1.0] * 40, 24),  # flat: the first window from the right
        ([1.0] * 30 + [1.0 + 0.1 * i**2 for i in range(1, 11)], 14),
        ([float(i * i) for i in range(40)], 0),  # nowhere equal
        ([1.0] * 16, 0),
        ([1.0] * 15, 0),  # too short for a window
        ([1.0, 2.0], 0),
        ([1.0] * 20 + [NAN] + [5.0] * 20, 4),
    ],
)
def test_the_slide_points_at(losses, expected):
    lrs = rates(losses)
    assert slide(lrs, losses) == lrs[expected]


def test_the_threshold_of_the_slide_is_an_absolute_one():
    losses = [4.0 - 0.0001 * i * i for i in range(40)]
    assert slide(rates(losses), losses) != slide(rates(losses), [100 * loss for loss in losses])


@pytest.mark.parametrize("losses", [[], [NAN], [INF, 1.0, 0.5], [NAN] * 30])
@pytest.mark.parametrize("name", RULES)
def test_no_curve_says_nothing(name, losses):
    assert RULES[name](rates(losses), losses) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("steepest/10", None), ("steepest", None), ("valley", 1.0), ("minimum/10", 0.1), ("slide", None)],
)
def test_one_loss_has_no_slope(name, expected):
    assert RULES[name]([1.0], [2.0]) == (None if expected is None else pytest.approx(expected))


@CALM
@given(losses=CURVES, junk=st.lists(st.sampled_from([NAN, INF, -INF, 0.0, -9.0]), max_size=5))
@pytest.mark.parametrize("name", RULES)
def test_what_comes_after_the_break_is_not_read(name, losses, junk):
    whole = [*losses, NAN, *junk]
    assert RULES[name](rates(whole), whole) == RULES[name](rates(losses), losses)


@CALM
@given(losses=st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=40))
@pytest.mark.parametrize("name", RULES)
def test_a_rule_reads_the_place_and_not_the_rate(name, losses):
    """Rates that fall back, as a script's own schedule may let them, change nothing but the answer's number."""
    back = [1.0 + i % 7 for i in range(len(losses))]
    rising = [float(i) for i in range(1, len(losses) + 1)]
    tenth = 10 if "/10" in name else 1
    place = round(RULES[name](rising, losses) * tenth) - 1
    assert RULES[name](back, losses) == pytest.approx(back[place] / tenth)


@CALM
@given(losses=CURVES)
def test_the_lesson_is_a_tenth_of_the_steepest(losses):
    point = steepest(rates(losses), losses)
    assert lesson(rates(losses), losses) == (None if point is None else pytest.approx(point / 10))


# what they look at


@CALM
@given(losses=st.lists(st.floats(-100, 100), min_size=1, max_size=30), beta=st.floats(0, 0.99))
def test_smoothing_is_a_weighted_mean_of_all_before(losses, beta):
    found = smoothed(losses, beta)
    assert len(found) == len(losses)
    for i, value in enumerate(found):
        shares = np.array([beta ** (i - j) for j in range(i + 1)], dtype=np.float64)
        assert value == pytest.approx(float(shares @ np.array(losses[: i + 1]) / shares.sum()), rel=1e-6, abs=1e-6)


def test_smoothing_by_default():
    assert smoothed([3.0, 3.0, 3.0]) == pytest.approx([3.0] * 3)
    assert smoothed([1.0, 0.0])[1] == pytest.approx(SMOOTHING / (1 + SMOOTHING))
    assert smoothed([]) == []


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], 0),
        ([1.0, 2.0, 3.0, 4.0], 4),  # four times the best is not above it
        ([1.0, 2.0, 4.1, 1.0], 2),
        ([1.0, 0.5, 2.1, 1.0], 2),  # the best so far
        ([9.0], 1),
        ([NAN], 0),
        ([INF, 1.0], 0),
        ([1.0, NAN, 1.0], 1),
        ([1.0, INF], 1),
        ([0.0, 100.0], 2),  # of nothing there is no four times
        ([-1.0, 100.0], 2),
    ],
)
def test_where_a_range_test_ends(losses, expected):
    assert end(losses) == expected


@CALM
@given(losses=st.lists(st.floats(0.1, 10), min_size=1, max_size=30))
def test_a_range_test_ends_at_the_first_loss_far_above_the_best(losses):
    far = [i for i in range(len(losses)) if losses[i] > DIVERGED * min(losses[: i + 1])]
    assert end(losses) == (far[0] if far else len(losses))
