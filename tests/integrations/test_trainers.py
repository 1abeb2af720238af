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
def test_doctor_finds_nothing_wrong_in_a_sound_script(trainer, tmp_path):
    said = leonui("doctor", trainer, tmp_path)
    told = [(one["code"], one["class"], one["file"], one["line"]) for one in said["findings"]]
    assert (said["verdict"], told) == ("healthy", [])
    assert len(said["checklist"]) > 10


@pytest.mark.parametrize("trainer", TRAINERS)
def test_lr_finds_a_rate(trainer, tmp_path):
    said = leonui("lr", trainer, tmp_path)
    assert 3e-4 < said["lr"] < 1, said["status"]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_climb_trains_better(trainer, tmp_path):
    said = leonui("climb", trainer, tmp_path, "--seeds", "1")
    assert said["complete"]
    assert said["climb"] < said["baseline"]


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
