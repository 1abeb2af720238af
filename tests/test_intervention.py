"""An Intervention goes to JSON and back whole, joins with others by simple laws, and says itself in words."""

import json
import math
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.schedule import Phase, Schedule, constant, warmup_linear
from leonui.trial.intervention import (
    TREATMENTS,
    Intervention,
    LearningRate,
    Swap,
    Treat,
    absolute,
    clip,
    ramped,
    scale,
    treated,
)

CALM = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

HEIGHTS = st.floats(1e-6, 1e6)
PHASES = st.builds(Phase, st.integers(1, 999), HEIGHTS, HEIGHTS, st.sampled_from(["linear", "cosine", "exponential"]))
SETTINGS = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False))
FIELDS = {
    "lr": st.builds(
        LearningRate,
        st.builds(Schedule, st.lists(PHASES, min_size=1, max_size=3).map(tuple)),
        st.sampled_from(["script", "base", "absolute"]),
    ),
    "clip": HEIGHTS,
    "optimizer": st.builds(Swap, st.text(), SETTINGS),
    "seed": st.integers(),
    "weights": st.text(min_size=1),
    "stop": st.integers(0),
    "coast": st.integers(0),
    "glide": st.booleans() | st.just("validation"),
    "treat": st.builds(
        Treat,
        st.lists(st.sampled_from(TREATMENTS), unique=True).map(tuple),
        st.none() | HEIGHTS,
        st.none() | st.tuples(HEIGHTS, HEIGHTS),
    ),
}
ANY = st.fixed_dictionaries({}, optional=FIELDS).map(lambda said: Intervention(**said))
NOTHING = Intervention()


def test_the_strategy_covers_every_field():
    assert set(FIELDS) == {field.name for field in fields(Intervention)}


@CALM
@given(it=ANY)
def test_json_round_trip(it):
    text = it.to_json()
    assert Intervention.from_json(text) == it
    assert set(json.loads(text)) == {f.name for f in fields(it) if getattr(it, f.name) != getattr(NOTHING, f.name)}
    assert "\n" not in text


@CALM
@given(a=ANY, b=ANY, c=ANY)
def test_laws_of_and(a, b, c):
    assert a & NOTHING == a == NOTHING & a
    assert a & a == a
    assert (a & b) & c == a & (b & c)
    for field in fields(Intervention):
        left, right, nothing = (getattr(one, field.name) for one in (a, b, NOTHING))
        both = left & right if field.name == "treat" else left if right == nothing else right
        assert getattr(a & b, field.name) == both


@pytest.mark.parametrize(
    ("it", "words"),
    [
        (NOTHING, "as it is"),
        (scale(0.1), "lr x 0.1"),
        (scale(1.0), "lr x 1"),
        (absolute(0.003), "lr = 0.003"),
        (ramped(1e-3, 10, 100), "lr at its base x 0.001 -> 10 over 100 steps"),
        (
            Intervention(lr=LearningRate(warmup_linear(100, 10, 2.0), "base")),
            "lr at its base x 0 -> 2 -> 0 over 100 steps",
        ),
        (Intervention(lr=LearningRate(Schedule((Phase(5, 1, 2), Phase(7, 2, 2))))), "lr x 1 -> 2 -> 2 over 12 steps"),
        (clip(1.0), "gradient norm clipped at 1"),
        (clip(0.12345), "gradient norm clipped at 0.123"),
        (
            treated("cleared gradients", "raw loss", decay=0.1, bounds=(3.0, 40.0)),
            "cleared gradients, raw loss, weight decay 0.1, without batches that hold more than 3 or 40",
        ),
        (Intervention(optimizer=Swap("adamw", {"lr": 0.1, "fused": True})), "optimizer adamw(lr=0.1, fused=True)"),
        (Intervention(optimizer=Swap("my.optim:Lion")), "optimizer my.optim:Lion()"),
        (Intervention(seed=0), "seeds + 0"),
        (Intervention(seed=3), "seeds + 3"),
        (Intervention(weights="w.pt"), "weights put in place"),
        (Intervention(stop=0), "stop after 0 steps"),
        (Intervention(stop=20, coast=4), "stop after 20 steps, coast 4 batches"),
        (Intervention(stop=0, glide=True), "stop after 0 steps, glide to the end"),
        (scale(2) & clip(1) & Intervention(seed=1), "lr x 2, gradient norm clipped at 1, seeds + 1"),
    ],
)
def test_it_says_itself(it, words):
    assert str(it) == words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LearningRate(constant(), "peak"), "of='peak' is not known; choose one of script, base, absolute"),
        (lambda: clip(0), "clip=0 would stop all training; give a norm above 0"),
        (lambda: clip(-1.0), "clip=-1.0 would stop all training; give a norm above 0"),
        (lambda: clip(math.nan), "clip=nan would stop all training; give a norm above 0"),
        (lambda: Intervention(stop=-1), "stop=-1 is below 0; give a number of steps"),
        (lambda: Intervention(glide="on"), "glide='on' is not known; give True, False or 'validation'"),
        (lambda: Intervention(coast=-2), "coast=-2 is below 0; give a number of steps"),
        (
            lambda: Intervention.from_json('{"momentum": 1, "clip": 1, "betas": 2}'),
            "an intervention has no betas, momentum; see leonui.Intervention",
        ),
        (
            lambda: Intervention.from_json('{"lr": {"schedule": [[0, 1, 1, "linear"]], "of": "base"}}'),
            "steps=0 is too few for a phase; it needs at least 1",
        ),
        (
            lambda: Intervention.from_json('{"clip": 0}'),
            "clip=0 would stop all training; give a norm above 0",
        ),
    ],
)
def test_errors_say_what_and_what_instead(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message
