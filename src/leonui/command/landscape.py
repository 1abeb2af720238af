"""The command ``leonui landscape``."""

from __future__ import annotations

from typing import Any

from leonui import runs
from leonui.command.frame import drive, framed, tell
from leonui.terminal.guide import TerminalGuide
from leonui.terminal.landscape import show_landscape
from leonui.trial.program import Program
from leonui.words import language


@framed
def run_landscape(argv: list[str], *, lang: str | None, as_json: bool, **options: Any) -> int:
    """Draw the landscape around a path; returns the exit code: 0 drawn, 1 broken off or no path, 2 wrong use."""
    from leonui.survey import Survey, Wishes

    program, lang = Program.parse(argv), lang or language()
    wishes = Wishes(options["points"], options["batches"], options["steps"])
    survey = Survey(program, runs.create("landscape"), wishes)
    guide = TerminalGuide(lang, quiet=as_json)
    drive(program, survey.folder, guide, lambda runner: survey.go(runner, guide), options["workers"], options["start"])
    tell(survey.folder, survey.result(), lang, as_json, show_landscape)
    return 0 if survey.complete else 1
