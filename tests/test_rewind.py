"""Trials in one process that is put back to its first step each time: all of it but the script's data."""

import copy
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import leonui
from leonui.trial.intervention import Intervention
from leonui.trial.probe.rewind import Rewind
from leonui.trial.program import Program
from leonui.trial.runner import Runner
from leonui.trial.trial import Trial

MAKES = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.02),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.02, amsgrad=True),
    "our SGD": lambda p: leonui.optim.SGD(p, lr=0.1, momentum=0.9),
    "our AdamW": lambda p: leonui.optim.AdamW(p, lr=0.02),
}


class Training:
    """A network with batch normalisation and dropout under a GradScaler, on data from three random generators."""

    def __init__(self, make, scaled: bool = False):
        for seed in (torch.manual_seed, random.seed, np.random.seed):
            seed(3)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1)
        )
        self.optimizer = make(self.model.parameters())
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16, growth_interval=2, enabled=scaled)

    def steps(self, count: int) -> list[float]:
        losses = []
        for _ in range(count):
            x = torch.randn(8, 4) * random.random() + float(np.random.rand())
            loss = F.mse_loss(self.model(x), x.sum(1, keepdim=True))
            self.optimizer.zero_grad()
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            losses.append(loss.item())
        return losses

    def state(self) -> dict:
        """Everything that a training is, but for its gradients; groups go on as the script has them."""
        return copy.deepcopy(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict()["state"],
                "scaler": self.scaler.state_dict(),
                "torch": torch.get_rng_state(),
                "python": random.getstate(),
                "numpy": np.random.get_state(),
            }
        )


def equal(a, b) -> bool:
    """Whether two states are the same, bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


@pytest.mark.parametrize("scaled", [False, True], ids=["", "GradScaler"])
@pytest.mark.parametrize("before", [0, 3], ids=["at its beginning", "under way"])
@pytest.mark.parametrize("make", MAKES)
def test_everything_is_put_back(make, before, scaled):
    training = Training(MAKES[make], scaled)
    training.steps(before)
    state = training.state()
    rewind = Rewind([training.optimizer])
    assert equal(training.state(), state)  # to look changes nothing
    losses = training.steps(5)
    after = training.state()
    assert not equal(after["model"], state["model"])
    for _ in range(2):
        rewind.restore()
        assert equal(training.state(), state)
        assert all(p.grad is None for p in training.model.parameters())
        assert training.steps(5) == losses
        assert equal(training.state(), after)


def test_the_parts_of_a_state_are_told_apart():
    one, other = Training(MAKES["AdamW"], True), Training(MAKES["AdamW"], True)
    assert equal(one.state(), other.state())
    for key, change in {
        "model": lambda: one.model[1].running_mean.add_(1.0),
        "optimizer": lambda: one.steps(1),
        "scaler": lambda: one.scaler.update(4.0),
        "torch": lambda: torch.rand(1),
        "python": random.random,
        "numpy": np.random.rand,
    }.items():
        before = one.state()
        change()
        assert not equal(one.state()[key], before[key]), key


def test_several_optimizers_and_networks_that_none_of_them_trains():
    torch.manual_seed(0)
    a, b, frozen = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3)
    loose = torch.ones(3, requires_grad=True)  # in no module
    optimizers = [torch.optim.SGD([*a.parameters(), loose], lr=0.1, momentum=0.9), torch.optim.Adam(b.parameters())]
    tensors = [*a.parameters(), *b.parameters(), *frozen.buffers(), loose]
    rewind, before = Rewind(optimizers), [t.detach().clone() for t in tensors]
    for _ in range(3):
        (b(frozen(a(torch.randn(5, 3)))) * loose).square().sum().backward()
        for optimizer in optimizers:
            optimizer.step()
    assert not any(torch.equal(t, old) for t, old in zip(tensors, before, strict=True))
    rewind.restore()
    assert all(torch.equal(t, old) for t, old in zip(tensors, before, strict=True))
    assert [dict(optimizer.state) for optimizer in optimizers] == [{}, {}]


def test_weights_stay_the_same_objects_and_rates_as_the_script_has_them():
    training = Training(MAKES["AdamW"])
    rewind = Rewind([training.optimizer])
    places = [p.data_ptr() for p in training.model.parameters()]
    training.steps(2)
    training.optimizer.param_groups[0]["lr"] = 0.5
    groups = training.optimizer.param_groups
    rewind.restore()
    assert [p.data_ptr() for p in training.model.parameters()] == places
    assert training.optimizer.param_groups[0]["lr"] == 0.5
    assert [len(group["params"]) for group in training.optimizer.param_groups] == [len(g["params"]) for g in groups]


# in a process of its own

SCRIPT = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent / "hostile")!r})
import toy
import torch

torch.set_num_threads(1)
torch.manual_seed(0)
x, y = torch.randn(40, 4), torch.randn(40, 1)
model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
for step in range(30):
    at = {{"whole": slice(None), "passed": slice(step, step + 8)}}[sys.argv[1]]
    loss = torch.nn.functional.mse_loss(model(x[at]), y[at])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
JOB = Intervention(stop=8, coast=4)


def trials(data: str, folder: Path) -> list[Trial]:
    """Three equal trials; the script ends in the third."""
    (folder / "train.py").write_text(SCRIPT)
    with Runner(Program("script", str(folder / "train.py"), (data,)), folder, start="rewind", workers=2) as runner:
        point = runner.trailhead()
        assert runner.start == "rewind"
        assert point.line is not None
        return runner.branch(point, dict.fromkeys(("one", "two", "three"), JOB))


def read(trial: Trial) -> list[float]:
    return [row["loss"] for row in trial.record.rows]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no sockets of this kind on this system")
@pytest.mark.parametrize("data", ["whole", "passed"])
def test_trials_one_after_the_other_in_one_process(data, tmp_path):
    done = trials(data, tmp_path)
    for trial in done:
        assert (trial.start, trial.why) == ("rewind", "asked for")
        assert [row.get("phase", "train") for row in trial.record.rows] == ["train"] * 8 + ["coast"] * 4
        assert trial.record.last("exception") == {}
        assert not trial.stalled
        assert json.loads((trial.folder / "plan.json").read_text())["hold"] is True
    one, two, three = map(read, done)
    pids = [trial.record.last("trailhead")["pid"] for trial in done]
    assert pids[0] == pids[1] != pids[2]  # its data came to their end: begun anew
    assert one == three
    assert (one == two) is (data == "whole")
    assert len(set(one[:8])) == 8  # it trained
