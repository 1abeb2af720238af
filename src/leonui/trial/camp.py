"""The runner's side of a snapshot: the socket where paused processes report, wait, and are told to branch."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from leonui.trial.plan import Plan
from leonui.trial.process import end_group, end_process


class Camp:
    """Listens for the processes of one tree; ``lines`` maps a trial's folder to the process that speaks for it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="leonui-"))  # a socket's path must be short
        self.address = str(self._folder / "camp")
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(self.address)
        self._door.listen(64)
        self._door.setblocking(False)
        self._strangers: list[Line] = []
        self._told: list[tuple[str, Path]] = []  # what everybody was told: a rank that is late is told it, too
        self.lines: dict[str, Line] = {}

    def listen(self) -> None:
        """Take in who has come and what was said since the last call."""
        late: list[Line] = []
        while True:
            try:
                late.append(Line(self._door.accept()[0]))
            except BlockingIOError:
                break
        self._strangers += late
        for line in self._all:
            line.listen()
        for what, path in self._told:
            self._tell(late, what, path)
        for line in [line for line in self._strangers if line.folder]:
            first = self.lines.get(line.folder)
            if first is None or first.gone:  # of several processes that train together, the first speaks
                self._strangers.remove(line)
                if first:
                    first.close()
                self.lines[line.folder] = line
        self._strangers = [line for line in self._strangers if not line.gone]

    def tell_all(self, what: str, plan: Plan) -> None:
        """Give one order to every process, also to those that come later: they train together and go back together."""
        self.listen()
        self._told.append((what, plan.write()))
        self._tell(self._all, *self._told[-1])

    def rests(self, folder: str) -> bool:
        """Whether all that are still there are at the end of a trial: one may end before the others have written."""
        self.listen()
        return all(line.holds(folder) for line in self._all)

    def forget(self, folder: str) -> None:
        """Nobody asks for a trial any more: a process that is gone is not kept in mind."""
        if folder in self.lines and self.lines[folder].gone:
            del self.lines[folder]

    def close(self) -> None:
        """Send everybody home."""
        for line in self._all:
            line.close()
        self._door.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _all(self) -> list[Line]:
        """All that are still there."""
        return [line for line in (*self._strangers, *self.lines.values()) if not line.gone]

    @staticmethod
    def _tell(lines: list[Line], what: str, path: Path) -> None:
        for line in lines:
            if not line.gone:
                line.order(what, path)


class Line:
    """What is known of one process at the camp: its folder, its pid, whether it holds, whether it is gone."""

    def __init__(self, connection: socket.socket):
        self._connection, self._data = connection, b""
        self.folder, self.pid, self.unforkable = "", 0, ""
        self.held: dict[str, Any] | None = None
        self.gone = False
        connection.setblocking(False)

    def listen(self) -> None:
        """Take in what the process said since the last call."""
        try:
            while not self.gone and (piece := self._connection.recv(65536)):
                self._data += piece
            self.gone = True
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True
        if self.gone:
            self._connection.close()  # of thousands of trials none may keep its file open
        *lines, self._data = self._data.split(b"\n")
        for word in map(json.loads, lines):
            self.folder = word.get("branch") or word.get("held") or self.folder
            self.pid = word.get("pid", self.pid)
            self.held = word if "held" in word else None

    def order(self, what: str, plan: Path) -> None:
        """Tell the process, which holds, to "branch": fork a child that carries on under a plan; or to "rewind".

        The plan's file was written once: some may be reading it while others are told.
        """
        self._connection.setblocking(True)
        self._connection.sendall(json.dumps({what: str(plan.absolute())}).encode() + b"\n")
        self._connection.setblocking(False)

    def holds(self, folder: str) -> bool:
        """Whether the process has come to the end of a trial, and waits."""
        return self.held is not None and self.held["held"] == folder

    def close(self) -> None:
        """Let the process go, which ends it if it holds, and end it if it does not."""
        self._connection.close()
        if not self.held and not self.gone and self.pid:
            end_process(self.pid)
        self.gone = True


class Tree:
    """A program that holds at its first step, and the camp of its branches."""

    def __init__(self, process: subprocess.Popen[bytes], camp: Camp):
        self.process, self.camp = process, camp

    def line(self, folder: str) -> Line | None:
        """Who speaks for a trial's folder, as of now."""
        self.camp.listen()
        return self.camp.lines.get(folder)

    def wait(self, folder: str, pause: float = 0.005) -> Line | None:
        """The line of a process that holds; None when the program ended without one."""
        while True:
            ended = self.process.poll() is not None
            line = self.line(folder)
            if line and line.held:
                return line
            if ended:
                return None
            time.sleep(pause)

    def close(self) -> None:
        """End the tree, branches first, and whatever the program left behind."""
        self.camp.close()
        try:
            self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            pass
        end_group(self.process)
