"""The search for a learning rate: each of its small judgements, the whole of it on made-up trials, and on a script."""

import json
import math
import os
import statistics
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.finder import Rung, Search, told
from leonui.finder import estimate as estimating
from leonui.finder.bracket import ANYWHERE, breaking, span
from leonui.finder.estimate import estimate
from leonui.finder.horizon import AGENT, DISTANCE, FIELD, MANY_EPOCHS, REPEATS, SIGNS, Law, judging, law
from leonui.finder.search import DRY_STEPS, FIRST, LAST, LONGEST, SHORTEST, START, lengths, overhead
from leonui.finder.status import STATUSES, cliff, flat, learned, status, surely_lower
from leonui.rate import Job, Wishes
from leonui.rate.notes import remarks
from leonui.record import Record, Writer
from leonui.schedule import Schedule, constant, cosine, linear
from leonui.trial.intervention import Intervention
from leonui.trial.judge import Judge, coasting, judged, mean
from leonui.trial.program import Program
from leonui.trial.recipe import STAIRS, WARMUP, Recipe, compressed, seen, warmed
from leonui.trial.runner import Runner
from leonui.trial.trial import Trial

CALM = settings(deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

NAN, INF = math.nan, math.inf


# bracket: where to look


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([2.0, 2.0, 2.0, 1.5, 1.2, 1.0], 6),  # nothing broke: the last
        ([2.0, 2.0, 2.0, 1.5, 3.1, 9.0], 5),
        ([2.0, 2.0, 2.0, 1.5, 2.9, 9.0], 6),  # below one and a half times the beginning is no break yet
        ([2.0, 2.0, 2.0, 1.5, NAN, NAN], 5),
        ([2.0, 2.0, 2.0, INF, 1.0, 1.0], 4),
        ([2.0, 2.0, 2.0, 1.5, NAN, 1.0], 5),
        ([NAN, NAN, NAN, NAN], 1),
        ([2.0, NAN, NAN, NAN], 2),
        ([1.0, 3.0, 2.0, 5.0, 5.0, 5.3], 6),  # noisy from the start: four deviations
        ([-2.0, -2.0, -2.0, -3.0, -0.9, 0.0], 5),  # losses may be below 0
        ([0.0, 0.0, 0.0, 0.1, 0.2], 4),
        ([2.0] * 8 + [2.5] * 8 + [4.0], 17),
        ([2.0, 2.0, 2.0, 9.0, 1.9, 1.8, 1.8, 4.0, 5.0, 6.0], 8),  # a batch with a target far off
    ],
)
def test_where_a_ramp_breaks(losses, expected):
    scales = tuple(float(i) for i in range(1, len(losses) + 1))
    assert breaking(scales, tuple(losses)) == expected


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([1e-3], (1e-2, 1e3)),
        ([1.0, 0.5, 1e-3], (1e-2, 1e3)),  # the newest: the first steps of Adam are larger
        ([1e-3, None], (1e-2, 1e3)),
        ([1e-3, "NaN", "Infinity", 0.0], (1e-2, 1e3)),
        ([999.0, 1e-3], (1e-2, 1e3)),
        ([1e9, 1e-3], ANYWHERE),  # weights that begin at zero
        ([], ANYWHERE),
        ([0.0, 0.0], ANYWHERE),
        ([None, "NaN"], ANYWHERE),
    ],
)
def test_the_span_of_the_ramp(ratios, expected):
    rows = [{"step": 1} if ratio is None else {"step": 1, "update_ratio": ratio} for ratio in ratios]
    assert span(Record(rows)) == pytest.approx(expected)


# rung: what a candidate is worth


@pytest.mark.parametrize(
    ("losses", "loss", "se", "best", "broke", "edge"),
    [
        (((3.0,), (1.0,), (2.0,)), (3, 1, 2), (0, 0, 0), 10.0, False, 0),
        (((1.0, 3.0), (5.0, 5.0), (6.0,)), (2, 5, 6), (1, 0, 0), 1.0, False, -1),
        (((4.0,), (), (1.0, 2.0, 3.0)), (4, INF, 2), (0, 0, 1 / 3**0.5), 100.0, False, 1),
        (((4.0,), (4.0,), (4.0,)), (4, 4, 4), (0, 0, 0), 1.0, False, -1),
        (((), (), ()), (INF, INF, INF), (0, 0, 0), 1.0, True, 0),
        (((), (2.0,), ()), (INF, 2, INF), (0, 0, 0), 10.0, False, 0),
        (((2.0,),), (2,), (0,), 1.0, False, 0),  # alone it is both ends
    ],
)
def test_a_rung_in_numbers(losses, loss, se, best, broke, edge):
    rung = Rung(10, (1.0, 10.0, 100.0)[: len(losses)], losses)
    assert rung.loss == loss
    assert rung.se == pytest.approx(se)
    assert (rung.best, rung.broke, rung.edge) == (best, broke, edge)


@pytest.mark.parametrize(
    ("heldout", "untaught", "kindest", "overfits"),
    [
        ((3.0, 2.0, 1.0), 4.0, 100.0, False),  # what trains best is best there, too
        ((3.0, 1.0, 2.0), 4.0, 10.0, True),
        ((1.0, 2.0, 3.0), 4.0, 1.0, True),
        ((3.0, 1.0, 1.01), 4.0, 10.0, False),  # by less than counts
        ((3.0, 1.0, 1.02), 4.0, 10.0, True),
        ((3.0, 1.0, INF), 4.0, 10.0, True),
        ((INF, INF, INF), 4.0, 1.0, False),
        ((3.0, 1.0, 2.0), INF, 10.0, False),  # nobody knows how far it came
    ],
)
def test_a_rung_that_overfits(heldout, untaught, kindest, overfits):
    rung = Rung(10, (1.0, 10.0, 100.0), ((3.0,), (2.0,), (1.0,)), heldout=heldout)
    assert rung.kindest == kindest
    assert rung.overfits(untaught) is overfits
    assert not Rung(10, (1.0, 10.0, 100.0), ((3.0,), (2.0,), (1.0,))).overfits(untaught)


@pytest.mark.parametrize("paired", [True, False], ids=["paired", "unpaired"])
def test_joined_rungs_stand_in_order(paired):
    one = Rung(60, (1.0, 10.0), ((3.0, 3.5), (1.0,)), paired)
    more = Rung(60, (100.0, 0.1), ((), (2.0,)), paired)
    expected = Rung(60, (0.1, 1.0, 10.0, 100.0), ((2.0,), (3.0, 3.5), (1.0,), ()), paired)
    assert one.joined(more) == more.joined(one) == expected


@pytest.mark.parametrize(
    ("steps", "batches"), [(1, 6), (29, 6), (30, 6), (35, 7), (59, 11), (60, 12), (192, 12), (9999, 12)]
)
def test_coasting(steps, batches):
    assert coasting(steps) == batches


def rows(*losses: float | str, last: float | str = 8.0) -> list[dict]:
    """Four rows of training, one that was skipped, and coasted losses."""
    plain = [{"step": 1 + i, "loss": loss} for i, loss in enumerate((9.0, 9.0, "NaN", last))]
    coasted = [{"step": 6 + i, "phase": "coast", "loss": loss} for i, loss in enumerate(losses)]
    return [*plain, {"step": 5, "phase": "skipped"}, *coasted]


@pytest.mark.parametrize(
    ("losses", "coast", "expected"),
    [
        ((1.0, 2.0, 3.0), 3, (8.0, 1.0, 2.0, 3.0)),
        ((1.0, 2.0, 3.0), 2, (8.0, 1.0, 2.0, 3.0)),
        ((1.0, 2.0), 3, ()),  # it did not get so far
        ((), 2, ()),
        ((1.0, "NaN", 3.0), 3, ()),
        ((1.0, "Infinity", 3.0), 3, ()),
    ],
)
def test_the_losses_of_one_process(losses, coast, expected):
    assert judged(Record(rows(*losses)), Intervention(stop=4, coast=coast)) == expected


def test_a_training_that_breaks_in_its_last_quarter_has_no_losses():
    assert judged(Record(rows(1.0, last="Infinity")), Intervention(stop=4, coast=1)) == ()


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        ([(1.0, 3.0)], (1.0, 3.0)),
        ([(1.0, 3.0), (2.0, 5.0)], (1.5, 4.0)),
        ([(1.0,), ()], ()),
        ([(1.0,), (1.0, 2.0)], ()),
        ([()], ()),
    ],
)
def test_the_mean_over_processes(ranks, expected):
    assert mean(ranks) == expected


def trial(folder: Path, job: Intervention, records: dict[str, list[dict]], said: str = "") -> Trial:
    """A trial that has ended, as it lies on the disk."""
    for name, lines in records.items():
        writer = Writer(folder / name)
        for line in lines:
            writer.add(line)
        writer.close()
    (folder / "stdout").write_text(said)
    return Trial("one", folder, job, "fork")


ONE, TWO = {"record.jsonl": rows(*[2.0] * 6)}, {"record-rank0.jsonl": rows(*[2.0] * 6)}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (ONE, (2.0,) * 6),
        (ONE | {"record-123.jsonl": rows(5.0)}, (2.0,) * 6),  # a process that it forked
        (TWO | {"record-rank1.jsonl": rows(*[4.0] * 6)}, (3.0,) * 6),
        (TWO | {"record-rank1.jsonl": rows(*[4.0] * 5)}, ()),
        (TWO | {"record-rank1.jsonl": rows(*[4.0] * 5, "NaN")}, ()),
        ({}, ()),
    ],
    ids=["one", "a child", "two ranks", "one came later", "one broke", "none"],
)
def test_a_trial_is_judged_by_its_last_weights(records, expected, tmp_path):
    job = Judge().end(20)
    assert job == Intervention(stop=20, coast=6)
    assert Judge().read(trial(tmp_path, job, records, "accuracy 0.1")) == expected


def validated(*steps_and_losses: tuple[int, float | str], site: str = "here") -> dict[str, list[dict]]:
    seen_at = [
        {"event": "validation", "site": site, "step": i, "loss": loss, "batches": 2} for i, loss in steps_and_losses
    ]
    return {"record.jsonl": rows(*[2.0] * 6) + seen_at}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (validated((10, 3.0), (20, 2.5), (30, 2.0)), (2.5, 2)),  # the first one after the last step
        (validated((10, 3.0), (25, 2.5)), (2.5, 2)),
        (validated((10, 3.0)), (INF, 0)),
        (validated((20, "NaN")), (INF, 2)),
        (validated((20, 2.5), site="elsewhere"), (2.5, 2)),  # the same script on another machine
        (ONE, (INF, 0)),
    ],
)
def test_a_trial_is_judged_by_validation(records, expected, tmp_path):
    looks, alone = Judge(site="here"), Judge(site="here", by="validation")
    assert looks.end(20) == Intervention(stop=20, coast=6, glide="validation")
    assert alone.end(20) == Intervention(stop=20, glide="validation")
    one = trial(tmp_path, alone.end(20), records)
    assert looks.validation(one) == alone.validation(one) == expected
    assert Judge().validation(one) == (INF, 0)
    assert alone.read(one) == tuple(filter(math.isfinite, expected[:1]))


@pytest.mark.parametrize(
    ("pattern", "goal", "said", "expected"),
    [
        (r"acc (\S+)", "max", "acc 0.25\nacc 0.5\n", (-0.5,)),
        (r"acc (\S+)", "min", "acc 0.25\nacc 0.5\n", (0.5,)),
        (r"(acc|err) ([\d.]+)", "min", "err 3\n", ()),  # the first group is no number
        (r"acc (\S+)", "max", "acc nan\n", ()),
        (r"acc (\S+)", "max", "acc -inf\n", ()),
        (r"acc (\S+)", "max", "", ()),
    ],
)
def test_a_trial_is_judged_by_a_metric(pattern, goal, said, expected, tmp_path):
    judge = Judge(pattern, goal)
    assert judge.end(20) == Intervention(stop=20, glide=True)
    assert judge.read(trial(tmp_path, judge.end(20), ONE, said)) == expected


# recipe: the same run, shorter


def flatly(steps: int) -> Schedule:
    return constant(1.0, steps)


def values_of(schedule, steps: int) -> list[float]:
    return [schedule(step) for step in range(steps)]


@CALM
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=STAIRS))
def test_a_short_run_is_itself(values):
    assert values_of(compressed(values, len(values)), len(values)) == values


@CALM
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=300), steps=st.integers(1, 400))
def test_any_length_is_given(values, steps):
    found = compressed(values, steps)
    assert found.steps == steps
    assert len(found.phases) <= min(steps, STAIRS)
    assert min(values) - 1e-12 <= min(values_of(found, steps))
    assert max(values_of(found, steps)) <= max(values) + 1e-12


@CALM
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=40), times=st.integers(1, 9))
def test_the_mean_is_kept_where_the_length_divides_it(values, times):
    longer = [value for value in values for _ in range(times)]
    assert values_of(compressed(longer, len(values)), len(values)) == pytest.approx(values)
    shorter = compressed(values * times, len(values))
    assert statistics.fmean(values_of(shorter, len(values))) == pytest.approx(statistics.fmean(values))


@pytest.mark.parametrize("steps", [64, 65, 100, 777, 1000, 5000])
@pytest.mark.parametrize("shape", [linear, cosine], ids=["linear", "cosine"])
@pytest.mark.parametrize("whole", [64, 1000, 12345])
def test_the_mean_of_a_decay_is_kept(shape, whole, steps):
    values = values_of(shape(whole), whole)
    found = values_of(compressed(values, steps), steps)
    assert statistics.fmean(found) == pytest.approx(statistics.fmean(values), abs=1 / STAIRS)
    assert all(a >= b for a, b in pairwise(found))
    for share in (0.0, 0.3, 0.5, 0.8):  # and it is the same decay, at the same share of the way
        assert found[int(share * steps)] == pytest.approx(values[int(share * whole)], abs=2.5 / STAIRS)


@pytest.mark.parametrize("value", [1.0, 0.1, 1 / 3, 0.0])
@pytest.mark.parametrize(("whole", "steps"), [(1, 1), (1, 100), (100, 37), (37, 100), (1000, 1000)])
def test_what_is_constant_is_one_phase(value, whole, steps):
    assert compressed([value] * whole, steps) == constant(value, steps)


@CALM
@given(
    steps=st.integers(20, 500),
    level=st.floats(0.1, 1),
    scale=st.floats(0.1, 10),
)
def test_a_warm_up_rises_over_its_share_and_then_nothing_changes(steps, level, scale):
    also = Intervention(clip=2.0)
    plain = Recipe(1000, lambda count: constant(level, count), also)
    warm = warmed(plain)
    found, rise = values_of(warm.shape(steps), steps), max(2, round(WARMUP * steps))
    assert (warm.steps, warm.also) == (1000, also)
    assert all(a <= b + 1e-12 for a, b in pairwise(found))
    assert found[rise + steps // STAIRS + 1 :] == pytest.approx([level] * (steps - rise - steps // STAIRS - 1))
    assert statistics.fmean(found) == pytest.approx(level * (1 - (rise - 1) / 2 / steps), rel=1e-6)
    whole = warm.at(scale, steps)
    assert (whole.clip, whole.lr.of) == (2.0, "base")
    assert values_of(whole.lr.schedule, steps) == pytest.approx([scale * value for value in found])


@pytest.mark.parametrize("steps", [50, 1000])
def test_a_recipe_without_a_shape_keeps_its_rate(steps):
    schedule = Recipe(1000).at(2.0, steps).lr.schedule
    assert values_of(schedule, steps) == [2.0] * steps


def walked(*lrs: list[float] | None, base: list[float] | None = None, optimizer: int = 0) -> Record:
    rows = [{"step": i + 1, "optimizer": optimizer} | ({"lr": lr} if lr else {}) for i, lr in enumerate(lrs)]
    return Record(rows, [{"event": "trailhead", "lr": base}] if base else [])


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (walked([0.1], [0.05], base=[0.1]), [1.0, 0.5]),
        (walked([0.1, 3.0], [0.05, 4.0], base=[0.1, 1.0]), [1.0, 0.5]),  # the first group
        (walked([0.0, 3.0], [0.0, 4.0], base=[0.0, 1.0]), [3.0, 4.0]),  # but one that is trained
        (walked([0.0], base=[0.0]), [0.0]),
        (walked([0.5], [0.25]), [0.5, 0.25]),  # no base is known
        (walked([0.2], None, [0.1], base=[0.2]), [1.0, 0.5]),  # a step that a scaler left out
        (walked([0.1], base=[0.1, 0.2]), [1.0]),
        (Record(), []),
    ],
)
def test_the_schedule_that_was_seen(record, expected):
    assert seen(record) == pytest.approx(expected)


def test_the_schedule_is_that_of_the_first_optimizer():
    one, two = walked([0.1], [0.05], base=[0.1]), walked([7.0], [8.0], optimizer=1)
    mixed = Record([row for pair in zip(one.rows, two.rows, strict=True) for row in pair], one.events)
    assert seen(mixed) == [1.0, 0.5]


# estimate: what the rungs say of the whole run

BEGIN = 4.0  # the loss before training
WHOLE = 1000


def family(
    *,
    optimum: float = 1.0,
    slope: float = 0.5,
    lengths: tuple[int, ...] = (40, 200),
    breaks: float = INF,
    spread: float = 0.0,
    noise: float = 0.0,
    paired: bool = True,
) -> list[Rung]:
    """Rungs of a task whose best factor is ``optimum`` in 1000 steps, and falls as length to the minus ``slope``.

    breaks: candidates so many times above the best have no losses; spread: of the batches; noise: the rung's own.
    """
    batches = spread * np.random.default_rng(7).standard_normal((2, 9, 8))
    rungs = []
    for i, length in enumerate(lengths):
        best = optimum * (length / WHOLE) ** -slope
        scales = [best * 1.3 * 10 ** (step / 2) for step in range(-5, 4)]
        means = [1.0 + min(3.5, 0.2 * math.log(scale / best) ** 2) for scale in scales]
        data = [batches[i][0 if paired else at] for at in range(9)]
        losses = [
            tuple(m + data[at]) if scale < breaks * best else ()
            for at, (scale, m) in enumerate(zip(scales, means, strict=True))
        ]
        rungs.append(Rung(length, tuple(scales), tuple(losses), paired, noise))
    return rungs


def width(found) -> float:
    return math.log(found.interval[1] / found.interval[0])


@CALM
@given(
    optimum=st.floats(1e-4, 1e4),
    slope=st.floats(0.3, 0.7),
    spread=st.floats(0, 0.05),
    paired=st.booleans(),
    steps=st.sampled_from([200, 1000, 2000]),
)
def test_the_best_of_the_whole_run_is_near_the_truth(optimum, slope, spread, paired, steps):
    found = estimate(family(optimum=optimum, slope=slope, spread=spread, paired=paired), steps, BEGIN)
    truth = optimum * (steps / WHOLE) ** -slope
    assert truth / 2 < found.scale < truth * 2
    assert found.interval[0] < truth < found.interval[1]
    assert found.interval[0] < found.scale < found.interval[1]


def test_the_slope_is_between_what_is_seen_and_what_is_known():
    slopes = [estimate(family(slope=slope), WHOLE, BEGIN).slope for slope in (0.0, 0.3, 0.5, 0.7, 1.0)]
    assert slopes == sorted(slopes)
    assert FIELD.slope < slopes[2] < 0.5
    assert 0.1 < slopes[0] < FIELD.slope < 0.6 < slopes[-1] < 0.9
    longer = estimate(family(slope=0.2, lengths=(10, 3000)), WHOLE, BEGIN)  # far apart they say more
    assert longer.slope == pytest.approx(0.2, abs=0.06)


def test_one_rung_is_enough():
    found = estimate(family(lengths=(100,)), WHOLE, BEGIN)
    assert 0.5 < found.scale < 2
    assert found.slope == pytest.approx(FIELD.slope, abs=0.05)


def test_a_run_that_is_shorter_than_the_rungs_counts_as_long_as_they():
    assert estimate(family(), 10, BEGIN) == estimate(family(), 200, BEGIN)


@CALM
@given(factor=st.floats(1e-6, 1e6), unit=st.integers(-20, 20))
def test_units_do_not_matter(factor, unit):
    plain = family(spread=0.1, paired=False, noise=0.05)
    other = [
        Rung(
            rung.steps,
            tuple(scale * factor for scale in rung.scale),
            tuple(tuple(loss * 2.0**unit for loss in losses) for losses in rung.losses),
            rung.paired,
            rung.noise * 2.0**unit,
        )
        for rung in plain
    ]
    ours, theirs = estimate(other, WHOLE, BEGIN * 2.0**unit), estimate(plain, WHOLE, BEGIN)
    assert ours.scale == pytest.approx(theirs.scale * factor, rel=1e-3)
    assert ours.interval == pytest.approx([end * factor for end in theirs.interval], rel=1e-3)
    assert np.array(ours.lost) == pytest.approx(np.array(theirs.lost), abs=1e-6)


@pytest.mark.parametrize(
    "cases",
    [
        [{"steps": steps} for steps in (200, 1000, 10_000, 100_000)],
        [{"noise": noise} for noise in (0.0, 0.3, 1.0)],
        [{"spread": spread, "paired": False} for spread in (0.0, 0.5, 2.0)],
        [{"spread": 2.0, "paired": paired} for paired in (True, False)],
    ],
    ids=["the horizon", "other data", "few batches", "unpaired"],
)
def test_the_interval_widens_with(cases):
    widths = []
    for case in cases:
        steps = case.get("steps", WHOLE)
        rungs = family(**{key: value for key, value in case.items() if key != "steps"})
        widths.append(width(estimate(rungs, steps, BEGIN)))
    assert all(b > 1.05 * a for a, b in pairwise(widths))


def test_batches_that_all_share_do_not_matter():
    assert width(estimate(family(spread=2.0), WHOLE, BEGIN)) == pytest.approx(
        width(estimate(family(), WHOLE, BEGIN)), rel=0.15
    )


def test_a_cliff_above_the_best_moves_the_choice_down():
    plain, steep, near = (estimate(family(breaks=by), WHOLE, BEGIN) for by in (INF, 4.0, 1.5))
    assert near.scale < steep.scale * (1 + 1e-9) < 0.9 * plain.scale
    for found in (steep, near):
        assert all(high > low for _, low, high in found.lost)
    assert plain.lost[0][2] < 0.5 * steep.lost[0][2]


@pytest.mark.parametrize("breaks", [INF, 4.0, 1.5])
def test_what_is_lost_rises_with_the_factor(breaks):
    lost = estimate(family(breaks=breaks, spread=0.5, paired=False), WHOLE, BEGIN).lost
    assert [by for by, _, _ in lost] == [2.0, 3.0, 10.0]
    for side in (1, 2):
        values = [row[side] for row in lost]
        assert 0 <= values[0] <= values[1] <= values[2] <= 1
        assert values[0] < values[2]


@pytest.mark.parametrize(
    "losses",
    [
        ((2.0,), (1.0,), ()),
        ((), (1.0,), ()),
        ((1.0,), (), ()),
        ((), (), (1.0,)),
        ((), (1.0, 1.1), (2.0, 0.2)),
        ((2.0, 2.5), (1.0,), ()),  # of other lengths, unpaired
        ((9.0,), (9.0,), (9.0,)),  # nothing learned
    ],
)
@pytest.mark.parametrize("paired", [True, False], ids=["paired", "unpaired"])
def test_broken_candidates(losses, paired):
    found = estimate([Rung(50, (0.1, 1.0, 10.0), losses, paired)], 50, BEGIN)
    assert 0.05 < found.scale < 20
    assert found.interval[0] < found.scale < found.interval[1]
    assert math.isfinite(found.slope)
    assert all(0 <= value <= 1 for _, *sides in found.lost for value in sides)


def test_an_estimate_can_be_had_again():
    assert estimate(family(spread=1.0), WHOLE, BEGIN) == estimate(family(spread=1.0), WHOLE, BEGIN)


@CALM
@given(
    rungs=st.lists(
        st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 6) | st.just(INF)), min_size=1, max_size=7),
        min_size=1,
        max_size=3,
    ),
    best=st.lists(st.floats(-4, 4), min_size=3, max_size=3),
    start=st.floats(0, 6),
)
def test_regret_is_nothing_at_the_best_and_never_falls_away_from_it(rungs, best, start):
    made = [
        Rung(10, tuple(s for s, _ in one), tuple((loss,) if math.isfinite(loss) else () for _, loss in one))
        for one in rungs
        if any(math.isfinite(loss) for _, loss in one)
    ]
    offsets, lost = estimating.regret(made, np.array(best[: len(made)]), start)
    assert len(offsets) == 1 + sum(len(rung.scale) for rung in made)
    assert all(a <= b for a, b in pairwise(offsets))
    assert lost[np.flatnonzero(offsets == 0.0)[0]] == 0.0
    assert all(0 <= value <= 1 + 1e-12 for value in lost)
    assert all(a <= b + 1e-12 for a, b in pairwise(lost[offsets >= 0]))
    assert all(a >= b - 1e-12 for a, b in pairwise(lost[offsets < 0]))


def test_regret_is_a_share_of_the_progress():
    rung = Rung(10, tuple(math.exp(x) for x in (-2, -1, 0, 1, 2)), ((3.0,), (2.0,), (1.0,), (4.0,), ()))
    offsets, lost = estimating.regret([rung], np.array([0.0]), 5.0)
    assert offsets == pytest.approx([-2, -1, 0, 0, 1, 2])
    assert lost == pytest.approx([0.5, 0.25, 0, 0, 0.75, 1.0])
    noisy = Rung(10, rung.scale, ((2.0,), (3.0,), (1.0,), (2.0,), (4.0,)))  # the lowest but one is averaged with it
    assert estimating.regret([noisy], np.array([0.0]), 5.0)[1] == pytest.approx([0.375, 0.375, 0, 0, 0.25, 0.75])


@pytest.mark.parametrize(
    ("name", "value", "sees"),
    [
        ("STEEPEST", 0.2, lambda was, now: now.scale > 1.2 * was.scale and now.slope < was.slope),
        ("TRAINING_SD", 0.6, lambda was, now: width(now) > 1.2 * width(was)),
        ("RUN_SD", 1.6, lambda was, now: width(now) > 1.2 * width(was) and now.lost == was.lost),
        ("DRAWS", 40, lambda was, now: now != was),
        ("LIKELY", (0.5, 0.5), lambda was, now: now.scale != was.scale and now.lost == was.lost),
        ("SURE", 0.5, lambda was, now: width(now) < 0.8 * width(was) and now.scale == was.scale),
    ],
)
def test_each_constant_matters(name, value, sees, monkeypatch):
    was = estimate(family(), 20 * WHOLE, BEGIN)
    monkeypatch.setattr(estimating, name, value)
    assert sees(was, estimate(family(), 20 * WHOLE, BEGIN))


@pytest.mark.parametrize(
    ("law", "sees"),
    [
        (Law(0.2), lambda was, now: now.scale > 1.2 * was.scale and now.slope < was.slope),
        (Law(FIELD.slope, 0.01), lambda was, now: width(now) < 0.85 * width(was)),
        (SIGNS, lambda was, now: now.scale < 0.8 * was.scale),
        (DISTANCE, lambda was, now: now.scale < 0.3 * was.scale),
    ],
)
def test_the_law_matters(law, sees):
    was, now = (estimate(family(lengths=(100,)), 20 * WHOLE, BEGIN, law=one) for one in (FIELD, law))
    assert sees(was, now)


# horizon: what judges a short training, and how the best rate falls


def epochs(count: float, site: str | None = "train.py:9", passes: int = 1, seconds: float = 1.0) -> Record:
    seen_at = [{"event": "validation", "site": site, "step": 0, "loss": 2.0, "batches": 3}] * passes if site else []
    return Record([], [*seen_at, {"event": "end", "samples": round(100 * count), "distinct": 100, "seconds": seconds}])


@pytest.mark.parametrize(
    ("walk", "metric", "start", "site", "by"),
    [
        (epochs(REPEATS), None, "fork", None, "training"),
        (epochs(REPEATS + 0.5), None, "fork", "train.py:9", "training"),
        (epochs(MANY_EPOCHS), None, "fork", "train.py:9", "training"),
        (epochs(MANY_EPOCHS + 0.5), None, "fork", "train.py:9", "validation"),
        (epochs(MANY_EPOCHS + 0.5), None, "rerun", "train.py:9", "validation"),
        (epochs(MANY_EPOCHS + 0.5, passes=3, seconds=11.0), None, "fork", None, "training"),  # too long to wait for
        (epochs(MANY_EPOCHS + 0.5, passes=4, seconds=11.0), None, "fork", "train.py:9", "validation"),
        (epochs(MANY_EPOCHS + 0.5), None, "rewind", None, "training"),  # it cannot go on to a validation
        (epochs(MANY_EPOCHS + 0.5), r"acc (\S+)", "fork", None, "training"),
        (epochs(MANY_EPOCHS + 0.5, None), None, "fork", None, "training"),
        (Record(), None, "fork", None, "training"),
    ],
)
def test_what_judges(walk, metric, start, site, by):
    assert judging(walk, metric, "max", start) == Judge(metric, "max", site, by)


@pytest.mark.parametrize(
    ("by", "optimizer", "expected"),
    [
        ("training", "AdamW", FIELD),
        ("training", None, FIELD),
        ("training", "Lion8bit", SIGNS),
        ("training", "SignSGD", SIGNS),
        ("validation", "Lion", DISTANCE),
        ("validation", "SGD", DISTANCE),
    ],
)
def test_which_law_holds(by, optimizer, expected):
    assert law(Judge(site="here", by=by), optimizer) == expected


# status: whether it can be trusted

NOISY = (3.9, 4.1, 4.0, 4.0)
SAME = (1.0, 1.2, 0.8, 1.0)


def rung_of(*losses: tuple[float, ...], scale: tuple[float, ...] = (), paired: bool = True) -> Rung:
    return Rung(10, scale or tuple(10.0**i for i in range(len(losses))), losses, paired)


def level(value: float) -> tuple[float, ...]:
    return tuple(value + move for move in (-0.1, 0.1, 0.0))


GOOD = rung_of(level(3.0), level(1.0), level(2.0))
ALL_SAME = rung_of(SAME, SAME, SAME)
ALL_START = rung_of(NOISY, NOISY, NOISY)
BROKE = rung_of((), (), ())


@pytest.mark.parametrize(
    ("expected", "start", "rungs", "epochs"),
    [
        ("ok", NOISY, [GOOD], NAN),
        ("ok", NOISY, [GOOD, GOOD], MANY_EPOCHS),
        ("ok", NOISY, [GOOD, BROKE], 1.0),  # what broke says nothing of the last
        ("ok", NOISY, [GOOD, rung_of(SAME, SAME, SAME)], 1.0),  # the second rung lies round the best
        ("ok", NOISY, [rung_of((), level(1.0), ())], NAN),
        ("overfit_horizon", NOISY, [GOOD], MANY_EPOCHS + 0.1),
        ("flat", NOISY, [ALL_SAME], NAN),
        ("flat", NOISY, [ALL_SAME, ALL_SAME], 99.0),
        ("edge", NOISY, [rung_of(level(1.0), level(2.0), level(3.0))], NAN),
        ("edge", NOISY, [rung_of(level(3.0), level(2.0), level(1.0))], 99.0),
        ("edge", NOISY, [rung_of(level(3.0), level(2.0), level(1.0)), rung_of(level(3.0), level(1.0))], 1.0),
        (
            "ok",
            NOISY,
            [rung_of(level(3.0), level(2.0), level(1.0)), rung_of(level(1.0), level(3.0))],
            1.0,
        ),  # turns back
        ("not_learning", NOISY, [ALL_START], NAN),
        ("not_learning", NOISY, [ALL_START, ALL_START], NAN),
        ("not_learning", NOISY, [rung_of(level(5.0), level(4.0), level(6.0))], NAN),
        ("ok", NOISY, [GOOD, ALL_START], NAN),  # the first rung has learned
        ("ok", NOISY, [ALL_START, GOOD], NAN),
        ("edge", NOISY, [ALL_START, rung_of(level(1.0), level(2.0), level(3.0))], NAN),
        ("not_learning", NOISY, [BROKE], NAN),
        ("not_learning", NOISY, [], NAN),
        ("not_learning", (), [GOOD], NAN),
        ("not_learning", (4.0, NAN), [GOOD], NAN),
    ],
)
def test_the_status(expected, start, rungs, epochs):
    assert status(start, rungs, epochs) == expected
    assert expected in STATUSES


@pytest.mark.parametrize(
    ("agent", "site", "metric", "expected"),
    [
        (True, None, None, True),
        (True, None, r"return (\S+)", False),
        (True, "train.py:9", None, False),
        (False, None, None, False),
    ],
)
def test_an_agent_is_asked_for_what_it_prints(agent, site, metric, expected, tmp_path):
    job = Job(Program("script", "train.py"), tmp_path, Wishes(metric=metric))
    job.walk = Record([], [*epochs(1.0, site).events, {"event": "trailhead", "agent": agent}])
    job.searches = [Search(None, None, Recipe(100))]
    assert any(note["template"] == AGENT for note in remarks(job)) is expected


@pytest.mark.parametrize(
    ("warm", "rung", "expected"),
    [
        (True, GOOD, "needs_warmup"),
        (False, GOOD, "ok"),
        (True, ALL_SAME, "flat"),
        (True, BROKE, "not_learning"),
    ],
)
def test_a_warm_up_is_needed_only_where_all_else_is_well(warm, rung, expected, tmp_path):
    job = Job(Program("script", "train.py"), tmp_path)
    one = Search(None, None, Recipe(100))
    one.start, one.rungs = NOISY, [rung]
    job.searches, job.warm = [one], warm
    assert job.status == expected
    assert expected in STATUSES


@pytest.mark.parametrize(
    ("start", "losses", "surely", "expected"),
    [
        ((4.0, 4.0), (1.0, 1.0), 2.0, True),
        ((4.0, 4.0), (4.0, 4.0), 2.0, False),
        ((4.0,), (3.9,), 2.0, True),  # one batch has no standard error
        ((4.0, 6.0), (3.0, 3.0), 1.9, True),  # 2 apart, by one standard error of 1
        ((4.0, 6.0), (3.0, 3.0), 2.1, False),
        ((4.0, 6.0), (2.0, 4.0), 1.4, True),  # of both: 2**0.5
        ((4.0, 6.0), (2.0, 4.0), 1.5, False),
        ((4.0, 4.0), (5.0, 5.0), 2.0, False),
    ],
)
def test_whether_anything_was_learned(start, losses, surely, expected):
    assert learned(start, rung_of((9.0, 9.0), losses, ()), surely) is expected


LOUD = (3.0, 5.0, 4.0, 4.0)  # batches far more different than what is learned


@pytest.mark.parametrize(
    ("lowest", "best", "untrained", "paired", "expected"),
    [
        (LOUD, [loss - 0.1 for loss in LOUD], (), True, True),  # batch by batch below the lowest rate
        (LOUD, [loss - 0.1 for loss in LOUD], (), False, False),
        (LOUD, LOUD, (), True, False),
        ([loss - 0.1 for loss in LOUD], [loss - 0.2 for loss in LOUD], LOUD, True, True),
        (LOUD, [loss - 0.1 for loss in LOUD], [loss - 0.1 for loss in LOUD], True, False),  # no better than untrained
        (LOUD, [loss - 0.1 for loss in LOUD][:3], (), True, False),  # not of the same batches
        (
            [loss + 9 for loss in LOUD],
            [loss + 8 for loss in LOUD],
            (),
            True,
            False,
        ),  # it harms
    ],
)
def test_little_is_learned_surely_where_the_batches_are_the_same(lowest, best, untrained, paired, expected):
    rung = Rung(10, (1.0, 10.0), (tuple(lowest), tuple(best)), paired, untrained=tuple(untrained))
    assert learned(LOUD, rung) is expected


@pytest.mark.parametrize(
    ("rung", "expected"),
    [
        (ALL_SAME, True),
        (rung_of(SAME, SAME, ()), False),  # one broke
        (GOOD, False),
        (rung_of((1.0, 5.0), (1.1, 5.1)), False),  # paired: surely apart, batch by batch
        (rung_of((1.0, 5.0), (1.1, 5.1), paired=False), True),
        (rung_of((1.0, 5.0), (5.1, 1.1)), True),
        (rung_of((1.0, 5.0), (3.1,)), True),  # of other lengths they cannot be paired
        (rung_of((2.0,), (2.0,)), True),
        (rung_of((2.0,), (2.1,)), False),
    ],
)
def test_flatness(rung, expected):
    assert flat(rung) is expected


@pytest.mark.parametrize(
    ("losses", "scale", "expected"),
    [
        (((3.0,), (1.0,), ()), (1.0, 2.0, 6.9), True),
        (((3.0,), (1.0,), (4.1,)), (1.0, 2.0, 5.0), True),  # above the first loss
        (((3.0,), (1.0,), (3.9,)), (1.0, 2.0, 5.0), False),
        (((3.0,), (1.0,), ()), (1.0, 2.0, 7.1), False),  # far away
        (((), (1.0,), (3.0,)), (1.0, 2.0, 4.0), False),  # below
        (((3.0,), (2.0,), (1.0,)), (1.0, 2.0, 4.0), False),
    ],
)
def test_a_cliff(losses, scale, expected):
    assert cliff(rung_of(*losses, scale=scale), BEGIN) is expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (((1.0, 1.0),), ((2.0, 2.0),), True),
        (((2.0, 2.0),), ((1.0, 1.0),), False),
        (((1.75, 1.75),), ((2.0, 2.0),), True),  # an eighth of the progress of 2
        (((1.85, 1.85),), ((2.0, 2.0),), False),  # less than a tenth
        (((0.0, 2.0),), ((1.5, 2.5),), False),  # by no two standard errors
        (((),), ((2.0,),), False),
        (((2.0,),), ((),), True),
        (((),), ((),), False),
    ],
)
def test_what_is_surely_lower(ours, theirs, expected):
    assert surely_lower(rung_of(*ours), rung_of(*theirs), BEGIN) is expected


# search: how its steps are shared out

BUDGETS = [20, 21, 50, 100, 200, 399, 400, 401, 500, 777, 1000, 2999, 10_000, 19_999, 20_000, 20_001, 10**6]


@pytest.mark.parametrize("steps", BUDGETS)
def test_the_plan_keeps_to_the_budget(steps):
    one = Search(None, None, Recipe(steps))
    first, last = lengths(one.budget)
    assert min(first, last) >= SHORTEST == 8
    assert first <= last
    rungs = len(FIRST) * (first + coasting(first)) + len(LAST) * (last + coasting(last))
    assert one.planned == rungs + overhead(one.budget)
    assert overhead(one.budget) > DRY_STEPS + START
    if steps >= 400:
        assert 0.75 * one.budget < one.planned <= one.budget == min(steps, LONGEST)
        assert last == pytest.approx(5 * first, rel=0.07)


@settings(CALM, max_examples=200)
@given(steps=st.integers(400, 10**6), most=st.integers(400, 10**6))
def test_the_plan_keeps_to_any_budget(steps, most):
    assert Search(None, None, Recipe(steps), most=most).planned <= min(steps, most)


class Toy:
    """A runner whose trials are made up: losses by a law, every row of them counted.

    best: the best factor for 100 steps; breaks: above so many times the best of its length a training breaks;
    gain: what the best factor gains; slow: the steps that gain half of it; warm: a warm-up bears so much more;
    noise: of the coasted losses, trial by trial.
    """

    def __init__(
        self,
        folder: Path,
        *,
        best: float = 1.0,
        breaks: float = 10.0,
        gain: float = 3.0,
        slow: float = 1.0,
        start: str = "fork",
        ratio: float = 1e-3,
        first: float = BEGIN,
        warm: float = 0.0,
        noise: float = 0.0,
        kind: float = 1.0,
    ):
        self.folder, self.start, self.first = folder, start, first
        self.best, self.breaks, self.gain, self.slow, self.ratio, self.warm = best, breaks, gain, slow, ratio, warm
        self.noise, self.draw, self.kind = noise, np.random.default_rng(0), kind
        self.rows = 0
        self.jobs: dict[str, Intervention] = {}
        self.mutes: list[bool] = []

    def branch(self, point: object, jobs: dict[str, Intervention], mute: bool = True) -> list[Trial]:
        assert point == "here"
        assert not set(jobs) & set(self.jobs)  # names are folders: none is used twice
        self.jobs |= jobs
        self.mutes += [mute] * len(jobs)
        return [self._trial(name, job) for name, job in jobs.items()]

    def _trial(self, name: str, job: Intervention) -> Trial:
        rates = [job.lr.schedule(step) if job.lr else 1.0 for step in range(job.stop)]
        train = [self._loss(rates[: step + 1]) for step in range(job.stop)]
        end = self._loss(rates) if rates else self.first
        noise = self.noise * self.draw.standard_normal(job.coast)
        coast = [float(end + move) for move in 0.02 * (-1.0) ** np.arange(job.coast) + noise]
        rows = [{"step": i + 1, "loss": loss, "update_ratio": self.ratio} for i, loss in enumerate(train)]
        rows += [{"step": len(train) + i + 1, "phase": "coast", "loss": loss} for i, loss in enumerate(coast)]
        self.rows += len(rows)
        done = Trial(name, self.folder / name, job, self.start)
        done.folder.mkdir(parents=True)
        (done.folder / "stdout").write_text(f"acc 0.5\nerr {100 + 10 * end}\n")
        done.__dict__["record"] = Record(rows, [self._heldout(rates)] if job.glide == "validation" else [])
        self.rows += 3 * (job.glide == "validation")
        return done

    def _heldout(self, rates: list[float]) -> dict:
        """A validation pass: best where the rate times the steps is that of 100 steps at ``kind``."""
        apart = math.log(self.kind * 100 / (rates[-1] * len(rates))) if rates else INF
        loss = self.first - self.gain * math.exp(-0.15 * apart**2)
        return {"event": "validation", "site": "here", "step": len(rates), "loss": loss, "batches": 3}

    def _loss(self, rates: list[float]) -> float:
        best = self.best * (len(rates) / 100) ** -0.5
        if max(rates) > self.breaks * best * (self.warm if self.warm and rates[0] < 0.9 * max(rates) else 1.0):
            return NAN
        share = math.exp(-0.15 * math.log(rates[-1] / best) ** 2)
        return self.first - self.gain * share * len(rates) / (len(rates) + self.slow)


def search_of(runner: Toy, steps: int = 2000, **more) -> Search:
    one = Search(runner, "here", Recipe(steps, flatly), **more)
    one.go()
    return one


@pytest.mark.parametrize("best", [0.02, 1.0, 60.0])
@pytest.mark.parametrize("breaks", [2.0, 10.0, 100.0])
def test_a_search_finds_the_best_rate(best, breaks, tmp_path):
    runner, told_at = Toy(tmp_path, best=best, breaks=breaks), []
    found = search_of(runner, tell=lambda search: told_at.append(len(search.rungs)))
    truth, one = best * 20**-0.5, found.estimate()
    assert truth / (2 if breaks > 2.0 else 2.5) < one.scale < truth * 2  # beside a cliff the choice is careful
    assert one.interval[0] < truth < one.interval[1] or breaks == 2.0
    assert told_at == [0, 1, 2]
    assert found.spent == runner.rows
    more = [len(rung.scale) - count for rung, count in zip(found.rungs, (len(FIRST), len(LAST)), strict=True)]
    assert found.spent <= found.planned + sum(n * (r.steps + 12) for n, r in zip(more, found.rungs, strict=True))
    assert [rung.steps for rung in found.rungs] == list(lengths(2000))
    assert [rung.paired for rung in found.rungs] == [True, True]
    assert len(found.rungs[1].scale) <= len(LAST) + 1
    assert not any(rung.edge for rung in found.rungs)
    assert found.first_loss == pytest.approx(BEGIN)
    assert set(runner.mutes) == {True}
    assert all(job.coast for name, job in runner.jobs.items() if "rung" in name or "start" in name)


@pytest.mark.parametrize(("breaks", "limited"), [(1.2, True), (100.0, False)])
def test_a_cliff_limits_the_rate(breaks, limited, tmp_path):
    assert search_of(Toy(tmp_path, breaks=breaks)).limited is limited


@pytest.mark.parametrize("warm", [0.0, 10.0])
def test_a_warm_up_is_tried(warm, tmp_path):
    runner = Toy(tmp_path, breaks=0.15, warm=warm)
    found = search_of(runner)
    assert found.better_warm(warmed(found.recipe)) is bool(warm)
    assert found.spent == runner.rows
    tried = [job for name, job in runner.jobs.items() if name.startswith("warm-")]
    assert len(tried) == 2
    assert all(job.lr.schedule(0) < job.lr.schedule(found.rungs[0].steps - 1) for job in tried)


@pytest.mark.parametrize(
    ("toy", "rungs", "broke"),
    [
        ({"first": NAN}, 0, None),
        ({"breaks": 0.0}, 1, True),
    ],
    ids=["no loss", "breaks at any rate"],
)
def test_a_search_gives_up(toy, rungs, broke, tmp_path):
    runner = Toy(tmp_path, **toy)
    found = search_of(runner)
    assert len(found.rungs) == rungs
    assert [rung.broke for rung in found.rungs] == [broke] * rungs
    assert found.estimate() is None
    assert status(found.start, found.rungs) == "not_learning"
    assert found.spent == runner.rows


def test_where_too_little_is_learned_the_middle_is_trained_longer(tmp_path):
    runner = Toy(tmp_path, gain=0.04, slow=500.0, noise=0.3)
    found = search_of(runner)
    first, last = lengths(2000)
    assert not learned(found.start, found.rungs[0], 4.0)
    again = found.rungs[1]
    assert len(found.rungs) == 2
    assert last > again.steps > 2 * first
    assert again.scale == found.rungs[0].scale[1:5]
    assert {len(losses) for losses in again.losses} == {len(again.untrained)} == {24 + again.steps // 4}
    assert statistics.fmean(again.untrained) == pytest.approx(BEGIN, abs=0.3)
    assert found.spent == runner.rows <= 1.05 * found.budget


def test_a_rung_goes_on_beyond_its_edge(tmp_path):
    runner = Toy(tmp_path, best=0.001, breaks=1e9, ratio=1e-2, slow=200.0)
    found = search_of(runner)
    one = found.rungs[0]
    assert len(one.scale) > len(FIRST)
    assert list(one.scale) == sorted(one.scale)
    assert min(one.scale) < one.best < max(one.scale)


def test_candidates_that_saw_other_data_are_tried_again(tmp_path):
    runner = Toy(tmp_path, start="rewind")
    found = search_of(runner)
    assert [rung.paired for rung in found.rungs] == [False, False]
    (again,) = [name for name in runner.jobs if name.startswith("again-")]
    assert float(again.removeprefix("again-")) == pytest.approx(found.rungs[1].best, rel=1e-3)
    assert found.rungs[1].noise == 0.0  # a toy's trials are all alike
    assert found.spent == runner.rows


@pytest.mark.parametrize(("name", "prefix"), [("", ""), ("adamw", "adamw-"), ("sgd, weight decay 0.1", None)])
def test_searches_side_by_side_have_trials_of_their_own(name, prefix, tmp_path):
    runner = Toy(tmp_path)
    search_of(runner, name=name, judge=Judge(), most=1000)
    prefix = "sgd-weight-decay-0.1-" if prefix is None else prefix
    assert all(trial.startswith(prefix) and " " not in trial for trial in runner.jobs)
    assert sum(trial.startswith(f"{prefix}rung") for trial in runner.jobs) >= len(FIRST) + len(LAST)


def test_a_judge_by_a_metric_lets_the_script_speak(tmp_path):
    runner = Toy(tmp_path)
    found = search_of(runner, judge=Judge(r"acc (\S+)", "max"))
    assert found.rungs[0].loss == (-0.5,) * len(found.rungs[0].scale)
    glides = [job.glide for name, job in runner.jobs.items() if name.startswith("rung")]
    assert set(glides) == {True}
    assert False in runner.mutes


@pytest.mark.parametrize("kind", [0.1, 1.0])
def test_a_judge_by_validation_finds_what_overfits_least(kind, tmp_path):
    runner = Toy(tmp_path, breaks=1e9, kind=kind)
    found = search_of(runner, judge=Judge(site="here", by="validation"), law=DISTANCE)
    truth = kind / 20
    assert truth / 2 < found.estimate().scale < truth * 2
    assert found.start == (BEGIN,)
    assert found.untaught == BEGIN
    assert found.spent == runner.rows
    assert not any(job.coast for name, job in runner.jobs.items() if "rung" in name)


def test_validation_that_rises_lowers_the_rate(tmp_path):
    plain = search_of(Toy(tmp_path / "plain", breaks=1e9)).estimate()
    found = search_of(Toy(tmp_path / "looked", breaks=1e9, kind=0.1), judge=Judge(site="here"))
    assert found.rungs[-1].overfits(found.untaught)
    assert found.rungs[-1].kindest > min(found.rungs[-1].scale)  # the rung went on until it had seen both sides
    assert found.estimate().scale < 0.2 * plain.scale


def test_the_last_rung_goes_on_beyond_its_edge(tmp_path):
    found = search_of(Toy(tmp_path, best=60.0, breaks=2.0))
    assert len(found.rungs[1].scale) > len(LAST)
    assert not found.rungs[1].edge


def test_a_metric_has_a_unit_of_its_own(tmp_path):
    found = search_of(Toy(tmp_path), judge=Judge(r"err (\S+)", "min"))
    truth = 20**-0.5
    assert truth / 2 < found.estimate().scale < truth * 2
    assert status(found.start, found.rungs) == "ok"


# told


def test_a_search_in_plain_values_has_rates_for_factors():
    found = Search(None, None, Recipe(100))
    found.ramp = ((1.0, 10.0), (2.0, NAN))
    found.rungs = [Rung(44, (10.0, 1.0, 100.0), ((1.0, 2.0), (3.0,), ())), Rung(50, (1.0,), ((),))]
    said = told(found, 0.01)
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert said["ramp"] == {"lr": [0.01, 0.1], "loss": [2.0, None]}
    one, broke = said["rungs"]
    assert one["scale"] == [1.0, 10.0, 100.0]
    assert one["lr"] == pytest.approx([0.01, 0.1, 1.0])
    assert (one["steps"], one["loss"], one["se"]) == (44, [3.0, 1.5, None], [0.0, 0.5, 0.0])
    assert one["best"] == pytest.approx(0.1)
    assert (broke["best"], broke["loss"]) == (None, [None])


# all of it, on a real script

SCRIPT = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent / "hostile")!r})
import toy
import torch

torch.manual_seed(0)
x = torch.randn(400, 20) * torch.logspace(0, -1, 20)
y = x @ torch.randn(20, 1) + 0.3 * torch.randn(400, 1)
model = torch.nn.Linear(20, 1)
torch.nn.init.zeros_(model.weight), torch.nn.init.zeros_(model.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=0.002)
for step in range(450):
    batch = torch.randint(400, (16,))
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(x[batch]), y[batch])
    loss.backward()
    optimizer.step()
"""
STEPS = 400


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_the_rate_that_is_found_is_that_of_a_dense_grid(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    grid = [10 ** (exponent / 4) for exponent in range(2, 11)]
    program, recipe = Program("script", str(tmp_path / "train.py")), Recipe(STEPS, flatly)
    with Runner(program, tmp_path, start="fork", workers=2) as runner:
        point = runner.trailhead()
        search = Search(runner, point, recipe)
        search.go()
        found = search.estimate()
        end = Intervention(stop=STEPS, coast=32)
        jobs = {f"grid-{i}": recipe.at(scale, STEPS) & end for i, scale in enumerate([found.scale, *grid])}
        ours, *theirs = [statistics.fmean(one.record.losses("coast") or (INF,)) for one in runner.branch(point, jobs)]
    best = grid[theirs.index(min(theirs))]
    assert best / 3 <= found.scale <= best * 3
    assert ours <= 1.15 * min(theirs)
    assert found.interval[0] < best < found.interval[1]
    assert status(search.start, search.rungs) == "ok"
    rest = DRY_STEPS + START + len(search.ramp[1])
    trained = (len(rung.scale) * (rung.steps + coasting(rung.steps)) for rung in search.rungs)
    assert search.spent == rest + sum(trained)
    assert len(list((tmp_path / "trials").glob("rung*"))) == sum(len(rung.scale) for rung in search.rungs)
