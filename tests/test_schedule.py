"""Multipliers over steps: their closed forms, their joins, their JSON and text, and what they refuse."""

import json
import math
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import leonui.schedule
from leonui.schedule import (
    SHAPES,
    SHELF,
    Phase,
    Schedule,
    constant,
    cooldown,
    cosine,
    exponential,
    inverse_sqrt,
    linear,
    noam,
    one_cycle,
    parse,
    polynomial,
    ramp,
    restarts,
    step,
    warmup,
    warmup_linear,
    wsd,
)

CALM = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

ENDLESS = ("inverse_sqrt", "decay", "stairs")
STEPS = st.integers(1, 500)
HEIGHTS = st.floats(1e-3, 1e3)
NONE = st.none()


def phases(steps: st.SearchStrategy, offset: st.SearchStrategy = NONE, length: st.SearchStrategy = NONE):
    """Phases of every shape that such steps allow."""
    flat, bent = st.builds(Phase, steps, HEIGHTS, HEIGHTS, st.sampled_from(["linear", "cosine", "sqrt"])), []
    for shapes, bend in ((["exponential", "linear", "cosine", "sqrt", "inverse_sqrt"], NONE), (["power"], HEIGHTS)):
        bent.append(st.builds(Phase, steps, HEIGHTS, HEIGHTS, st.sampled_from(shapes), bend, offset, length))
    shares = st.floats(0.01, 0.99)
    decays = st.builds(Phase, steps, HEIGHTS, HEIGHTS, st.sampled_from(["decay", "stairs"]), shares, offset, length)
    return st.one_of(flat, *bent, decays)


PLAIN = phases(STEPS)
TOLD = phases(STEPS, st.none() | st.floats(0, 3), st.none() | st.floats(0.5, 900))
OPEN = st.builds(Phase, NONE, HEIGHTS, HEIGHTS, st.sampled_from(ENDLESS[1:]), st.floats(0.01, 0.99), NONE, HEIGHTS)
ROOTS = st.builds(Phase, NONE, HEIGHTS, HEIGHTS, st.just("inverse_sqrt"), NONE, st.none() | st.floats(0, 3), HEIGHTS)
BOUNDED = st.builds(Schedule, st.lists(PLAIN | TOLD, min_size=1, max_size=4).map(tuple))
SCHEDULES = BOUNDED | st.builds(lambda first, last: first.then(Schedule((last,))), BOUNDED, OPEN | ROOTS)
NAMED = {
    "constant": constant(),
    "warmup": warmup(10),
    "linear": linear(20),
    "cosine": cosine(20, 0.1),
    "restarts": restarts(5, 3, 2),
    "polynomial": polynomial(20, 2, 0.01),
    "exponential": exponential(0.9),
    "step": step(7, 0.5),
    "inverse_sqrt": inverse_sqrt(100),
    "noam": noam(512, 40),
    "one_cycle": one_cycle(33),
    "cooldown": cooldown(20, "sqrt"),
    "wsd": wsd(5, 20, 10, "power"),
    "ramp": ramp(1e-5, 1, 100),
    "warmup_linear": warmup_linear(100, 10),
    "phase": Schedule((Phase(20, 0.0, 3.0, "power", 2.0, 1, 30),)),
}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (constant(), {0: 1, 1: 1, 10**9: 1}),
        (constant(0.25), {0: 0.25, 7: 0.25}),
        (warmup(4), {0: 1 / 4, 1: 2 / 4, 2: 3 / 4, 3: 1, 4: 1, 99: 1}),
        (warmup(4, 8.0, start=4.0), {0: 5, 3: 8, 4: 8}),
        (linear(4), {0: 1, 1: 3 / 4, 2: 2 / 4, 3: 1 / 4, 4: 0, 99: 0}),
        (linear(4, 0.2), {0: 1, 2: 0.6, 3: 0.4, 4: 0.2, 5: 0.2}),
        (linear(4, end=1.0, start=0.0), {0: 1 / 4, 3: 1}),
        (cosine(2), {0: 1, 1: 0.5, 2: 0, 3: 0}),
        (cosine(3, 0.1), {0: 1, 1: 0.1 + 0.9 * 0.75, 2: 0.1 + 0.9 * 0.25, 3: 0.1, 10**6: 0.1}),
        (cosine(4, end=0.0, start=2.0), {0: 2, 2: 1, 4: 0}),
        (restarts(2, 3), {0: 1, 1: 0.5, 2: 1, 3: 0.5, 4: 1, 5: 0.5, 6: 0}),
        (restarts(2, 2, growth=2), {0: 1, 1: 0.5, 2: 1, 4: 0.5, 5: (1 - 0.5**0.5) / 2, 6: 0}),
        (polynomial(4), {0: 1, 1: 3 / 4, 4: 0}),
        (polynomial(4, 2.0, end=0.2), {0: 1, 2: 0.2 + 0.8 / 4, 4: 0.2, 9: 0.2}),
        (exponential(0.5), {0: 1, 1: 0.5, 10: 2**-10, 5000: 0}),
        (exponential(0.5, steps=3), {0: 1, 2: 0.25, 3: 0.125, 4: 0.125, 99: 0.125}),
        (step(3), {0: 1, 2: 1, 3: 0.1, 5: 0.1, 6: 0.01, 300: 1e-100}),
        (step(3, 0.5, steps=6, start=4.0), {0: 4, 3: 2, 5: 2, 6: 1, 99: 1}),
        (inverse_sqrt(4), {0: 1, 12: 1 / 2, 4 * 99: 1 / 10}),
        (inverse_sqrt(4, steps=12) >> constant(), {0: 1, 11: (4 / 15) ** 0.5, 12: 1}),
        (inverse_sqrt(4, steps=12), {11: (4 / 15) ** 0.5, 12: 1 / 2, 13: 1 / 2}),
        (warmup(4) >> inverse_sqrt(4), {0: 1 / 4, 3: 1, 4: 1, 16: 1 / 2, 400: 1 / 10}),
        (one_cycle(11, rise=0.6, div=10, final_div=10, shape="linear"), {0: 0.1, 10: 0.01, 11: 0.01, 12: 0.01}),
        (one_cycle(10), {0: 1 / 25, 1: (1 + 1 / 25) / 2, 2: 1, 9: 1 / 25e4, 10: 1 / 25e4, 99: 1 / 25e4}),
        (wsd(2, 3, 4), {0: 0.5, 1: 1, 4: 1, 5: 1, 6: 0.75, 8: 0.25, 9: 0}),
        (wsd(0, 3, 4, "sqrt"), {0: 1, 3: 1, 4: 0.5, 5: 1 - 0.5**0.5, 6: 1 - 0.75**0.5, 7: 0}),
        (wsd(0, 0, 4, "power"), {0: 1, 1: 0.75**1.2, 3: 0.25**1.2, 4: 0}),
        (wsd(0, 0, 4, "power", 2, end=0.5), {1: 0.5 + 0.5 * 0.75**2, 4: 0.5}),
        (wsd(2, 3, 0), {1: 1, 4: 1, 5: 1, 99: 1}),
        (cooldown(4, "cosine"), {0: 1, 2: 0.5, 4: 0}),
        (ramp(1e-2, 1e2, 4), {0: 0.1, 1: 1, 2: 10, 3: 100, 4: 100, 99: 100}),
        (ramp(1e2, 1e-2, 4), {0: 100, 1: 10, 3: 0.1, 4: 0.01}),
        (Schedule((Phase(2, 1.0, 4.0, "exponential"),)), {0: 2, 1: 4, 2: 4}),
        (Schedule((Phase(2, -1.0, -4.0, "exponential"),)), {0: -2, 1: -4, 2: -4}),
        (Schedule((Phase(4, 0.0, 8.0, offset=0),)), {0: 0, 1: 2, 4: 8}),
        (Schedule((Phase(4, 0.0, 8.0, length=2),)), {0: 4, 1: 8, 2: 8}),
        (warmup_linear(10, 2), {0: 0.5, 1: 1, 2: 1, 3: 7 / 8, 9: 1 / 8, 10: 0, 11: 0}),
        (warmup_linear(10, 2, 4.0), {0: 2, 1: 4, 9: 1 / 2}),
        (warmup_linear(4, 0), {0: 1, 1: 3 / 4, 3: 1 / 4, 4: 0}),
        (constant(1, 3) >> constant(0.1, 2) >> constant(0.01), {2: 1, 3: 0.1, 4: 0.1, 5: 0.01, 99: 0.01}),
    ],
)
def test_closed_forms(schedule, expected):
    assert {step: schedule(step) for step in expected} == pytest.approx(expected, rel=1e-12, abs=1e-15)


@CALM
@given(width=st.integers(1, 2048), up=st.integers(1, 20000), at=st.integers(0, 100_000))
def test_noam_is_that_of_the_paper(width, up, at):
    t = at + 1
    assert noam(width, up)(at) == pytest.approx(width**-0.5 * min(t**-0.5, t * up**-1.5), rel=1e-12)


@CALM
@given(total=st.integers(2, 2000), share=st.floats(0, 0.99), peak=HEIGHTS)
def test_warmup_linear_has_one_top_and_is_never_0(total, share, peak):
    up = int(share * total)
    climb = warmup_linear(total, up, peak)
    values = [climb(step) for step in range(total)]
    assert climb.steps == total
    assert all(0 < value <= peak for value in values)
    assert values[max(0, up - 1)] == values[up] == peak
    assert values[:up] == sorted(values[:up])
    assert values[up:] == sorted(values[up:], reverse=True)
    assert sum(values) == pytest.approx(peak * (total + (2 if up else 1)) / 2)


@pytest.mark.parametrize("shape", SHAPES)
@CALM
@given(steps=STEPS, heights=st.tuples(HEIGHTS, HEIGHTS), bend=st.floats(0.01, 0.99))
def test_a_phase_goes_one_way_and_keeps_between_its_ends(shape, steps, heights, bend):
    phase = Phase(steps, *heights, shape, bend if shape in ("power", "decay", "stairs") else None)
    values = [phase(step) for step in range(steps)]
    low, high = min(heights), max(heights)
    assert all(low * (1 - 1e-9) <= value <= high * (1 + 1e-9) for value in [*values, phase.last])
    rises = phase.end > phase.start
    beyond = [(one - two) * (1 if rises else -1) for one, two in pairwise([*values, phase.last])]
    assert max(beyond) <= 1e-9 * high
    if shape not in ENDLESS:
        assert (values[-1] if rises else values[0]) == pytest.approx(max(heights), rel=1e-12)
        assert phase.last == phase.end


@CALM
@given(phase=PLAIN)
def test_a_phase_that_rises_is_that_which_falls_run_backwards_and_a_step_on(phase):
    assume(phase.shape in ("linear", "cosine", "exponential") and phase.start != phase.end)
    back = Phase(phase.steps, phase.end, phase.start, phase.shape)
    there, here = ([one(step) for step in range(phase.steps)] for one in (phase, back))
    assert there == pytest.approx(here[::-1], rel=1e-9)


@CALM
@given(schedule=st.builds(Schedule, st.lists(PLAIN, min_size=1, max_size=4).map(tuple)))
def test_phases_that_meet_join_without_a_jump(schedule):
    met, end = [], schedule.phases[0].start
    for phase in schedule.phases:
        if phase.shape in ("linear", "cosine", "exponential"):
            met.append(Phase(phase.steps, end, phase.end, phase.shape))
            end = phase.end
    assume(met)
    whole, at = Schedule(tuple(met)), 0
    for left, right in pairwise(met):
        at += left.steps
        reach = abs(left.end - left(left.steps - 1)) + abs(right(0) - right.start)
        assert abs(whole(at) - whole(at - 1)) <= reach * (1 + 1e-9) + 1e-9
        if left.end > left.start and right.end < right.start:
            assert whole(at) == pytest.approx(whole(at - 1), rel=1e-12)
        if "exponential" not in (left.shape, right.shape):
            slopes = abs(left.end - left.start) / left.steps + abs(right.end - right.start) / right.steps
            assert reach <= math.pi / 2 * slopes + 1e-9


@CALM
@given(schedule=BOUNDED)
def test_each_phase_begins_where_it_should_and_what_the_last_reached_holds(schedule):
    at = 0
    for phase in schedule.phases:
        assert schedule(at) == phase(0)
        assert schedule(at + phase.steps - 1) == phase(phase.steps - 1)
        at += phase.steps
    assert at == schedule.steps
    assert not schedule.endless
    assert schedule(at) == schedule(at + 12345) == schedule.phases[-1].last


@CALM
@given(schedule=SCHEDULES)
def test_json_and_text_round_trip(schedule):
    assert Schedule.from_json(json.loads(json.dumps(schedule.to_json()))) == schedule
    assert parse(str(schedule)) == schedule


@CALM
@given(schedule=SCHEDULES, factor=HEIGHTS, step=st.integers(0, 2100))
def test_scaled_is_the_same_climb_so_many_times_as_high(schedule, factor, step):
    scaled = schedule.scaled(factor)
    assert scaled(step) == pytest.approx(factor * schedule(step), rel=1e-9)
    assert schedule.scaled(-1)(step) == -schedule(step)
    assert scaled.steps == schedule.steps


@CALM
@given(schedule=BOUNDED, after=SCHEDULES, step=st.integers(0, 2100))
def test_then_is_one_after_the_other(schedule, after, step):
    both = schedule >> after
    assert both == schedule.then(after)
    assert both.steps == schedule.steps + after.steps
    assert both(schedule.steps + step) == after(step)
    assert step >= schedule.steps or both(step) == schedule(step)


def test_json_of_before_is_read():
    old = [[2, 0.0, 1.0, "linear"], [3, 1.0, 0.0, "cosine"], [3, 1, 2, "exponential"]]
    assert Schedule.from_json(old) == warmup(2) >> cosine(3) >> ramp(1, 2, 3)
    assert Schedule.from_json(old).to_json() == old


def test_what_is_written_is_short():
    told = [str(schedule) for schedule in (warmup(100) >> cosine(1000), warmup(3, 2.0), linear(5, 0.1), constant())]
    assert told == ["warmup(100) > cosine(1000)", "warmup(3, 2)", "linear(5, 0.1)", "constant(1)"]
    assert str(linear(5, 0.1, 0.5) >> constant(0.1, 9)) == "linear(5, 0.1, 0.5) > constant(0.1, 9)"
    assert str(inverse_sqrt(100)) == "phase(none, 1, 0, inverse_sqrt, length=100)"


def test_every_name_is_tried_here():
    assert set(NAMED) == set(SHELF)
    assert set(SHELF) - {"phase"} < set(leonui.schedule.__all__)


@pytest.mark.parametrize("name", NAMED)
def test_every_schedule_is_read_from_its_text_and_from_its_json(name):
    schedule = NAMED[name]
    assert parse(str(schedule)) == schedule == Schedule.from_json(json.loads(json.dumps(schedule.to_json())))
    assert all(math.isfinite(schedule(step)) and schedule(step) >= 0 for step in (*range(300), 10**9))
    assert schedule(0) > 0, "no first step is wasted"


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("warmup(100) > cosine(1000)", warmup(100) >> cosine(1000)),
        ("  warmup( 100 )>cosine(steps = 1_000,end=1e-1)\n", warmup(100) >> cosine(1000, 0.1)),
        ("warmup(100) >> cosine(1e3, .1)", warmup(100) >> cosine(1000, 0.1)),
        ("constant", constant()),
        ("constant()", constant()),
        ("constant(0.1)", constant(0.1)),
        (
            "constant(1, 30) > constant(.1, 30) > constant(1.e-2)",
            constant(1, 30) >> constant(0.1, 30) >> constant(0.01),
        ),
        ("wsd(10, 80, 10, sqrt)", wsd(10, 80, 10, "sqrt")),
        ("warmup(10) > wsd(0, 80, shape=power, decay=10)", warmup(10) >> wsd(0, 80, 10, "power")),
        ("noam(512, 4000)", noam(512, 4000)),
        ("step(30, 0.5, none, 2)", step(30, 0.5, start=2.0)),
        ("one_cycle(100, shape=linear, rise=+0.25)", one_cycle(100, 0.25, shape="linear")),
        ("ramp(-1e-5, -1, 100)", ramp(-1e-5, -1, 100)),
        ("phase(None, 1, 0, inverse_sqrt, length=9)", inverse_sqrt(9)),
    ],
)
def test_what_people_write(text, schedule):
    assert parse(text) == schedule
    assert parse(str(parse(text))) == schedule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ", "an empty text is no schedule; write for example warmup(100) > cosine(1000)"),
        ("warmpu(100)", f"column 1: 'warmpu' is not known; known are {', '.join(SHELF)}"),
        ("warmup(9) > cosin(9)", f"column 13: 'cosin' is not known; known are {', '.join(SHELF)}"),
        ("warmup(9) >", "column 12: the end is no schedule; write for example warmup(100) > cosine(1000)"),
        ("100", "column 1: '100' is no schedule; write for example warmup(100) > cosine(1000)"),
        ("warmup(9", "column 9: the end is not expected here; after an argument comes a comma or )"),
        ("cosine(9 0.1)", "column 10: '0.1' is not expected here; after an argument comes a comma or )"),
        ("warmup(9))", "column 10: ')' is not expected here; pieces are joined by >"),
        ("warmup(9) cosine(9)", "column 11: 'cosine' is not expected here; pieces are joined by >"),
        ("warmup(9) | cosine(9)", "column 11: '|' cannot be read; write for example warmup(100) > cosine(1000)"),
        ("cosine(9steps)", "column 8: '9steps' cannot be read; write for example warmup(100) > cosine(1000)"),
        ("cosine", "column 1: cosine needs steps; it takes steps, end=0.0, start=1.0"),
        ("cosine(end=0.1)", "column 1: cosine needs steps; it takes steps, end=0.0, start=1.0"),
        ("noam()", "column 1: noam needs d_model and warmup; it takes d_model, warmup"),
        ("noam(9, 9, 9)", "column 12: '9' is too much; it takes d_model, warmup"),
        ("cosine(9, low=3)", "column 11: 'low' is nothing that cosine takes; it takes steps, end=0.0, start=1.0"),
        ("cosine(steps=9, steps=8)", "column 17: 'steps' is given twice"),
        ("cosine(end=0.1, 9)", "column 17: '9' must be named, as what stands before it is; write name=value"),
        ("cosine(nine)", "column 8: 'nine' is no number; steps needs one"),
        ("cosine(none)", "column 8: 'none' is no number; steps needs one"),
        ("cosine(9,)", "column 10: ')' is no number; end needs one"),
        ("cosine(9.5)", "column 8: '9.5' is no whole number; steps needs one"),
        ("wsd(1, 2, 3, 4)", "column 14: '4' is no word; shape needs one, such as linear"),
        ("warmup(9) > warmup(0)", "column 13: warmup: steps=0 is too few for a phase; it needs at least 1"),
        ("step(9) > cosine(9)", "column 9: '>' comes after a piece without end; give that steps"),
        ("cosine(9, 1e999)", "column 1: cosine: end=inf is not finite"),
    ],
)
def test_a_text_that_cannot_be_read_says_why_and_where(text, message):
    with pytest.raises(ValueError) as error:
        parse(text)
    assert str(error.value) == message


@CALM
@given(text=st.text("warmup(10) > cosine,=.e_'\t", max_size=30) | st.text(max_size=12))
def test_no_text_breaks_the_reader(text):
    try:
        schedule = parse(text)
    except ValueError as error:
        assert str(error).startswith(("column ", "an empty text"))
    else:
        assert parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 1.0, 2.0, "square"), f"shape='square' is not known; choose one of {', '.join(SHAPES)}"),
        ((0, 1.0, 2.0), "steps=0 is too few for a phase; it needs at least 1"),
        ((-4, 1.0, 2.0), "steps=-4 is too few for a phase; it needs at least 1"),
        ((2.5, 1.0, 2.0), "steps=2.5 is no whole number"),
        ((True, 1.0, 2.0), "steps=True is no whole number"),
        (
            (None, 1.0, 0.0),
            "steps=None: only a phase of shape decay, inverse_sqrt, stairs with a length goes on without end",
        ),
        (
            (None, 1.0, 0.0, "inverse_sqrt"),
            "steps=None: only a phase of shape decay, inverse_sqrt, stairs with a length goes on without end",
        ),
        ((3, 0.0, 2.0, "exponential"), "an exponential phase cannot go from 0.0 to 2.0; both must be above 0"),
        ((3, 1.0, -2.0, "exponential"), "an exponential phase cannot go from 1.0 to -2.0; both must be above 0"),
        ((3, 1.0, math.nan, "exponential"), "an exponential phase cannot go from 1.0 to nan; both must be above 0"),
        ((3, math.inf, 0.0), "start=inf is not finite"),
        ((3, 1.0, math.nan), "end=nan is not finite"),
        ((3, 1.0, 0.0, "power"), "bend=None: a phase of shape decay, power, stairs needs one, and no other takes one"),
        ((3, 1.0, 0.0, "sqrt", 2), "bend=2: a phase of shape decay, power, stairs needs one, and no other takes one"),
        ((3, 1.0, 0.0, "power", 0), "bend=0 is no power to decay by; give one above 0"),
        ((3, 1.0, 0.0, "stairs", 1), "bend=1 is no share to be left; give one between 0 and 1"),
        ((3, 1.0, 0.0, "linear", None, -1), "offset=-1 is before the phase; give one of at least 0"),
        ((3, 1.0, 0.0, "linear", None, None, 0), "length=0 is no length; give one above 0"),
    ],
)
def test_errors_say_what_and_what_instead(arguments, message):
    with pytest.raises(ValueError) as error:
        Phase(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Schedule(()), "a schedule needs at least one phase"),
        (lambda: restarts(5, 0), "a schedule needs at least one phase"),
        (lambda: step(5) >> cosine(5), "nothing comes after a phase without end; give it steps"),
        (lambda: cosine(5)(-1), "step=-1 is before the first one, which is 0"),
        (lambda: exponential(1.0), "gamma=1.0 is no share to be left; give one between 0 and 1"),
        (lambda: step(5, 2.0), "gamma=2.0 is no share to be left; give one between 0 and 1"),
        (lambda: noam(0, 5), "noam(0, 5) is not defined; d_model and warmup must be at least 1"),
        (lambda: one_cycle(5, 1.0), "rise=1.0 is no share of the steps; give one from 0 to below 1"),
        (lambda: one_cycle(5, shape="sqrt"), "shape='sqrt' is not known here; choose one of cosine, linear"),
        (lambda: wsd(1, 1, 5, "stairs"), "shape='stairs' is not known here; choose one of linear, sqrt, cosine, power"),
    ],
)
def test_schedules_refuse_what_has_no_meaning(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


def test_a_module_that_knows_its_names():
    assert {"LRScheduler", "parse", "cosine"} < set(dir(leonui.schedule))
    with pytest.raises(AttributeError, match="has no 'cosin'; it has"):
        leonui.schedule.cosin  # noqa: B018


def test_no_heavy_library_is_imported():
    code = "import sys, leonui.schedule as s; s.parse('warmup(3) > cosine(9)')(4); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert not {"torch", "numpy", "rich", "plotly", "jinja2"} & set(done.stdout.split())


@pytest.mark.parametrize("updates", [5, 20, 40])
@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("linear(1)", "linear({0})"),
        ("warmup(1) > cosine(4, 0.1)", "warmup({1}) > cosine({2}, 0.1)"),
        ("exponential(0.5, 10)", "phase({0}, 1, 0, decay, bend=0.5, length={0} / 10)"),
        ("constant(0.5) > ramp(0.5, 1, 4)", "constant(0.5, {1}) > ramp(0.5, 1, {2})"),
    ],
)
def test_a_schedule_that_is_stretched_is_the_long_one(text, whole, updates):
    long = whole.format(updates, updates // 5, updates - updates // 5)
    long = parse(long.replace(f"{updates} / 10", str(updates / 10)))
    for at in range(updates):
        assert parse(text).along(at / updates, (at + 1) / updates) == pytest.approx(long(at))
