"""How trials are waited for."""

import subprocess

import pytest

from leonui.trial.intervention import Intervention
from leonui.trial.process import end_group
from leonui.trial.runner import _Running
from leonui.trial.trial import Trial


@pytest.mark.parametrize(
    ("looks", "stalled"),
    [
        ((1.0, 4.0, 8.0, 12.0), True),
        ((1.0, 4.0, 900.0, 904.0), False),  # leonui was stopped, by Ctrl-Z or by a machine that slept
        ((1.0, 4.0, 900.0, 904.0, 908.0, 912.0), True),
    ],
)
def test_patience_lasts_while_somebody_looks(looks, stalled, tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    running = _Running(Trial("silent", tmp_path, Intervention(), "straight"), process)
    try:
        for clock[0] in looks:
            running.look(lambda trial, rows: None, 10.0)
        assert (running.trial.stalled, running.alive) == (stalled, not stalled)
    finally:
        end_group(process)
