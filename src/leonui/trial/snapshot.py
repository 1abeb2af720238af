"""The paused process is the snapshot: it waits for orders, and forks one child for each branch.

This side lives inside the training process; the other is ``trial.camp``.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leonui.trial.plan import Plan
from leonui.trial.process import tether


class Snapshot:
    """The line from this process to the camp: opened at the first pause, and by each branch anew.

    ready: does before a fork what every branch under a plan like this would have to do for itself.
    """

    def __init__(self, camp: str | None, ready: Callable[[Plan], None] = lambda plan: None):
        self.camp, self._ready = camp, ready
        self.branched = self.rewinds = False
        self._line: socket.socket | None = None
        self._heard = b""
        self._children: set[int] = set()

    def hold(self, name: str, step: int) -> Plan:
        """Report to the camp and wait; returns, in a forked child, with the plan to carry on under.

        The paused process itself never returns from here: it is ended by the camp's word, or when the camp is gone.
        Only where the order is to rewind does it return itself, and comes again when it has obeyed.
        """
        if self._line is None:
            self._line = self._connect()
        self._tell({"held": name, "pid": os.getpid(), "step": step, "unforkable": self.unforkable()})
        while (order := self._order()) is not None:
            if "rewind" in order:
                return self._carry_on(order["rewind"])
            if "branch" in order and (plan := self._branch(order["branch"])):
                return plan
        os._exit(0)

    def leave(self) -> None:
        """Close the line without a word, in a child that the script itself forked."""
        if self._line is not None:
            self._line.close()
            self._line = None

    @staticmethod
    def unforkable() -> str:
        """Why this process must not be forked; empty if it may be."""
        import torch

        threads = [
            t for t in threading.enumerate() if t is not threading.main_thread() and type(t).__name__ != "TMonitor"
        ]
        reasons = {
            "this system cannot fork": not hasattr(os, "fork"),
            "CUDA is initialised": torch.cuda.is_initialized(),
            "worker processes are alive": bool(multiprocessing.active_children()),
            "several processes train together": _distributed(torch),
            f"other threads are alive: {', '.join(t.name for t in threads)}": bool(threads),
        }
        return next((reason for reason, holds in reasons.items() if holds), "")

    def _carry_on(self, path: str) -> Plan:
        """Obey in this same process."""
        sys.stdout.flush()
        sys.stderr.flush()
        plan, self.rewinds = Plan.read(path), True
        _redirect(plan)
        self._tell({"branch": plan.folder, "pid": os.getpid()})
        return plan

    def _branch(self, path: str) -> Plan | None:
        plan = Plan.read(path)
        self._ready(plan)
        state = random.getstate()  # Python seeds this generator anew in every forked child
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            self._children.add(pid)
            return None
        random.setstate(state)
        self._settle(plan)
        return plan

    def _settle(self, plan: Plan) -> None:
        """Make the forked child a process in its own right."""
        import torch

        tether()
        torch.set_num_threads(1)  # GNU OpenMP hangs in a forked child that uses more
        self.branched, self._heard, self._children = True, b"", set()
        _redirect(plan)
        self._line = self._connect()
        self._tell({"branch": plan.folder, "pid": os.getpid()})

    def _connect(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(self.camp or "")
        return line

    def _tell(self, word: dict[str, Any]) -> None:
        assert self._line is not None
        self._line.sendall(json.dumps(word).encode() + b"\n")

    def _order(self) -> dict[str, Any] | None:
        """The next order; None once the camp is gone. Children that have ended are reaped meanwhile."""
        assert self._line is not None
        self._line.settimeout(0.2)
        while b"\n" not in self._heard:
            self._children = {pid for pid in self._children if not _ended(pid)}
            try:
                piece = self._line.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                return None
            self._heard += piece
        word, _, self._heard = self._heard.partition(b"\n")
        return json.loads(word)


def _redirect(plan: Plan) -> None:
    """Send what the script prints to where the plan wants it."""
    for stream, name in ((1, "stdout"), (2, "stderr")):
        target = os.devnull if plan.mute else str(Path(plan.folder) / name)
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, stream)
        os.close(file)


def _ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


def _distributed(torch: Any) -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
