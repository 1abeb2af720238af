"""The command leonui ppo: what it leaves, how it goes on, what it refuses."""

import json
import os
import signal
import subprocess
import time

import pytest
from click.testing import CliRunner

from leonui import runs
from leonui.cli import cli
from leonui.command import ppo as ppo_command
from leonui.command.ppo import curve, interval, summary
from leonui.record import Record
from leonui.report import document
from leonui.terminal.ppo import sparkline
from tests.conftest import LEONUI, environment
from tests.test_hostile import SMALL_DISK, may_mount

STEPS = 1024


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("ppo")


@pytest.fixture(scope="module")
def trained(place):
    """A run of two seeds and its result, of a process as a user starts it."""
    words = [*LEONUI, "ppo", "CartPole-v1", "--steps", str(STEPS), "--seeds", "2", "--set", "lr=0.002", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=place, env=environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def invoke(place, *words):
    return CliRunner().invoke(cli, ["ppo", *words, "--runs", str(place / ".leonui")])


def test_a_training_leaves_its_records_its_result_and_a_report(place, trained):
    assert trained["complete"]
    assert trained["settings"]["lr"] == 0.002
    assert [seed["steps"] for seed in trained["seeds"]] == [STEPS, STEPS]
    assert trained["return"]["low"] <= trained["return"]["mean"] <= trained["return"]["high"]
    assert trained["findings"] == []
    folder = place / trained["run"]
    for seed in (1, 2):
        record = Record.read(folder / f"seed-{seed}" / "record.jsonl")
        assert [row["update"] for row in record.rows] == [1, 2, 3, 4]
        assert record.last("ppo")["environment"] == "CartPole-v1"
        assert len(record.last("evaluation")["returns"]) == 20
        assert not record.last("evaluation")["normaliser_moved"]
    page = (folder / "report.html").read_text()
    assert 'data-chart="return"' in page and 'data-chart="explained_variance"' in page
    assert "Lợi tức" in page


@pytest.mark.slow
def test_it_goes_on_where_it_was(place, trained, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    done = invoke(place, "--resume", trained["run"].split("/")[-1], "--steps", str(STEPS + 512), "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert [seed["steps"] for seed in result["seeds"]] == [STEPS + 512] * 2
    rows = Record.read(place / trained["run"] / "seed-1" / "record.jsonl").rows
    assert [row["update"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_a_policy_plays(place, trained, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    done = invoke(place, "--play", trained["run"].split("/")[-1], "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert len(told["returns"]) == 20
    assert told["why"] == ""
    assert (place / trained["run"] / "play.gif").read_bytes()[:3] == b"GIF"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name an environment, like CartPole-v1, or a run with --resume or --play"),
        (("CartPol-v1",), "Gymnasium has no environment 'CartPol-v1'; the nearest are CartPole-v1"),
        (("FrozenLake-v1",), "observations of Discrete(16) are not supported"),
        (("CartPole-v1", "--set", "rate=1"), "PPO has no setting 'rate'; it has envs"),
        (("CartPole-v1", "--set", "lr=fast"), "lr='fast' is not a number"),
        (("CartPole-v1", "--set", "lr"), "'lr' has no value; give one like lr=0.001"),
        (("--resume", "never"), "there is no run 'never'"),
    ],
)
def test_what_cannot_be_trained(words, message, tmp_path, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    done = invoke(tmp_path, *words)
    assert done.exit_code == 2
    assert message in done.stderr


WORLD = """
import gymnasium, numpy

class World(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), numpy.float32)
    action_space = gymnasium.spaces.MultiDiscrete([2, 3])
    count = 0

    def reset(self, *, seed=None, options=None):
        return numpy.zeros(2, numpy.float32), {}

    def step(self, action):
        self.count += 1
        return numpy.zeros(2, numpy.float32), float(action[1] == 2) / (self.count < 200), self.count % 8 == 0, False, {}

gymnasium.register("World-v0", World)
"""


@pytest.mark.slow
def test_an_environment_of_ones_own_that_breaks(tmp_path):
    (tmp_path / "world_of_mine.py").write_text(WORLD)
    words = [*LEONUI, "ppo", "world_of_mine:World-v0", "--steps", "4096", "--set", "length=32", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment())
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["failures"] == ["seed 1: ZeroDivisionError: float division by zero"]
    assert told["seeds"][0]["steps"] == 6 * 32 * 4
    assert (tmp_path / told["run"] / "seed-1" / "checkpoint.pt").exists()
    assert "world_of_mine.py" in done.stderr


def test_a_run_of_another_command_does_not_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    (tmp_path / ".leonui" / "20260101-000000-lr").mkdir(parents=True)
    done = invoke(tmp_path, "--resume", "last")
    assert done.exit_code == 2
    assert "is no run of leonui ppo: it has no plan of one; leonui runs lists them" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Pendulum-v1"], "environment='Pendulum-v1' is not what {} was begun with, 'CartPole-v1'; leave it out"),
        (["--seeds", "1"], "seeds=1 is not what {} was begun with, 2; leave it out to go on, or begin a new run"),
        (["--set", "lr=0.1"], "lr=0.1 is not what {} was begun with, 0.002; leave it out to go on"),
        (["--play", "last", "--steps", "9"], "--play shows a run as it is: leave out --steps, --resume"),
    ],
)
def test_a_training_goes_on_as_it_was_begun(words, message, tmp_path, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(ppo_command, "_train", None)
    plan = {"environment": "CartPole-v1", "settings": {"lr": 0.002}, "seeds": [1, 2], "steps": 9}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    done = invoke(tmp_path, *words, "--resume", str(tmp_path))
    assert done.exit_code == 2
    assert message.format(tmp_path) in " ".join(done.stderr.split())


def test_two_commands_do_not_train_in_one_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(ppo_command, "_train", None)
    (tmp_path / "plan.json").write_text(json.dumps({"seeds": [1]}))
    with runs.claimed(tmp_path):
        done = invoke(tmp_path, "--resume", str(tmp_path))
    assert done.exit_code == 2
    assert f"another leonui is at work on {tmp_path}; wait for its end, or end it" in done.stderr


def test_a_checkpoint_that_is_cut_short_is_told_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(ppo_command, "_train", None)
    folder = tmp_path / ".leonui" / "20260101-000000-ppo"
    (folder / "seed-1").mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps({"seeds": [1]}))
    (folder / "seed-1" / "checkpoint.pt").write_bytes(b"torn")
    done = invoke(tmp_path, "--resume", "last")
    assert done.exit_code == 2
    assert "checkpoint.pt is cut short or damaged" in done.stderr


def test_an_environment_without_gymnasium(tmp_path, monkeypatch):
    def missing(*_):
        raise ModuleNotFoundError("No module named 'gymnasium'", name="gymnasium")

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(ppo_command, "_planned", missing)
    done = invoke(tmp_path, "CartPole-v1")
    assert done.exit_code == 1
    assert "leonui ppo needs gymnasium, which is not here: pip install 'leonui[rl]'" in done.stderr


def records():
    def rows(scale):
        return [{"step": 10 * at, "return": scale * at, "speed": 1.0, "kl": 0.01} for at in range(1, 101)]

    done = {"event": "evaluation", "returns": [1.0], "mean": 1.0}
    return {1: Record(rows(1.0), [done]), 2: Record(rows(3.0), [done | {"mean": 3.0}])}


PLAN = {"environment": "E-v0", "settings": {}, "steps": 1000, "seeds": [1, 2]}


def test_the_interval_is_students():
    told = interval([1.0, 2.0, 4.0])
    half = 4.303 * (7 / 3) ** 0.5 / 3**0.5
    assert (told["mean"], told["low"]) == pytest.approx((7 / 3, 7 / 3 - half))
    assert interval([2.0]) == {"mean": 2.0, "low": 2.0, "high": 2.0, "count": 1}


def test_a_curve_is_the_mean_over_seeds():
    found = curve([*records().values()], "return", 1000)
    assert found["steps"][0] == 5.0
    assert found["mean"] == [2.0 * at for at in range(1, 101)]


def test_a_seed_that_failed_is_told_and_the_others_count():
    told = records()
    told[2] = Record(told[2].rows, [{"event": "failed", "message": "the reward is not finite at step 7"}])
    result = summary(PLAN, told)
    assert not result["complete"]
    assert result["failures"] == ["seed 2: the reward is not finite at step 7"]
    assert result["return"]["count"] == 1
    assert "the reward is not finite at step 7" in document(result | {"command": "ppo"})


def test_a_finding_of_any_seed_is_told_once():
    told = records()
    for record in told.values():
        record.rows = [row | {"ratio_first": 0.1} for row in record.rows]
    result = summary(PLAN, told)
    assert [finding["code"] for finding in result["findings"]] == ["PPO-RATIO"]
    assert "RATIO" not in {check["code"] for check in result["checks"]}


def test_a_curve_in_one_line():
    assert sparkline([0.0, 1.0, 4.0, 7.0], "ascii") == "_.=#"
    assert len(sparkline([float(at) for at in range(500)])) == 60
    assert sparkline([1.0, 1.0]) == "▁▁"


@pytest.mark.slow
def test_a_disk_that_is_full_is_told(tmp_path):
    if not may_mount():
        pytest.skip("mounting is not permitted here")
    words = [*SMALL_DISK, *LEONUI, "ppo", "CartPole-v1", "--steps", "1024", "--runs", "runs"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment())
    assert done.returncode == 1
    assert "leonui: cannot write the run: [Errno 28] No space left on device; free some space" in done.stderr


@pytest.mark.slow
def test_an_interrupt_keeps_what_was_learned(tmp_path):
    words = [*LEONUI, "ppo", "CartPole-v1", "--steps", "1000000", "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment())
    until = time.monotonic() + 120
    while time.monotonic() < until and not any(Record.read(p).rows for p in tmp_path.rglob("record.jsonl")):
        time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    result = json.loads(out)
    assert process.returncode == 1
    assert not result["complete"] and result["seeds"][0]["steps"] > 0
    assert (tmp_path / result["run"] / "seed-1" / "checkpoint.pt").exists()
    assert (tmp_path / result["run"] / "report.html").exists()
