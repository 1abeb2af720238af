"""Rows in the loggers that people use, read back by the loggers themselves; none of them asks the network."""

import json
import os
import socket
import subprocess
import sys

import pytest

from leonui.command.sending import Sending

pytestmark = pytest.mark.filterwarnings("default")  # the loggers' own
ROWS = [{"step": step, "loss": 1.0 / step, "lr": [0.1]} for step in (1, 2, 3)]


def sent(name, folder):
    sending = Sending([name])
    for training in ("baseline", "climb-0"):
        sending.rows(folder, training, ROWS[:2])
        sending.rows(folder, training, ROWS[2:])
    sending.close()


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """No connection but to this machine."""
    connect = socket.socket.connect

    def local(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"it asked {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local)


def test_mlflow(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    sent("mlflow", tmp_path)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (experiment,) = [one for one in client.search_experiments() if one.name.startswith("leonui-")]
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert sorted(runs) == ["baseline", "climb-0"]
    assert all(run.info.status == "FINISHED" for run in runs.values())
    history = client.get_metric_history(runs["climb-0"].info.run_id, "loss")
    assert sorted((point.step, point.value) for point in history) == [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]


def test_wandb(tmp_path, monkeypatch, capsys):
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    sent("wandb", tmp_path)
    assert len([*tmp_path.glob("wandb/offline-run-*/*.wandb")]) == 2
    assert "takes no more" not in capsys.readouterr().err


IN_TRACKIO = """
import json, sys
from pathlib import Path
from leonui.command.sending import Sending

sending = Sending(["trackio"])
sending.rows(Path("run"), "baseline", json.loads(sys.argv[1]))
sending.close()
from trackio.sqlite_storage import SQLiteStorage
print(json.dumps([[row["step"], row["loss"]] for row in SQLiteStorage.get_logs("leonui", "run-baseline")]))
"""


def test_trackio(tmp_path):
    pytest.importorskip("trackio")
    told = os.environ | {"TRACKIO_DIR": str(tmp_path)}
    command = [sys.executable, "-c", IN_TRACKIO, json.dumps(ROWS)]
    done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout) == [[1, 1.0], [2, 0.5], [3, 1.0 / 3]]  # and its greeting stands elsewhere
