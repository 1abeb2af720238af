"""The search for a learning rate on whole scripts, the odd ones above all: each has a defined answer."""

import html
import json
import math
import os
import sys
from pathlib import Path

import pytest
import torch

import leonui
from leonui.finder.guide import Silent
from leonui.finder.status import REFUSED
from leonui.rate import Job, LRFinding, Ramp, Wishes, find_lr
from leonui.record import Record
from leonui.trial.program import Program
from leonui.trial.runner import Runner

SLOW = pytest.mark.slow
SCRIPT = str(Path(__file__).parent / "hostile" / "rates.py")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def found(case: str, folder: Path, start: str = "auto", *, argv: tuple[str, ...] = (), **wishes) -> dict:
    """What a search of one case tells."""
    program = Program.parse(list(argv)) if argv else Program("script", SCRIPT, (case,))
    job = Job(program, folder, Wishes(**wishes))
    with Runner(program, folder, workers=2, start=start) as runner:
        job.go(runner, Silent())
    return json.loads(json.dumps(job.result()))


@pytest.mark.parametrize(
    ("case", "statuses", "code"),
    [
        ("constant", ("not_learning",), ""),
        pytest.param("ascends", ("not_learning",), "", marks=SLOW),
        pytest.param("nan", ("not_learning",), "", marks=SLOW),
        pytest.param("unbounded", ("edge",), "", marks=SLOW),
        pytest.param("frozen", ("not_learning",), "CRASH", marks=SLOW),
        ("five", ("not_learning",), "TOO-SHORT"),
    ],
)
def test_where_there_is_no_rate_none_is_given(case, statuses, code, tmp_path):
    result = found(case, tmp_path)
    assert result["status"] in statuses
    assert (result["lr"], result["scale"], result["interval"], result["per_group"]) == (None, None, None, [])
    assert [finding["code"] for finding in result["findings"]] == [code] * bool(code)
    assert result["status"] in REFUSED


def test_a_script_whose_update_is_written_by_hand_is_told_so(tmp_path):
    script = Path(SCRIPT).with_name("by_hand.py")
    assert [one["code"] for one in found("", tmp_path, argv=(str(script),))["findings"]] == ["HAND-WRITTEN"]


@pytest.mark.parametrize(
    ("case", "peaks"),
    [
        ("plain", [0.01]),
        pytest.param("warm", [0.01], marks=SLOW),
        ("by-hand", [0.02]),
        pytest.param("groups", [0.01, 0.002], marks=SLOW),
        pytest.param("two", [0.01, 0.001], marks=SLOW),
        pytest.param("sum", [0.01], marks=SLOW),
        pytest.param("accumulates", [0.01], marks=SLOW),
        pytest.param("amp", [0.01], marks=SLOW),
    ],
)
def test_a_rate_is_found_and_says_of_what(case, peaks, tmp_path):
    result = found(case, tmp_path)
    assert result["base_lr"] == pytest.approx(peaks, rel=0.01)
    assert result["horizon"] == 60
    low, high = result["interval"]
    assert low < result["lr"] < high
    assert result["per_group"] == pytest.approx([peak * result["scale"] for peak in result["base_lr"]])
    assert result["lr"] == result["per_group"][0]
    # a sum over 32 has 32 times the gradient
    assert (3e-4 if case == "sum" else 0.02) < result["lr"] < (0.1 if case == "sum" else 5.0)
    assert result["status"] in ("ok", "needs_warmup", "overfit_horizon")
    told = " ".join(note["template"] for note in result["notes"])
    assert ("optimizers train here" in told) == (case == "two")
    assert ("sets its rate itself" in told) == (case == "by-hand")
    assert result["epochs"] is None or 1 <= result["epochs"] < 30


def test_a_search_goes_on_from_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.004)
    model(torch.randn(4, 8)).sum().backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "resumed.pt")
    result = found("resumed", tmp_path / "run")
    assert result["base_lr"] == [0.004]
    assert result["lr"] and result["optimizer"] == "AdamW"


def test_what_the_user_saved_is_still_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save("precious", "mine.pt")
    assert found("saves", tmp_path / "run")["lr"]
    assert torch.load("mine.pt") == "precious"


@pytest.mark.slow
def test_a_metric_that_the_script_prints_can_decide(tmp_path):
    result = found("prints", tmp_path, metric="accuracy ([0-9.]+)", goal="max")
    assert result["judged_by"] == "metric"
    assert all(-1 <= loss <= 0 for rung in result["rungs"] for loss in rung["loss"] if loss is not None)
    assert 0.02 < result["lr"] < 5.0


@pytest.mark.slow
def test_rewinding_agrees_with_forking(tmp_path):
    argv = (SCRIPT, "plain", "240")
    forked, rewound = (found("", tmp_path / start, start, argv=argv) for start in ("fork", "rewind"))
    assert rewound["interval"][0] <= forked["lr"] <= rewound["interval"][1]
    assert forked["interval"][0] <= rewound["lr"] <= forked["interval"][1]


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="no distributed training in this torch")
@pytest.mark.parametrize("case", ["ddp", "fsdp"])
def test_two_processes_are_judged_by_the_mean_of_both(case, tmp_path):
    launcher = str(Path(sys.executable).with_name("torchrun"))
    result = found("", tmp_path, argv=(launcher, "--nproc-per-node", "2", SCRIPT, case, "300"))
    assert 0.005 < result["lr"] < 5.0
    assert result["settings"]["branches start by"] == "rewind"
    ranks = {path.name: Record.read(path) for path in tmp_path.glob("trials/rung1-*/record*.jsonl")}
    assert set(ranks) == {"record-rank0.jsonl", "record-rank1.jsonl"}


@pytest.mark.slow
def test_contenders_each_get_a_search(tmp_path):
    result = found("plain", tmp_path, optimizers=("adamw", "sgd"), schedules=("linear",))
    assert [one["name"] for one in result["contenders"]] == ["adamw, linear", "sgd, linear"]
    best = min(result["contenders"], key=lambda one: one["loss"])
    assert best["name"] == f"{result['optimizer']}, {result['schedule']}"
    assert result["lr"] == pytest.approx(best["lr"])


@pytest.mark.slow
def test_a_weight_decay_is_searched_with_the_rate(tmp_path):
    pytest.importorskip("optuna")
    result = found("plain", tmp_path, optimizers=("adamw",), weight_decay="auto")
    assert 1e-4 <= result["weight_decay"] <= 1.0
    assert result["lr"] > 0


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"weight_decay": 0.1}, "weight_decay is tried with an optimizer that is named; give optimizers, or -o, too"),
        ({"goal": "most"}, "goal='most' is not known; choose min or max"),
    ],
)
def test_wishes_that_cannot_be_met(wishes, message):
    with pytest.raises(ValueError) as error:
        Wishes(**wishes)
    assert str(error.value) == message


def test_the_range_test_of_the_lesson(tmp_path):
    program = Program("script", SCRIPT, ("plain", "200"))
    job = Ramp(program, tmp_path)
    with Runner(program, tmp_path) as runner:
        job.go(runner, Silent())
    result = json.loads(json.dumps(job.result()))
    assert result["lr"] == result["suggestions"]["steepest/10"] == pytest.approx(result["suggestions"]["steepest"] / 10)
    assert set(result["suggestions"]) == {"steepest/10", "steepest", "valley", "minimum/10", "slide"}
    assert result["ramp"]["lr"][0] == pytest.approx(1e-7 * 10**0.08)
    assert len(result["ramp"]["lr"]) <= 100


def test_in_code(tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))
    it = find_lr(f"{SCRIPT} plain", workers=2)
    assert isinstance(it, LRFinding)
    assert it.interval[0] < it.lr < it.interval[1]
    assert it.scale == pytest.approx(it.lr / 0.01)
    assert it.per_group == [it.lr]
    assert set(it.lost) == {2.0, 3.0, 10.0}
    assert all(0 <= share <= 1 for both in it.lost.values() for share in both)
    assert [rung["steps"] for rung in it.rungs] == [8, 8]
    assert f"lr={it.lr:.3g}" in it.patch()
    assert it.plot().data
    assert str(it).startswith(f"lr {it.lr:.3g} (80%")


def test_a_function_of_this_process_climbs(tmp_path, monkeypatch):
    monkeypatch.setenv("LEONUI_RUNS", str(tmp_path))

    def train():
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.zeros(5))
        optimizer = torch.optim.SGD([weight], lr=1e-3)
        for _ in range(60):
            x = torch.randn(16, 5)
            loss = (x @ (weight - 1.0)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    found = leonui.climb(train, seeds=1)
    assert (str(found.verdict), found.result["program"]) == ("better", "train()")
    assert found.lr > 1e-3 and found.scale == pytest.approx(found.lr * 1e3)
    assert found.difference < found.interval[1] < 0 and found.changes
    assert [trace.name for trace in found.plot().data if trace.showlegend is not False] == ["baseline", "climb"]
    assert html.escape("The loss on the way") in found._repr_html_()
    assert repr(found) == f"better: lr {found.lr:.3g}"


def test_an_interrupted_search_tells_what_it_knows(tmp_path):
    class Impatient(Silent):
        def picture(self, search):
            if search.rungs:
                raise KeyboardInterrupt

    program = Program("script", SCRIPT, ("plain",))
    job = Job(program, tmp_path)
    with pytest.raises(KeyboardInterrupt), Runner(program, tmp_path, workers=2) as runner:
        job.go(runner, Impatient())
    result = job.result()
    assert not result["complete"]
    assert len(result["rungs"]) == 1
    assert result["interval"][0] < result["lr"] < result["interval"][1]
    assert math.isfinite(result["lr"])
