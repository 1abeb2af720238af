"""The command ``leonui watch``."""

from __future__ import annotations

import signal
import subprocess
import sys

from leonui import runs
from leonui.command.frame import framed
from leonui.record import Record
from leonui.trial.plan import Plan
from leonui.trial.process import launch
from leonui.trial.program import Program


@framed
def run_watch(argv: list[str]) -> int:
    """Run a program as it is and leave a Record; returns the program's own exit code."""
    program, folder = Program.parse(argv), runs.create("watch")
    process = launch(program, Plan(str((folder / "trials" / "watch").absolute())), own=False, threads=True)
    code = _wait(process)
    record = Record.read(folder / "trials" / "watch")
    end = record.last("end")
    share = float(end.get("probe_seconds", 0)) / max(float(end.get("seconds", 0)), 1e-9)
    sys.stderr.write(f"leonui: {record.steps} steps recorded in {folder} (watching took {share:.2%} of the time)\n")
    return code if code >= 0 else 128 - code


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait to the end, through any Ctrl-C: the program gets that itself."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
