"""The command ``leonui climb``, and the same in code."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from leonui import runs
from leonui.command.frame import drive, framed, left, tell
from leonui.terminal.climb import show_climb
from leonui.terminal.guide import TerminalGuide
from leonui.trial.program import Given, Program
from leonui.words import language

if TYPE_CHECKING:
    from leonui.ascent.found import ClimbFinding


@framed
def run_climb(argv: list[str], *, lang: str | None, as_json: bool, **options: Any) -> int:
    """Climb; returns the exit code: 0 done, 1 broken off or failed, 2 wrong use."""
    from leonui.ascent import Climb, Wishes

    program, lang = Program.parse(argv), lang or language()
    steps, seconds = options["budget"]
    wishes = Wishes(steps, seconds, options["seeds"], options["metric"], options["goal"])
    ascent = Climb(program, runs.create("climb"), wishes)
    guide = TerminalGuide(lang, quiet=as_json)
    drive(program, ascent.folder, guide, lambda runner: ascent.go(runner, guide), options["workers"], options["start"])
    tell(ascent.folder, ascent.result(), lang, as_json, show_climb)
    return 0 if ascent.complete else 1


def climb(program: Given, *, start: str = "auto", workers: int = 0, lang: str = "", **wishes: Any) -> ClimbFinding:
    """Train a program better: a script with its arguments, ``-m module``, ``module:function``, or a function.

    ``wishes`` are steps, seconds, seeds, metric, goal and clip. A function is called in processes of its own, with all
    that it uses; what it changes stays there. What goes on is shown where there is a terminal or a notebook; an
    interrupt ends it with what is known. Raises ValueError where there is no such program.

        found = leonui.climb(train, seeds=3)
        print(found.verdict, found.lr, found.changes)
    """
    from leonui.ascent import Climb, Wishes
    from leonui.ascent.found import ClimbFinding
    from leonui.trial.runner import Runner

    lang = lang or language()
    ascent, guide = Climb(Program.of(program), runs.create("climb"), Wishes(**wishes)), TerminalGuide.where_seen(lang)
    with (
        suppress(KeyboardInterrupt),
        guide,
        Runner(ascent.program, ascent.folder, workers=workers, start=start, listener=guide.rows) as runner,
    ):
        ascent.go(runner, guide)
    return ClimbFinding(left(ascent.folder, ascent.result(), lang))
