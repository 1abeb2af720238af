"""The command ``leonui lr``."""

from __future__ import annotations

from typing import Any

from leonui import runs
from leonui.command.frame import drive, framed, tell
from leonui.terminal.guide import TerminalGuide
from leonui.terminal.rate import show_lr
from leonui.trial.program import Program
from leonui.words import language


@framed
def run_lr(argv: list[str], *, lang: str | None, as_json: bool, **options: Any) -> int:
    """Search the learning rate; returns the exit code: 0 found, 1 none can be given, 2 wrong use."""
    from leonui.rate import Job, Ramp, need_optuna

    program, wishes, lang = Program.parse(argv), _wishes(options), lang or language()
    if wishes.weight_decay == "auto":
        need_optuna()
    folder = runs.create("lr")
    job = Ramp(program, folder) if options["method"] == "ramp" else Job(program, folder, wishes)
    guide = TerminalGuide(lang, quiet=as_json)
    drive(program, folder, guide, lambda runner: job.go(runner, guide), options["workers"], options["start"])
    result = job.result()
    tell(folder, result, lang, as_json, show_lr)
    return 0 if job.complete and result["lr"] else 1


def _wishes(options: dict[str, Any]) -> Any:
    from leonui.rate import Wishes

    same = {name: options[name] for name in ("steps", "metric", "goal", "weight_decay")}
    asked = {"budget": options["budget"]} if options["budget"] else {}
    return Wishes(optimizers=options["optimizer"], schedules=options["schedule"], **same, **asked)
