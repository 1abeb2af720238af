"""The command ``leonui climb``."""

from __future__ import annotations

from typing import Any

from leonui import runs
from leonui.command.frame import drive, framed, tell
from leonui.terminal.climb import show_climb
from leonui.terminal.guide import TerminalGuide
from leonui.trial.program import Program
from leonui.words import language


@framed
def run_climb(argv: list[str], *, lang: str | None, as_json: bool, **options: Any) -> int:
    """Climb; returns the exit code: 0 done, 1 broken off or failed, 2 wrong use."""
    from leonui.climb import Climb, Wishes

    program, lang = Program.parse(argv), lang or language()
    steps, seconds = options["budget"]
    wishes = Wishes(steps, seconds, options["seeds"], options["metric"], options["goal"])
    ascent = Climb(program, runs.create("climb"), wishes)
    guide = TerminalGuide(lang, quiet=as_json)
    drive(program, ascent.folder, guide, lambda runner: ascent.go(runner, guide), options["workers"], options["start"])
    tell(ascent.folder, ascent.result(), lang, as_json, show_climb)
    return 0 if ascent.complete else 1
