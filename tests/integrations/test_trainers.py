"""Every trainer that people use: its script as it is under each command, and with an optimizer of leonui."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LEONUI, environment, left_over

SCRIPTS = Path(__file__).parent / "scripts"
PACKAGES = (
    "lightning_digits",
    "hf_stdlib",
    "accelerate_digits",
    "ignite_digits",
    "skorch_digits",
    "keras_digits",
    "keras_loop_digits",
)
LOOPS = ("timm_style_digits", "amp_digits", "accumulation_digits", "compile_digits", "ema_digits")
TRAINERS = PACKAGES + LOOPS


def others_slow(*quick: str, among: tuple[str, ...] = TRAINERS) -> list:
    """All of them as parameters; those that are not named here are marked as slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in among]


# what a trainer does to a loop is all in these three
SOME = others_slow("lightning_digits", "hf_stdlib", "keras_digits")
DROPS_IN = tuple(name for name in TRAINERS if name != "keras_digits")  # no optimizer of torch fits there


def leonui(command: str, trainer: str, place: Path, *options: str) -> dict:
    """The JSON that a command prints about a trainer's script."""
    line = [*LEONUI, command, "--json", *options, str(SCRIPTS / f"{trainer}.py")]
    done = subprocess.run(line, cwd=place, env=environment(), capture_output=True, text=True, timeout=1500)
    assert left_over(place) == []
    assert done.stdout, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_doctor_names_the_one_fault_and_the_scripts_own_line(trainer, tmp_path):
    """All rates are 0.001, far too low for the few steps that the scripts make."""
    said = leonui("doctor", trainer, tmp_path)
    told = [(one["code"], one["class"], Path(one["file"]).stem) for one in said["findings"]]
    assert told == [("LR-LOW", "caused by", trainer)]


@pytest.mark.parametrize("trainer", SOME)
def test_lr_finds_a_higher_rate(trainer, tmp_path):
    said = leonui("lr", trainer, tmp_path)
    assert 2e-3 < said["lr"] < 1, said["status"]


@pytest.mark.parametrize("trainer", SOME)
def test_climb_trains_better(trainer, tmp_path):
    said = leonui("climb", trainer, tmp_path, "--seeds", "1")
    assert (said["complete"], said["verdict"]) == (True, "better")
    assert said["climb"]["loss"] < said["baseline"]["loss"]


@pytest.mark.slow
@pytest.mark.parametrize("trainer", TRAINERS)
def test_race_swaps_the_optimizer(trainer, tmp_path):
    """Both train twice, at a rate of their own, and end elsewhere."""
    said = leonui("race", trainer, tmp_path, "-o", "lion", "--seeds", "2", "--track", "defaults")
    finals = {one["entrant"]: one["losses"] for one in said["entrants"]}
    assert all(one["state_bytes"] > 0 for one in said["entrants"])  # also of an optimizer that is Keras' own
    assert sorted(finals) == ["lion", "own"]
    assert len({loss for ends in finals.values() for loss in ends}) == 4


@pytest.mark.parametrize("trainer", others_slow(*PACKAGES, among=DROPS_IN))
def test_an_optimizer_of_leonui_drops_in(trainer, tmp_path, record_property):
    """The same rule with the same settings: the same loss in the end, to rounding."""
    ends = [trained([SCRIPTS / f"{trainer}.py", *how], tmp_path) for how in ((), ("drop-in",))]
    record_property("ends", ends)
    assert ends[0] == pytest.approx(ends[1], rel=2e-3)


@pytest.mark.parametrize("trainer", SOME)
def test_a_watched_run_is_the_run(trainer, tmp_path):
    """Bit for bit."""
    script = SCRIPTS / f"{trainer}.py"
    assert trained([script], tmp_path) == trained(["-m", "leonui", "watch", script], tmp_path)


def trained(words: list[str | Path], place: Path) -> float:
    """The validation loss that a script prints last."""
    line = [sys.executable, *map(str, words)]
    done = subprocess.run(line, cwd=place, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return float(done.stdout.split("val_loss")[-1].split()[0])
