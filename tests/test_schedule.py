"""Multipliers over steps: their closed forms, their joins, their JSON, and what they refuse."""

import json
import math
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.schedule import Phase, Schedule, constant, ramp, warmup_linear

CALM = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

HEIGHTS = st.floats(1e-3, 1e3)
PHASES = st.builds(Phase, st.integers(1, 500), HEIGHTS, HEIGHTS, st.sampled_from(["linear", "cosine", "exponential"]))
SCHEDULES = st.builds(Schedule, st.lists(PHASES, min_size=1, max_size=4).map(tuple))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (constant(), {0: 1.0, 1: 1.0, 10**9: 1.0}),
        (constant(0.25), {0: 0.25, 7: 0.25}),
        (ramp(1e-2, 1e2, 4), {0: 10**-1.5, 1: 10**-0.5, 2: 10**0.5, 3: 10**1.5, 4: 1e2, 99: 1e2}),
        (Schedule((Phase(4, 0.0, 8.0),)), {0: 1.0, 1: 3.0, 2: 5.0, 3: 7.0, 4: 8.0, 50: 8.0}),
        (Schedule((Phase(2, 1.0, 0.0, "cosine"),)), {0: (2 + 2**0.5) / 4, 1: (2 - 2**0.5) / 4, 2: 0.0}),
        (Schedule((Phase(3, 1.0, 0.0, "cosine"),)), {1: 0.5}),
        (Schedule((Phase(2, 1.0, 4.0, "exponential"),)), {0: 2**0.5, 1: 2**1.5, 2: 4.0}),
        (Schedule((Phase(2, -1.0, -4.0, "exponential"),)), {0: -(2**0.5), 1: -(2**1.5), 2: -4.0}),
        (warmup_linear(10, 2), {0: 0.25, 1: 0.75, 2: 15 / 16, 5: 9 / 16, 9: 1 / 16, 10: 0.0, 11: 0.0}),
        (warmup_linear(10, 2, 4.0), {0: 1.0, 1: 3.0, 2: 15 / 4, 9: 1 / 4}),
        (warmup_linear(4, 0), {0: 7 / 8, 1: 5 / 8, 2: 3 / 8, 3: 1 / 8, 4: 0.0}),
    ],
)
def test_closed_forms(schedule, expected):
    assert {step: schedule(step) for step in expected} == pytest.approx(expected, rel=1e-12, abs=1e-15)


@CALM
@given(total=st.integers(2, 2000), share=st.floats(0, 0.99), peak=HEIGHTS)
def test_warmup_linear_has_one_peak_and_is_never_0(total, share, peak):
    warmup = int(share * total)
    climb = warmup_linear(total, warmup, peak)
    values = [climb(step) for step in range(total)]
    assert climb.steps == total
    assert all(0 < value <= peak for value in values)
    assert values[:warmup] == sorted(values[:warmup])
    assert values[warmup:] == sorted(values[warmup:], reverse=True)
    assert sum(values) == pytest.approx(peak * total / 2)


@CALM
@given(schedule=SCHEDULES)
def test_phases_that_meet_join_without_a_jump(schedule):
    met, end = [], schedule.phases[0].start
    for phase in schedule.phases:
        met.append(Phase(phase.steps, end, phase.end, phase.shape))
        end = phase.end
    whole, at = Schedule(tuple(met)), 0
    for left, right in pairwise(met):
        at += left.steps
        reach = abs(left.end - left(left.steps - 1)) + abs(right(0) - right.start)
        assert abs(whole(at) - whole(at - 1)) <= reach * (1 + 1e-9) + 1e-9
        halves = math.pi / 2 * (abs(left.end - left.start) / left.steps + abs(right.end - right.start) / right.steps)
        if "exponential" not in (left.shape, right.shape):
            assert reach <= halves + 1e-9


@CALM
@given(schedule=SCHEDULES)
def test_each_phase_begins_where_it_should_and_the_last_end_holds(schedule):
    at = 0
    for phase in schedule.phases:
        assert schedule(at) == phase(0)
        assert schedule(at + phase.steps - 1) == phase(phase.steps - 1)
        assert min(phase.start, phase.end) <= phase(phase.steps // 2) * (1 + 1e-9)
        assert phase(phase.steps // 2) <= max(phase.start, phase.end) * (1 + 1e-9)
        at += phase.steps
    assert at == schedule.steps
    assert schedule(at) == schedule(at + 12345) == schedule.phases[-1].end


@CALM
@given(schedule=SCHEDULES)
def test_json_round_trip(schedule):
    assert Schedule.from_json(json.loads(json.dumps(schedule.to_json()))) == schedule


@CALM
@given(schedule=SCHEDULES, factor=HEIGHTS, step=st.integers(0, 2100))
def test_scaled_is_the_same_climb_so_many_times_as_high(schedule, factor, step):
    scaled = schedule.scaled(factor)
    assert scaled(step) == pytest.approx(factor * schedule(step), rel=1e-9)
    assert scaled.steps == schedule.steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 1.0, 2.0, "square"), "shape='square' is not known; choose one of linear, cosine, exponential"),
        ((0, 1.0, 2.0), "steps=0 is too few for a phase; it needs at least 1"),
        ((-4, 1.0, 2.0), "steps=-4 is too few for a phase; it needs at least 1"),
        ((3, 0.0, 2.0, "exponential"), "an exponential phase cannot go from 0.0 to 2.0; both must be above 0"),
        ((3, 1.0, -2.0, "exponential"), "an exponential phase cannot go from 1.0 to -2.0; both must be above 0"),
        ((3, 1.0, math.nan, "exponential"), "an exponential phase cannot go from 1.0 to nan; both must be above 0"),
    ],
)
def test_errors_say_what_and_what_instead(arguments, message):
    with pytest.raises(ValueError) as error:
        Phase(*arguments)
    assert str(error.value) == message
