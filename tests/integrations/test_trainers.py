"""Every trainer that people use: its script as it is under doctor, lr and climb, and with an optimizer of leonui."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LEONUI, environment, left_over

SCRIPTS = Path(__file__).parent / "scripts"
TRAINERS = (
    "lightning_digits",
    "hf_stdlib",
    "accelerate_digits",
    "ignite_digits",
    "skorch_digits",
    "timm_style_digits",
    "keras_loop_digits",
    "amp_digits",
    "accumulation_digits",
    "compile_digits",
    "ema_digits",
)


def leonui(command: str, trainer: str, place: Path, *options: str) -> dict:
    """The JSON that a command prints about a trainer's script."""
    line = [*LEONUI, command, "--json", *options, str(SCRIPTS / f"{trainer}.py")]
    done = subprocess.run(line, cwd=place, env=environment(), capture_output=True, text=True, timeout=500)
    assert left_over(place) == []
    assert done.stdout, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_doctor_names_the_one_fault_and_the_scripts_own_line(trainer, tmp_path):
    """All rates are 0.001, far too low for the few steps that the scripts make."""
    said = leonui("doctor", trainer, tmp_path)
    told = [(one["code"], one["class"], Path(one["file"]).stem) for one in said["findings"]]
    assert told == [("LR-LOW", "caused by", trainer)]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_lr_finds_a_higher_rate(trainer, tmp_path):
    said = leonui("lr", trainer, tmp_path)
    assert 2e-3 < said["lr"] < 1, said["status"]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_climb_trains_better(trainer, tmp_path):
    said = leonui("climb", trainer, tmp_path, "--seeds", "1")
    assert (said["complete"], said["verdict"]) == (True, "better")
    assert said["climb"]["loss"] < said["baseline"]["loss"]


def test_keras_own_optimizers_are_not_seen(tmp_path):
    """They are no torch.optim.Optimizer; the doctor says that nothing was trained, and claims no more."""
    said = leonui("doctor", "keras_digits", tmp_path)
    assert [one["code"] for one in said["findings"]] == ["NO-TRAINING"]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_an_optimizer_of_leonui_drops_in(trainer, tmp_path):
    """The same rule with the same settings: the same loss in the end, to rounding."""
    ends = [trained(trainer, tmp_path, *how) for how in ((), ("drop-in",))]
    assert ends[0] == pytest.approx(ends[1], rel=2e-3)


def trained(trainer: str, place: Path, *how: str) -> float:
    line = [sys.executable, str(SCRIPTS / f"{trainer}.py"), *how]
    done = subprocess.run(line, cwd=place, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return float(done.stdout.split("val_loss")[-1].split()[0])
