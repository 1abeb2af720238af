"""The frame of every command: where runs live, what ends it early, how it fails, and what it leaves."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from leonui import __version__, runs
from leonui.command.sending import Sending, begin, sending
from leonui.machine import machine
from leonui.record import encode
from leonui.terminal.guide import TerminalGuide
from leonui.terminal.text import fail
from leonui.trial.program import Program


def framed(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command its place for runs, say where it sends to, turn what it raises into a message and an exit code."""

    @wraps(command)
    def run(
        *args: Any, place: str | None = None, loggers: Sequence[str] = (), alert: str | None = None, **options: Any
    ) -> int:
        if place:
            os.environ["LEONUI_RUNS"] = place
        try:
            begin(Sending(loggers, alert))
            return command(*args, **options)
        except ValueError as error:
            return fail(str(error), 2)
        except RuntimeError as error:
            return fail(str(error), 1)
        except OSError as error:
            return fail(f"cannot write the run: {error}; free some space, or name another place with --runs", 1)

    return run


def agree(folder: Path, begun: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raises ValueError where a run that goes on is asked for something else than it was begun with.

    What is None or empty asks for nothing.
    """
    for name, value in asked.items():
        if value not in (None, (), []) and value != begun.get(name):
            raise ValueError(
                f"{name}={value!r} is not what {folder} was begun with, {begun.get(name)!r}; "
                "leave it out to go on, or begin a new run without --resume"
            )


def stoppable() -> None:
    """From now on a signal that asks to end is what Ctrl-C is: KeyboardInterrupt."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def drive(
    program: Program, folder: Path, guide: TerminalGuide, go: Callable[[Any], object], workers: int | None, start: str
) -> None:
    """Let something ``go`` with a Runner of a program while the terminal follows; Ctrl-C ends it, and is no error."""
    from leonui.trial.runner import Runner

    stoppable()
    try:
        listener = sending().listener(folder, guide.rows)
        with guide, Runner(program, folder, workers=workers or 0, start=start, listener=listener) as runner:
            go(runner)
    except KeyboardInterrupt:
        pass
    finally:
        sending().close()


def tell(
    folder: Path, result: dict[str, Any], lang: str, as_json: bool, show: Callable[[dict[str, Any], str], None]
) -> None:
    """Leave a result and its report in the folder of a run, and say it."""
    result = left(folder, result, lang)
    if as_json:
        sys.stdout.write(encode(result).decode())
    else:
        show(result, lang)


def left(folder: Path, result: dict[str, Any], lang: str) -> dict[str, Any]:
    """A result as it was left with its report in the folder of a run."""
    from leonui.report import document_of

    path = folder / "report.html"
    made = {"time": time.strftime("%Y-%m-%dT%H:%M:%S"), "machine": machine()}
    result = made | result | {"leonui": __version__, "lang": lang, "report": str(path)}
    runs.write_result(folder, result)
    path.write_text(document_of(result, folder), encoding="utf-8")
    sending().end(result)
    return result
