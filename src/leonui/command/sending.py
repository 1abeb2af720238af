"""What a command sends elsewhere: rows to loggers while it runs, and its result to an alert when it has ended."""

from __future__ import annotations

import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from leonui.integrations.loggers import LOGGERS, Logger, missing, numbers
from leonui.record import Row, encode
from leonui.trial.trial import Trial

PATIENCE = 10.0  # seconds that an alert may take
TOLD = ("command", "program", "verdict", "complete", "lr", "status", "best", "tied", "return", "report", "run")


class Sending:
    """Where one command sends to: the names of loggers, and an alert: a command line, or an http(s) address.

    Nothing that goes wrong on the way ends the command: it is said once. Raises ValueError for a logger whose package
    is missing.
    """

    def __init__(self, loggers: Sequence[str] = (), alert: str | None = None):
        missing(loggers)
        self.names, self.alert = tuple(dict.fromkeys(loggers)), alert
        self._loggers: dict[str, Logger] | None = None

    def rows(self, folder: Path, training: str, rows: Sequence[Row]) -> None:
        """Pass on the training steps of a run that lives in a folder."""
        if not self.names:
            return
        if self._loggers is None:
            self._loggers = {name: LOGGERS[name](folder) for name in self.names}
        told = [(row["step"], numbers(row)) for row in rows if "step" in row and row.get("phase", "train") == "train"]
        self._each(lambda logger: logger.log(training, told))

    def listener(self, folder: Path, first: Callable[[Trial, list[Row]], None]) -> Callable[[Trial, list[Row]], None]:
        """A Runner's listener that tells somebody first, and passes on what it told."""

        def both(trial: Trial, rows: list[Row]) -> None:
            first(trial, rows)
            self.rows(folder, trial.name, rows)

        return both

    def close(self) -> None:
        """The loggers have all they get."""
        self._each(lambda logger: logger.close())
        self._loggers = None

    def end(self, result: Mapping[str, Any]) -> None:
        """Tell the alert what a command came to: one JSON object, on the command's stdin or posted to the address."""
        if not self.alert:
            return
        codes = [finding["code"] for finding in result.get("findings") or []]
        told = encode({name: result[name] for name in TOLD if name in result} | {"findings": codes})
        try:
            if self.alert.startswith(("http://", "https://")):
                request = urllib.request.Request(self.alert, told, {"Content-Type": "application/json"})
                urllib.request.urlopen(request, timeout=PATIENCE).close()
            else:
                subprocess.run(shlex.split(self.alert), input=told, check=True, timeout=PATIENCE, stdout=sys.stderr)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"leonui: the alert {self.alert} failed: {error}\n")

    def _each(self, do: Callable[[Logger], None]) -> None:
        for name, logger in [*(self._loggers or {}).items()]:
            try:
                with redirect_stdout(sys.stderr):  # some greet there, where --json prints
                    do(logger)
            except Exception as error:  # another's package may raise anything
                sys.stderr.write(f"leonui: {name} takes no more: {type(error).__name__}: {error}\n")
                del self._loggers[name]  # type: ignore[union-attr]


_SENDING: ContextVar[Sending | None] = ContextVar("sending", default=None)


def begin(sending: Sending) -> None:
    """From now on this is where the command sends to."""
    _SENDING.set(sending)


def sending() -> Sending:
    """Where the command under way sends to; nowhere if nobody said."""
    return _SENDING.get() or Sending()
