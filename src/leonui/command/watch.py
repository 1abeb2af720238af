"""The command ``leonui watch``."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from leonui import runs
from leonui.command.frame import framed
from leonui.command.sending import sending
from leonui.record import Record, Tail
from leonui.trial.plan import Plan
from leonui.trial.process import launch
from leonui.trial.program import Program

PAUSE = 0.25  # seconds between looks at what was recorded


@framed
def run_watch(argv: list[str]) -> int:
    """Run a program as it is and leave a Record; returns the program's own exit code."""
    program, folder = Program.parse(argv), runs.create("watch")
    process = launch(program, Plan(str((folder / "trials" / "watch").absolute())), own=False, threads=True)
    code = _wait(process, folder)
    record = Record.read(folder / "trials" / "watch")
    end = record.last("end")
    share = float(end.get("probe_seconds", 0)) / max(float(end.get("seconds", 0)), 1e-9)
    sys.stderr.write(f"leonui: {record.steps} steps recorded in {folder} (watching took {share:.2%} of the time)\n")
    return code if code >= 0 else 128 - code


def _wait(process: subprocess.Popen[bytes], folder: Path) -> int:
    """Wait to the end, through any Ctrl-C: the program gets that itself; its rows go where they are sent."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    away, tail = sending(), Tail(folder / "trials" / "watch" / "record.jsonl")
    try:
        while process.poll() is None:
            if away.names:
                away.rows(folder, "watch", [row for row in tail.new() if "event" not in row])
            with suppress(subprocess.TimeoutExpired):
                process.wait(PAUSE if away.names else None)
        away.rows(folder, "watch", [row for row in tail.new() if "event" not in row])
        return process.returncode
    finally:
        away.close()
        signal.signal(signal.SIGINT, before)
