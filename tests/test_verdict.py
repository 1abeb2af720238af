"""Baseline against climb: who wins, by which quantity, and when nobody does."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.ascent.changes import changes, schedule_code
from leonui.ascent.verdict import LEVEL, Measured, Pair, compare, finite_or_none, student
from leonui.record import Record
from leonui.runs import shown
from leonui.schedule import warmup_linear

CALM = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

NAN, INF = math.nan, math.inf
LOW, HIGH = (1.0, 1.1, 0.9, 1.0), (2.0, 2.2, 1.9, 2.0)


def pairs(quantity: str, *both: tuple[float | None, float | None]) -> list[Pair]:
    """One pair a seed, of baseline and climb, which differ in one quantity."""
    make = {
        "loss": lambda value: Measured() if value is None else Measured((value,) * 4),
        "validation": lambda value: Measured(validation=value),
        "metric": lambda value: Measured(metric=value),
    }[quantity]
    return [Pair(seed, make(before), make(after)) for seed, (before, after) in enumerate(both)]


@pytest.mark.parametrize("quantity", ["loss", "validation", "metric"])
@pytest.mark.parametrize(
    ("both", "word"),
    [
        ([(2.0, 1.0), (2.1, 1.2), (1.9, 0.8)], "better"),
        ([(1.0, 2.0), (1.2, 2.1), (0.8, 1.9)], "worse"),
        ([(1.0, 0.9), (1.0, 1.2), (1.0, 0.8)], "no_difference"),
        ([(1.0, 1.0), (2.0, 2.0)], "no_difference"),
        ([(2.0, 1.0), (2.0, 1.0)], "better"),
        ([(2.0, 1.0), (2.0, 1.9)], "no_difference"),
        # a baseline, or a climb, that has come to no finite end
        ([(NAN, 1.0), (2.0, 1.0), (2.0, 1.0)], "better"),
        ([(INF, 1.0), (NAN, 1.0)], "better"),
        ([(2.0, NAN), (2.0, 3.0)], "worse"),
        ([(2.0, NAN), (2.0, INF)], "worse"),
        ([(2.0, NAN), (2.0, 1.0)], "no_difference"),
        ([(NAN, 1.0), (1.0, NAN)], "no_difference"),
        ([(NAN, NAN), (INF, INF)], "no_difference"),
        ([(NAN, NAN), (NAN, 1.0)], "better"),
    ],
)
def test_lower_is_better_over_seeds(quantity, both, word):
    verdict = compare(pairs(quantity, *both))
    assert (verdict.word, verdict.judged_by) == (word, quantity)


@pytest.mark.parametrize(
    ("both", "word"),
    [
        ([(0.8, 0.9), (0.81, 0.92), (0.79, 0.91)], "better"),
        ([(0.9, 0.8), (0.92, 0.81), (0.91, 0.79)], "worse"),
        ([(0.9, 0.91), (0.9, 0.88), (0.9, 0.9)], "no_difference"),
        ([(NAN, 0.9), (NAN, 0.8)], "better"),
        ([(0.9, NAN), (0.8, NAN)], "worse"),
        ([(NAN, 0.9), (0.8, 0.9), (0.8, 0.9)], "better"),
        ([(NAN, 0.9), (0.9, 0.8), (0.9, 0.8)], "no_difference"),
        ([(0.9, NAN), (0.9, 0.8)], "worse"),
    ],
)
def test_a_metric_may_be_better_when_it_is_higher(both, word):
    assert compare(pairs("metric", *both), "max").word == word


def test_the_goal_is_the_metrics_alone():
    both = [(2.0, 1.0), (2.1, 1.2)]
    assert compare(pairs("validation", *both), "max").word == compare(pairs("validation", *both)).word == "better"
    assert compare(pairs("metric", *both), "max").word == "worse"


def test_mean_and_interval_are_students():
    verdict = compare(pairs("validation", (1.0, 0.9), (1.0, 0.7), (1.0, 0.8)))
    assert verdict.difference == pytest.approx(-0.2)
    half = 4.303 * 0.1 / 3**0.5
    assert verdict.interval == pytest.approx((-0.2 - half, -0.2 + half))
    assert verdict.word == "no_difference"


@pytest.mark.parametrize(
    ("known", "judged_by"),
    [
        ([("metric", "validation", "loss")] * 2, "metric"),
        ([("validation", "loss")] * 2, "validation"),
        ([("metric", "validation", "loss"), ("validation", "loss")], "validation"),
        ([("metric", "loss"), ("validation", "loss")], "loss"),
        ([("metric",), ("validation",)], None),
        ([(), ()], None),
        ([()], None),
        ([], None),
    ],
)
def test_judged_by_what_all_pairs_have(known, judged_by):
    full = {"metric": 0.5, "validation": 0.5, "coasted": LOW}
    both = [
        Pair(seed, Measured(**full), Measured(**{k: v for k, v in full.items() if k.replace("coasted", "loss") in has}))
        for seed, has in enumerate(known)
    ]
    verdict = compare(both)
    assert (verdict and verdict.judged_by) == judged_by


@pytest.mark.parametrize(
    ("before", "after", "goal", "word"),
    [
        (Measured(HIGH), Measured(LOW), "min", "better"),
        (Measured(LOW), Measured(HIGH), "min", "worse"),
        (Measured(LOW), Measured(LOW), "min", "no_difference"),
        (Measured((1.0, 3.0, 1.0)), Measured((3.0, 1.0, 1.1)), "min", "no_difference"),
        # validation and metric may take the win back, and nothing more
        (Measured(HIGH, 2.0), Measured(LOW, 1.0), "min", "better"),
        (Measured(HIGH, 1.0), Measured(LOW, 2.0), "min", "no_difference"),
        (Measured(HIGH, 1.0), Measured(LOW, 1.0), "min", "no_difference"),
        (Measured(LOW, 1.0), Measured(HIGH, 2.0), "min", "worse"),
        (Measured(LOW, 2.0), Measured(HIGH, 1.0), "min", "no_difference"),
        (Measured(LOW, 2.0), Measured(LOW, 1.0), "min", "no_difference"),
        (Measured(HIGH, 2.0, 0.8), Measured(LOW, 1.0, 0.9), "max", "better"),
        (Measured(HIGH, 2.0, 0.9), Measured(LOW, 1.0, 0.8), "max", "no_difference"),
        (Measured(HIGH, 1.0, 0.8), Measured(LOW, 2.0, 0.9), "max", "better"),
        (Measured(HIGH, metric=0.9), Measured(LOW, metric=0.8), "min", "better"),
        # without a coasted loss there is no interval, and so no winner
        (Measured((), 2.0), Measured((), 1.0), "min", "no_difference"),
        (Measured((), 2.0), Measured(LOW, 1.0), "min", "no_difference"),
        (Measured((2.0,)), Measured((1.0,)), "min", "no_difference"),
        # training that came to no finite end
        (Measured((NAN,) * 4), Measured(LOW), "min", "better"),
        (Measured((INF,) * 4), Measured(LOW), "min", "better"),
        (Measured((NAN,) * 4, NAN), Measured(LOW, 1.0), "min", "better"),
        (Measured(LOW), Measured((NAN,) * 4), "min", "worse"),
        (Measured(LOW, 1.0), Measured((1.0, INF, 1.0, NAN), NAN), "min", "worse"),
        (Measured((NAN,) * 4), Measured((NAN,) * 4), "min", "no_difference"),
        (Measured((INF,) * 4), Measured((INF,) * 4), "min", "no_difference"),
    ],
)
def test_one_seed_is_judged_by_its_batches(before, after, goal, word):
    verdict = compare([Pair(0, before, after)], goal)
    assert verdict.word == word


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 12.71), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (6, 2.447), (7, 2.365), (8, 2.306), (9, 2.262),
        (10, 2.228), (11, 2.201), (12, 2.179), (13, 2.160), (14, 2.145), (15, 2.131), (16, 2.120), (17, 2.110),
        (18, 2.101), (20, 2.086), (25, 2.060), (30, 2.042), (31, 2.040), (40, 2.021), (60, 2.000), (120, 1.980),
        (1000, 1.962),
    ],
)  # fmt: skip
def test_students_quantile_to_three_digits(freedom, expected):
    assert student(freedom) == pytest.approx(expected, rel=1e-3)


def test_students_quantile_falls_with_more_freedom():
    values = [student(freedom) for freedom in range(1, 200)]
    assert values == sorted(values, reverse=True)


FLOATS = st.floats(-1e100, 1e100) | st.sampled_from([NAN, INF, -INF])
NUMBERS = st.none() | FLOATS
MEASURED = st.builds(Measured, st.lists(FLOATS, max_size=4).map(tuple), NUMBERS, NUMBERS)


@CALM
@given(both=st.lists(st.tuples(MEASURED, MEASURED), max_size=4), goal=st.sampled_from(["min", "max"]))
def test_whatever_was_measured_there_is_a_verdict_in_plain_json(both, goal):
    verdict = compare([Pair(seed, before, after) for seed, (before, after) in enumerate(both)], goal)
    for measured in [one for pair in both for one in pair]:
        assert json.loads(json.dumps(measured.to_json(), allow_nan=False)) == measured.to_json()
    if verdict is None:
        return
    said = verdict.to_json()
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert said["verdict"] in ("better", "no_difference", "worse")
    assert said["judged_by"] in ("metric", "validation", "training")
    assert said["level"] == LEVEL


@CALM
@given(
    values=st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 2), min_size=2, max_size=5),
    quantity=st.sampled_from(["loss", "validation", "metric"]),
)
def test_the_verdict_turns_round_with_its_sides(values, quantity):
    other = {"better": "worse", "worse": "better", "no_difference": "no_difference"}
    verdict = compare(pairs(quantity, *values))
    turned = compare(pairs(quantity, *((after, before) for before, after in values)))
    assert turned.word == other[verdict.word]
    assert (verdict.word == "no_difference") == (verdict.interval[0] <= 0 <= verdict.interval[1])


@pytest.mark.parametrize(("value", "expected"), [(1.5, 1.5), (0.0, 0.0), (NAN, None), (INF, None), (None, None)])
def test_finite_or_none(value, expected):
    assert finite_or_none(value) == expected


# what to change in the script

OPTIMIZER = {"event": "optimizer", "name": "SGD", "place": "{here}/train.py:12", "lr": [0.1, 0.01]}
HEAD = {"event": "trailhead", "place": "{here}/train.py:30", "lr": [0.1, 0.01]}
SCHEDULER = {"event": "scheduler", "name": "StepLR", "place": "{here}/train.py:14"}


@pytest.mark.parametrize(
    ("events", "clip", "expected"),
    [
        ([OPTIMIZER, HEAD], 1.0, [("train.py", 12, "SGD(lr=0.1, 0.01)"), ("train.py", 12, "constant lr"), 30]),
        ([OPTIMIZER, SCHEDULER, HEAD], None, [("train.py", 12, "SGD(lr=0.1, 0.01)"), ("train.py", 14, "StepLR")]),
        ([OPTIMIZER | {"place": ""}], None, [("", None, "SGD(lr=0.1, 0.01)"), ("", None, "constant lr")]),
        ([OPTIMIZER | {"place": "/else/t.py:3"}], None, [("/else/t.py", 3, "SGD(lr=0.1, 0.01)"), None]),
    ],
)
def test_changes_have_a_place(events, clip, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = Record(events=[e | {"place": e["place"].format(here=tmp_path)} for e in events])
    found = changes(record, 3.0, 100, clip)
    assert len(found) == len(expected)
    assert found[0]["to"] == "SGD(lr=0.3, 0.03)"
    for change, wanted in zip(found, expected, strict=True):
        if isinstance(wanted, tuple):
            assert (change["file"], change["line"], change["from"]) == wanted
        elif wanted:
            assert (change["file"], change["line"], change["from"]) == ("train.py", wanted, "optimizer.step()")
            assert "clip_grad_norm_(model.parameters(), 1)" in change["to"]


LIMIT = {"event": "clip", "place": "{here}/train.py:29", "most": 0.5}


@pytest.mark.parametrize(
    ("by", "limits", "told"),
    [
        ("", [], ["SGD(lr=0.3)", "LambdaLR(optimizer, lambda t: ", "clip_grad_norm_(model.parameters(), 1) before"]),
        ("", [LIMIT | {"most": 1.0}], ["SGD(lr=0.3)", "LambdaLR(optimizer, lambda t: "]),  # it is limited already
        ("", [LIMIT], ["SGD(lr=0.3)", "LambdaLR", "clip_grad_norm_"]),
        (
            "transformers",
            [],
            ["TrainingArguments(learning_rate=0.3)", "warmup_steps=5)", "TrainingArguments(max_grad_norm=1)"],
        ),
        ("lightning", [], ["SGD(lr=0.3)", '"interval": "step"}', "Trainer(gradient_clip_val=1)"]),
        ("skorch", [], ["SGD(lr=0.3)", 'step_every="batch"', "GradientNormClipping(1)"]),
        ("ignite", [], ["SGD(lr=0.3)", "Events.ITERATION_COMPLETED", "a process function"]),
        ("keras", [], ["SGD(learning_rate=0.3)", "LearningRateSchedule", "SGD(global_clipnorm=1)"]),
        ("accelerate", [], ["SGD(lr=0.3)", "LambdaLR", "accelerator.clip_grad_norm_("]),
        ("another", [], ["SGD(lr=0.3)", "LambdaLR", "torch.nn.utils.clip_grad_norm_("]),
    ],
)
def test_changes_are_told_in_the_manner_of_the_trainer(by, limits, told):
    record = Record(events=[OPTIMIZER | {"lr": [0.1, 0.1]}, HEAD | {"by": by}, *limits])
    found = changes(record, 3.0, 100, 1.0)
    assert len(found) == len(told)
    assert all(wanted in change["to"] for change, wanted in zip(found, told, strict=True))
    assert found[-1]["line"] == (29 if len(told) == 3 and limits else 30 if len(told) == 3 else 12)


@pytest.mark.parametrize(
    ("by", "line", "before"),
    [
        ("", "    clip_grad_norm_(net.parameters(), 0.5)", "clip_grad_norm_(net.parameters(), 0.5)"),
        ("", None, "torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)"),  # a file that cannot be read
        ("lightning", "trainer.fit(model)", "Trainer(gradient_clip_val=0.5)"),
    ],
)
def test_another_limit_is_changed_where_it_stands(by, line, before, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if line:
        (tmp_path / "train.py").write_text("\n" * 28 + line + "\n")
    limit = LIMIT | {"place": LIMIT["place"].format(here=tmp_path)}
    found = changes(Record(events=[OPTIMIZER, HEAD | {"by": by}, limit]), 3.0, 100, 1.0)[-1]
    assert (found["file"], found["line"], found["from"]) == ("train.py", 29, before)
    assert "1)" in found["to"]


@pytest.mark.parametrize("steps", [20, 100, 1999])
def test_the_schedule_that_is_shown_is_the_one_that_was_used(steps):
    lines = schedule_code(steps)
    code = lines[lines.index("lambda") : lines.index("), stepped")]
    used = warmup_linear(steps, max(1, round(0.05 * steps)))
    assert [eval(code)(t) for t in range(steps + 3)] == pytest.approx([used(t) for t in range(steps + 3)])


def test_a_path_is_shown_as_the_reader_knows_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shown(str(tmp_path / "a" / "b.py")) == str((tmp_path / "a" / "b.py").relative_to(tmp_path))
    assert shown(str(tmp_path.parent / "b.py")) == str(tmp_path.parent / "b.py")
    assert shown("b.py") == "b.py"
    assert shown("") == ""
