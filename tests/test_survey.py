"""The landscape around a script's path, against losses and Hessians that are computed beside it."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn.functional import mse_loss

from leonui.finder.guide import Silent
from leonui.landscape.slices import weights_at
from leonui.survey import LossLandscape, Survey, Wishes, draw_landscape
from leonui.survey.grid import axes, coarse_to_fine
from leonui.survey.judge import curvature, strain, verdict
from leonui.trial.plan import Plan
from leonui.trial.probe.track import Track
from leonui.trial.program import Program
from leonui.trial.runner import Runner

SCRIPT = str(Path(__file__).parent / "hostile" / "path.py")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def surveyed(case: str, folder: Path, start: str = "auto", **wishes) -> tuple[Survey, dict]:
    """A landscape, and what it tells."""
    program = Program("script", SCRIPT, (case,))
    survey = Survey(program, folder, Wishes(**wishes))
    with Runner(program, folder, workers=2, start=start) as runner:
        survey.go(runner, Silent())
    return survey, json.loads(json.dumps(survey.result()))


def regression() -> tuple[torch.Tensor, torch.Tensor]:
    """The data of the script's case "two"."""
    torch.manual_seed(0)
    x = torch.randn(64, 2, dtype=torch.float64)
    return x, x @ torch.linspace(1, 2, 2, dtype=torch.float64)[:, None]


@needs_fork
def test_of_two_weights_every_place_has_its_loss(tmp_path):
    survey, result = surveyed("two", tmp_path, points=4, batches=2)
    x, y = regression()
    assert survey.trail is not None
    assert sum(result["explained"]) == pytest.approx(1)
    for row, up in enumerate(result["plane"]["y"]):
        for column, across in enumerate(result["plane"]["x"]):
            (weight,) = weights_at(survey.trail.plane, (across, up))
            assert result["plane"]["loss"][row][column] == pytest.approx(float(mse_loss(x @ weight.T, y)), rel=1e-12)
    recorded = survey.watched.losses()
    assert [step for *_, step in result["path"]] == list(range(25))
    assert [loss for *_, loss, _ in result["path"]][:-1] == pytest.approx(recorded, rel=1e-12)
    for across, up, loss, _ in result["path"]:
        (weight,) = weights_at(survey.trail.plane, (across, up))
        assert float(mse_loss(x @ weight.T, y)) == pytest.approx(loss, rel=1e-9)
    assert result["complete"]
    assert [*tmp_path.rglob("*.pt")] == []
    assert [path.name for path in (tmp_path / "trials").iterdir() if "pla" in path.name or "path" in path.name] == []


@needs_fork
@pytest.mark.slow
@pytest.mark.parametrize("case", ["net", "adam"])
def test_the_curvature_is_that_of_the_dense_hessian(case, tmp_path):
    _, result = surveyed(case, tmp_path, points=0, batches=1)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    try:
        told = {step: value for step, value, _ in result["curvature"]}
        assert set(told) == set(range(2, 25))
        for step, value in expected(case):
            if step in told:
                assert told[step] == pytest.approx(value, rel=1e-6), step
    finally:
        torch.set_default_dtype(torch.float32)
    bound = 2 / 0.05 if case == "net" else 2 * (1 + 0.9) / (1 - 0.9) / 0.05
    assert [row[2] for row in result["curvature"]] == [pytest.approx(bound)] * 23


def expected(case: str):
    """The script's own training again, and the largest eigenvalue at each of its steps."""
    x = torch.randn(64, 3)
    y = x @ torch.linspace(1, 2, 3)[:, None]
    torch.nn.Linear(3, 1, bias=False)  # draws what the script draws before its network
    model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Tanh(), torch.nn.Linear(1, 1))
    make = torch.optim.Adam if case == "adam" else torch.optim.SGD
    optimizer = make(model.parameters(), lr=0.05)
    names = [name for name, _ in model.named_parameters()]
    sizes = [p.numel() for p in model.parameters()]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = zip(names, flat.split(sizes), model.parameters(), strict=True)
        return mse_loss(torch.func.functional_call(model, {name: part.view_as(p) for name, part, p in parts}, (x,)), y)

    for step in range(1, 25):
        flat = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
        matrix = torch.autograd.functional.hessian(loss, flat)
        if case == "adam" and step > 1:
            squares = torch.cat([optimizer.state[p]["exp_avg_sq"].reshape(-1) for p in model.parameters()])
            scale = ((squares / (1 - 0.999 ** (step - 1))).sqrt() + 1e-8).rsqrt()
            matrix = scale[:, None] * matrix * scale
        yield step, float(torch.linalg.eigvalsh(matrix)[-1])
        optimizer.zero_grad()
        mse_loss(model(x), y).backward()
        optimizer.step()


@pytest.mark.slow
@needs_fork
@pytest.mark.parametrize(
    ("case", "code", "kept"),
    [("short", "TOO-SHORT", 3), ("still", "STILL", 0), ("nan", "NONFINITE", 0), ("crash", "CRASH", 11)],
)
def test_where_there_is_no_landscape_it_says_why(case, code, kept, tmp_path):
    _, result = surveyed(case, tmp_path, points=3)
    assert [finding["code"] for finding in result["findings"]] == [code]
    assert len(result["path"]) == kept
    assert result["plane"]["places"] == 0
    assert not result["complete"]
    assert [*tmp_path.rglob("*.pt")] == []


@pytest.mark.slow
@needs_fork
def test_a_straight_path_and_one_that_diverges(tmp_path):
    _, straight = surveyed("straight", tmp_path / "straight", points=3, batches=1)
    assert straight["explained"] == [pytest.approx(1), 0]
    assert "the path is straight" in straight["notes"][0]["template"]
    assert all(loss is not None for row in straight["plane"]["loss"] for loss in row)
    _, broken = surveyed("diverges", tmp_path / "diverges", points=0)
    assert broken["verdict"] == "diverged"
    assert broken["strain"] > 100


@pytest.mark.slow
def test_steps_end_the_training_and_a_rerun_leaves_the_grid_out(tmp_path):
    _, result = surveyed("two", tmp_path, start="rerun", steps=5)
    assert (result["steps"], result["plane"]["places"]) == (5, 0)
    assert [row[3] for row in result["path"]] == [0, 1, 2, 3, 4, 5]
    assert [loss for *_, loss, _ in result["path"]][-1] is None  # of the last weights no loss was computed
    assert result["notes"][0]["template"].startswith("the loss around the path would take a run from the beginning")


@pytest.mark.slow
@needs_fork
@pytest.mark.parametrize("start", ["rewind", "rerun"])
def test_without_forks_each_place_has_the_same_loss(start, tmp_path):
    _, forked = surveyed("two", tmp_path / "fork", points=3, batches=2, steps=3)
    _, other = surveyed("two", tmp_path / start, start=start, points=3, batches=2, steps=3)
    assert other["settings"]["branches start by"] == start
    for ours, theirs in zip(other["plane"]["loss"], forked["plane"]["loss"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)  # no batch differs in this script
    assert start in ("rerun", "rewind") and other["notes"]


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"points": 2}, "points=2 make no grid; give 3 or more, or 0 for the path alone"),
        ({"batches": 0}, "batches=0 are too few to compute a loss; give 1 or more"),
        ({"steps": 2}, "steps=2 are too few for a path; give 3 or more"),
    ],
)
def test_wishes_that_cannot_be_met(wishes, message):
    with pytest.raises(ValueError, match=message):
        Wishes(**wishes)


@pytest.mark.slow
@needs_fork
def test_in_python_it_returns_what_the_command_prints(tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    found = draw_landscape([SCRIPT, "two"], points=3, batches=1)
    assert isinstance(found, LossLandscape)
    assert found.explained == pytest.approx(1)
    assert (len(found.path), len(found.plane["loss"]), len(found.curvature)) == (25, 3, 23)
    assert [trace.type for trace in found.plot().data] == ["contour", "scatter", "scatter"]


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="no distributed training in this torch")
def test_the_way_of_weights_that_are_sharded(tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    launcher = str(Path(sys.executable).with_name("torchrun"))
    script = str(Path(__file__).parent / "hostile" / "rates.py")
    found = draw_landscape([launcher, "--nproc-per-node", "2", script, "fsdp", "20"], points=0, batches=1)
    assert len(found.path) == 20  # who has the last weights left the group before the end


# the parts


@pytest.mark.parametrize("steps", [1, 5, 8, 9, 100, 1000])
@pytest.mark.parametrize("most", [3, 8])
def test_of_a_run_of_any_length_about_as_many_are_kept(steps, most, tmp_path):
    weight = torch.zeros(1, requires_grad=True)
    track, plan = Track(), Plan(str(tmp_path), keep=most)
    for step in range(1, steps + 1):
        weight.data.fill_(step - 1)
        for _ in range(2):  # two optimizers in one step: the first one's turn counts
            track.see(step, [torch.optim.SGD([weight], lr=1.0)], plan)
    kept = sorted(tmp_path.glob("weights-*.pt"))
    made = [int(path.stem[8:]) for path in kept]
    apart = {b - a for a, b in pairwise(made)}
    assert min(steps, most // 2) <= len(made) <= most
    assert made[0] == 0
    assert len(apart) <= 1
    assert [float(torch.load(path)[0][0]) for path in kept] == made


def test_nobody_asked_for_weights(tmp_path):
    for keep in (0, 1, True):
        Track().see(1, [], Plan(str(tmp_path), keep=keep))
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 17])
def test_a_grid_is_walked_once_and_from_far_apart(count):
    order = list(coarse_to_fine(count))
    assert len(order) == len(set(order)) == count**2
    if count == 17:
        assert order[:4] == [(0, 0), (0, 16), (16, 0), (16, 16)]
        assert all(row % 4 == column % 4 == 0 for row, column in order[:25])


@pytest.mark.parametrize("places", [[(0, 0), (5, 1)], [(0, 0), (0, 3)], [(0, 0), (1, 0), (2, 0)], [(-1, -1), (3, 3)]])
def test_a_grid_holds_its_path_with_room(places):
    x, y = axes(places, 9)
    for axis, at in ((0, x), (1, y)):
        values = [place[axis] for place in places]
        assert at[0] < min(values) <= max(values) < at[-1]
    sides = sorted((x[-1] - x[0], y[-1] - y[0]))
    assert sides[1] <= 2 * sides[0]
    assert len(x) == len(y) == 9


@pytest.mark.parametrize(
    ("losses", "strained", "word"),
    [
        ([], 1.0, "none"),
        ([2.0, 1.0], None, "seen"),
        ([2.0, 1.0], 0.49, "below"),
        ([2.0, 1.0], 0.51, "edge"),
        ([2.0, 1.0], 1.99, "edge"),
        ([2.0, 1.0], 2.01, "beyond"),
        ([1.0, 1.04], 0.1, "below"),
        ([1.0, 1.06], 0.1, "diverged"),
        ([-1.0, -1.04], 0.1, "below"),
        ([1.0, float("nan")], 0.1, "diverged"),
    ],
)
def test_verdicts(losses, strained, word):
    assert verdict(losses, strained) == word


def test_what_the_rate_can_bear():
    nan = float("nan")
    events = [
        {"step": 2, "lambda_max": 4.0, "limit": 0.5},
        {"step": 4, "lambda_max": -1.0, "limit": nan},
        {"step": 6, "error": "cannot be differentiated twice"},
        {"step": 8, "lambda_max": "NaN", "limit": nan},
        {"step": 9, "lambda_max": 30.0, "limit": 2 / 30},
    ]
    rows = curvature(events, {2: 0.1, 4: 0.2, 9: 0.0})
    assert rows == [[2, 4.0, pytest.approx(20.0)], [4, -1.0, pytest.approx(10.0)], [9, 30.0, None]]
    assert strain([[1, 100.0, 1.0], [2, 1.0, 10.0], [3, 3.0, 10.0], [4, 2.0, None]]) == pytest.approx(0.3)
    assert strain([[2, 4.0, None]]) is None


def test_no_torch_is_imported():
    code = "import leonui.survey, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
