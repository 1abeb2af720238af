"""What commands send elsewhere: rows to loggers, read back by their own readers, and results to alerts."""

import http.server
import json
import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leonui.cli import cli
from leonui.command.sending import Sending
from leonui.integrations.loggers import LOGGERS, numbers
from leonui.record import Record

SCRIPT = str(Path(__file__).parent / "hostile" / "rates.py")
ROWS = [{"step": step, "loss": 1.0 / step, "lr": [0.1], "optimizer": 0} for step in (1, 2, 3)]


def written(folder: Path, name: str) -> list[tuple[int, float]]:
    """A curve as TensorBoard itself reads it."""
    events = EventAccumulator(str(folder), {"tensors": 0})
    events.Reload()
    return [(event.step, pytest.approx(event.tensor_proto.float_val[0])) for event in events.Tensors(name)]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            {"step": 3, "optimizer": 0, "loss": 0.5, "lr": [0.1, 0.2], "micro": 2},
            {"loss": 0.5, "lr": 0.1, "micro": 2.0},
        ),
        ({"step": 3, "loss": math.inf, "lr": [], "note": "x"}, {}),
        ({"update": 2, "step": 8, "return": 9, "speed": 3.5}, {"return": 9.0, "speed": 3.5}),
    ],
)
def test_the_numbers_of_a_row(row, told):
    assert numbers(row) == told


def test_rows_become_event_files_a_folder_for_each_training(tmp_path):
    sending = Sending(["tensorboard", "tensorboard"])
    for name in ("baseline", "climb-0"):
        sending.rows(tmp_path, name, [*ROWS, {"step": 4, "phase": "coast", "loss": 9.0}])
    sending.close()
    assert written(tmp_path / "tensorboard" / "climb-0", "loss") == [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]
    assert written(tmp_path / "tensorboard" / "baseline", "lr") == [(1, 0.1), (2, 0.1), (3, 0.1)]


def test_a_logger_that_fails_is_let_go_and_said_once(tmp_path, capsys):
    (tmp_path / "tensorboard").write_text("a file where a folder should be")
    sending = Sending(["tensorboard"])
    for _ in range(2):
        sending.rows(tmp_path, "baseline", ROWS)
    sending.close()
    assert capsys.readouterr().err.count("leonui: tensorboard takes no more: ") == 1


@pytest.mark.parametrize("name", LOGGERS)
def test_a_missing_package_is_named(name, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("leonui.integrations.loggers.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=f"--to {name} needs the package {name}: pip install {name} brings it"):
        Sending([name])


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    posted: ClassVar[list[dict]] = []

    def do_POST(self):
        self.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        Receiver.posted.clear()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


RESULT = {"command": "lr", "lr": 0.3, "status": "ok", "rungs": [1, 2], "findings": [{"code": "LR-HIGH"}]}
TOLD = {"command": "lr", "lr": 0.3, "status": "ok", "findings": ["LR-HIGH"]}


def test_an_address_gets_the_result(address, capsys):
    Sending(alert=address).end(RESULT)
    assert Receiver.posted == [TOLD]
    assert capsys.readouterr().err == ""


def test_a_command_gets_the_result_on_its_stdin_and_no_shell_reads_it(tmp_path):
    script, out = tmp_path / "alert.py", tmp_path / "it's told; $HOME"
    script.write_text("import pathlib, sys\npathlib.Path(sys.argv[1]).write_text(sys.stdin.read())\n")
    Sending(alert=f'{sys.executable} {script} "{out}"').end(RESULT)
    assert json.loads(out.read_text()) == TOLD


@pytest.mark.parametrize("alert", ["no-such-command", "http://127.0.0.1:9/nobody", "false", "'unclosed", "/broken"])
def test_an_alert_that_fails_is_said_and_ends_nothing(alert, address, capsys):
    alert = address + alert if alert == "/broken" else alert
    Sending(alert=alert).end(RESULT)
    assert capsys.readouterr().err.startswith(f"leonui: the alert {alert} failed: ")


def test_a_command_sends_while_it_runs_and_when_it_has_ended(tmp_path, monkeypatch, address):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    words = ["lr", "--to", "tensorboard", "--alert", address, "--runs", str(tmp_path), "--json", SCRIPT, "plain"]
    done = CliRunner().invoke(cli, words)
    told = json.loads(done.stdout)
    (posted,) = Receiver.posted
    assert (posted["command"], posted["lr"], posted["report"]) == ("lr", told["lr"], told["report"])
    folder = Path(told["report"]).parent
    for trial in (folder / "trials").glob("rung*"):
        losses = Record.read(trial).losses()
        assert [value for _, value in written(folder / "tensorboard" / trial.name, "loss")] == losses
        assert losses


def test_a_watched_run_is_sent_too(tmp_path):
    command = [sys.executable, "-m", "leonui", "watch", "--to", "tensorboard", "--runs", str(tmp_path), SCRIPT, "plain"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (folder,) = tmp_path.glob("*-watch")
    losses = Record.read(folder / "trials" / "watch").losses()
    assert [value for _, value in written(folder / "tensorboard" / "watch", "loss")] == losses
    assert len(losses) == 60
