"""Starting and ending the processes of trials, so that none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from leonui.trial.plan import VARIABLE, Plan
from leonui.trial.program import Program, search_path

INJECT = Path(__file__).parent / "inject"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def launch(program: Program, plan: Plan, *, own: bool = True, threads: bool = False) -> subprocess.Popen[bytes]:
    """Start a program under a plan: its output goes to the trial's folder and its input is empty.

    ``own=False`` leaves it this terminal's input, output and signals; ``threads`` lets it use all the threads it wants.
    """
    path = plan.write()
    paths = [str(INJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        VARIABLE: str(path.absolute()),
        "PATH": search_path(),
    }
    if not threads:
        env |= ONE_THREAD
    if not own:
        return subprocess.Popen(program.command(), env=env)
    said = Path(os.devnull) if plan.mute else path.parent / "stdout"
    with said.open("ab") as out, (path.parent / "stderr").open("ab") as err:
        return subprocess.Popen(
            program.command(),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def tether() -> None:
    """On Linux, let the kernel end this process when its parent dies, so that a killed leonui leaves no orphan."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def end_group(process: subprocess.Popen[bytes], patience: float = 2.0) -> None:
    """End a process and all that it started: politely, then not."""
    for order in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, order)
        except (ProcessLookupError, PermissionError):
            pass
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def end_process(pid: int) -> None:
    """End one process that a trial forked, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
