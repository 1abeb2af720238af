"""Watching changes nothing: a watched run, and a branch of it, have the losses of the run itself, bit for bit."""

import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from leonui.trial.intervention import Intervention
from leonui.trial.process import ONE_THREAD
from leonui.trial.program import Program
from leonui.trial.runner import Runner

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
STEPS = 12
# every source of chance that a script may draw on, each seeded, each used at every step
CHANCE = """
import random
import numpy as np
import torch

random.seed(3), np.random.seed(4), torch.manual_seed(5)
model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters())
for _ in range(40):
    x = torch.randn(7, 6) + random.random() + np.random.rand()
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
ROWS = {
    "digits_mlp": ["--epochs", "1"],
    "digits_cnn": ["--epochs", "1"],
    "cancer_logistic": ["--epochs", "2"],
    "diabetes_regression": ["--epochs", "2"],
    "stdlib_transformer": ["--steps", "14"],
    "chance": [],
}
LIKE = {"digits_mlp", "digits_cnn", "cancer_logistic", "diabetes_regression"}  # the others: run with the proofs
EQUAL = "test_a_watched_run_and_a_branch_equal_the_unwatched_run"


def unwatched(script: Path, args: list[str]) -> list[float]:
    command = [sys.executable, str(HERE / "plain_losses.py"), str(script), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return [float(loss) for loss in done.stdout.splitlines()[-1].split()[1:]]


def watched(script: Path, args: list[str], folder: Path) -> tuple[list[float], list[float]]:
    with Runner(Program("script", str(script), tuple(args)), folder, start="fork") as runner:
        straight = runner.straight("straight")
        branch, pair = runner.branch(runner.trailhead(), {"a": Intervention(), "b": Intervention(stop=STEPS)})
    assert pair.record.losses() == branch.record.losses()[:STEPS]
    return straight.record.losses(), branch.record.losses()


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """The runs of all tests that were selected, two at a time: importing torch is most of what they do."""
    selected = {item.name for item in request.session.items}
    rows = {name: args for name, args in ROWS.items() if f"{EQUAL}[{name}]" in selected}
    place = tmp_path_factory.mktemp("identity")
    (place / "chance.py").write_text(CHANCE)
    scripts = {name: place / "chance.py" if name == "chance" else EXAMPLES / f"{name}.py" for name in ROWS}
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        for name, value in ONE_THREAD.items():
            patch.setenv(name, value)
        plain = {name: pool.submit(unwatched, scripts[name], args) for name, args in rows.items()}
        seen: dict[str, Future] = {}
        for name, args in rows.items():
            seen[name] = pool.submit(watched, scripts[name], args, place / name)
        yield plain, seen


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LIKE else []) for name in ROWS]
)
def test_a_watched_run_and_a_branch_equal_the_unwatched_run(name, runs):
    plain, seen = runs
    expected = plain[name].result()
    straight, branch = seen[name].result()
    assert len(expected) > STEPS
    assert straight == expected
    assert branch == expected
