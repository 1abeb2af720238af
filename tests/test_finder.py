"""The search for a learning rate: each of its small judgements, and all of it on a real script."""

import json
import math
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.finder import (
    ANYWHERE,
    HORIZON,
    Rung,
    Search,
    breaking,
    climbing,
    coasting,
    cost,
    joined,
    judge,
    lowest,
    search,
    span,
    verdict,
)
from leonui.record import Record
from leonui.trial.intervention import Intervention
from leonui.trial.program import Program
from leonui.trial.runner import Runner

CALM = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

NAN, INF = math.nan, math.inf


def rung(*losses: float, scale: tuple[float, ...] = (), steps: int = 10) -> Rung:
    scale = scale or tuple(10.0**i for i in range(len(losses)))
    return Rung(steps, scale, losses, (0.0,) * len(losses))


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
        ([], ANYWHERE),
        ([0.0, 0.0], ANYWHERE),
        ([None, "NaN"], ANYWHERE),
    ],
)
def test_the_span_of_the_ramp(ratios, expected):
    rows = [{"step": 1} if ratio is None else {"step": 1, "update_ratio": ratio} for ratio in ratios]
    assert span(Record(rows)) == pytest.approx(expected)


@CALM
@given(
    vertex=st.floats(-0.9, 0.9),
    bend=st.floats(1e-3, 1e3),
    floor=st.floats(-5, 5),
    gaps=st.tuples(*[st.floats(1, 2)] * 2),
)
def test_the_vertex_of_a_parabola_is_found_exactly(vertex, bend, floor, gaps):
    logs = (-gaps[0] - 1, -gaps[0], 0.0, gaps[1], gaps[1] + 1)
    losses = tuple(floor + bend * (x - vertex / 2) ** 2 for x in logs)
    found = lowest(rung(*losses, scale=tuple(math.exp(x) for x in logs)))
    assert math.log(found) == pytest.approx(vertex / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ((3.0, 1.0, 3.0), 10.0),
        ((3.0, 1.0, 2.0), 10 ** (1 + 1 / 6)),
        ((1.0, 2.0, 3.0), 1.0),  # at an edge there is no parabola
        ((3.0, 2.0, 1.0), 100.0),
        ((2.0, 1.0, INF), 10.0),
        ((INF, 1.0, 2.0), 10.0),
        ((INF, 1.0, INF), 10.0),
        ((1.0, 1.0, 1.0), 1.0),
        ((2.0, 1.0, 1.0), 10**1.5),
        ((5.0,), 1.0),
    ],
)
def test_the_lowest_point_of_a_rung(losses, expected):
    assert lowest(rung(*losses)) == pytest.approx(expected)


def test_candidates_may_stand_in_any_order():
    assert lowest(rung(1.0, 3.0, 3.0, scale=(10.0, 100.0, 1.0))) == pytest.approx(10.0)


@CALM
@given(losses=st.lists(st.floats(0, 1e6) | st.just(INF), min_size=1, max_size=7))
def test_the_lowest_point_lies_beside_the_best_candidate(losses):
    one = rung(*losses)
    if math.isfinite(min(losses)):
        assert one.best / 10 <= lowest(one) * (1 + 1e-9)
        assert lowest(one) <= one.best * 10 * (1 + 1e-9)


def coasted(*losses: float | str) -> Record:
    rows = [{"step": 1, "loss": 9.0}, {"step": 2, "phase": "skipped"}]
    return Record(rows + [{"step": 3 + i, "phase": "coast", "loss": loss} for i, loss in enumerate(losses)])


@pytest.mark.parametrize(
    ("record", "coast", "expected"),
    [
        (coasted(1.0, 2.0, 3.0), 3, (2.0, 1 / 3**0.5)),
        (coasted(4.0, 4.0), 2, (4.0, 0.0)),
        (coasted(1.0, 2.0), 3, (INF, 0.0)),  # it did not get so far
        (coasted(), 2, (INF, 0.0)),
        (coasted(1.0, "NaN", 3.0), 3, (INF, 0.0)),
        (coasted(1.0, "Infinity", 3.0), 3, (INF, 0.0)),
    ],
)
def test_the_judgement_of_one_candidate(record, coast, expected):
    assert judge(record, coast) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("losses", "length", "steps", "expected"),
    [
        ((3.0, 1.0, 3.0), 100, 100, 10.0),
        ((3.0, 1.0, 3.0), 100, 1000, 10 * 10**-HORIZON),
        ((3.0, 1.0, 3.0), 100, 200, 10 * 2**-HORIZON),
        ((3.0, 1.0, 3.0), 100, 50, 10.0),  # never a larger rate for a shorter run
        ((INF, 2.0, INF), 100, 100, 10.0),
        ((INF, INF, INF), 100, 1000, None),
    ],
)
def test_a_longer_run_gets_a_smaller_rate(losses, length, steps, expected):
    found = verdict(rung(*losses, steps=length), steps)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("steps", "batches"), [(1, 4), (24, 4), (30, 5), (60, 10), (192, 32), (9999, 32)])
def test_coasting(steps, batches):
    assert coasting(steps) == batches


def test_a_rung_in_numbers():
    one, more = rung(3.0, 1.0, steps=60), rung(2.0, 0.5, scale=(0.1, 0.01), steps=60)
    both = joined(one, more)
    assert (both.steps, both.scale, both.loss) == (60, (1.0, 10.0, 0.1, 0.01), (3.0, 1.0, 2.0, 0.5))
    assert (one.best, both.best) == (10.0, 0.01)
    assert (cost(one), cost(both)) == (2 * 70, 4 * 70)


@pytest.mark.parametrize("steps", [5, 20, 1000])
def test_a_climb_warms_up_and_decays(steps):
    it = climbing(3.0, steps, 0.5)
    values = [it.lr.schedule(step) for step in range(steps)]
    assert (it.lr.of, it.clip) == ("base", 0.5)
    assert 2.5 < max(values) <= 3.0
    assert min(values) > 0
    assert values.index(max(values)) <= max(1, 0.05 * steps)


def test_a_search_in_plain_values_has_rates_for_factors():
    found = Search(2.0, (1.0, 10.0), (2.0, 9.0), (rung(3.0, 1.0),), 44)
    said = found.to_json(0.01)
    assert json.loads(json.dumps(said)) == json.loads(json.dumps(said, allow_nan=False))
    assert said["ramp"] == {"lr": [0.01, 0.1], "loss": [2.0, 9.0]}
    assert said["rungs"][0]["lr"] == [0.01, 0.1]
    assert said["rungs"][0]["best"] == pytest.approx(0.1)


SCRIPT = """
import sys
import torch

torch.manual_seed(0)
x = torch.randn(400, 20) * torch.logspace(0, -1, 20)
y = x @ torch.randn(20, 1) + 0.3 * torch.randn(400, 1)
model = torch.nn.Linear(20, 1)
if sys.argv[1] == "zeros":
    torch.nn.init.zeros_(model.weight), torch.nn.init.zeros_(model.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=0.002)
for step in range(200):
    batch = torch.randint(400, (16,))
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(x[batch]), y[batch])
    loss.backward()
    optimizer.step()
"""
STEPS, COAST = 160, 32


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("start", ["random", "zeros"])
def test_the_rate_that_is_found_is_that_of_a_dense_grid(start, tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    grid = [10 ** (exponent / 4) for exponent in range(3, 13)]
    program = Program("script", str(tmp_path / "train.py"), (start,))
    with Runner(program, tmp_path, start="fork", workers=2) as runner:
        point = runner.trailhead()
        found = search(runner, point, STEPS, clip=None)
        end = Intervention(stop=STEPS, coast=COAST)
        jobs = {f"grid-{i}": climbing(scale, STEPS, None) & end for i, scale in enumerate([found.scale, *grid])}
        ours, *theirs = [judge(trial.record, COAST)[0] for trial in runner.branch(point, jobs)]
    best = grid[theirs.index(min(theirs))]
    assert best / 3 <= found.scale <= best * 3
    assert ours <= 1.15 * min(theirs)
    assert found.spent == 3 + len(found.ramp_loss) + sum(map(cost, found.rungs))
    assert [one.steps for one in found.rungs] == [16, 40, 80]
