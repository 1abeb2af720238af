"""The commands ``leonui doctor`` and ``leonui explain``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from leonui import runs
from leonui.command.frame import drive, framed, tell
from leonui.terminal.doctor import reading, show_about, show_codes, show_diagnosis
from leonui.terminal.guide import TerminalGuide
from leonui.terminal.text import fail
from leonui.trial.program import Program
from leonui.words import language


@framed
def run_doctor(argv: list[str], *, lang: str | None, as_json: bool, fix: bool, **options: Any) -> int:
    """Examine a program; returns the exit code: 0 healthy, 1 something was found, 2 wrong use."""
    from leonui.doctor import Visit

    program, lang = Program.parse(argv), lang or language()
    folder, guide = runs.create("doctor"), TerminalGuide(lang, quiet=as_json)
    visit = Visit(program, folder, guide.stage)
    drive(program, folder, guide, visit.go, options["workers"], options["start"])
    result = visit.diagnosis.to_json() | {"program": str(program), "complete": visit.complete}
    if fix:
        result |= {"fixed": visit.fixed, "patch": visit.mended()}
    return _told(result, folder, lang, as_json, fix)


@framed
def run_log(path: str, lang: str | None, as_json: bool) -> int:
    """Examine the log of a past run; returns the exit code: 0 nothing found, 1 something, 2 wrong use."""
    from leonui.doctor.log import diagnose_log

    lang = lang or language()
    try:
        with reading(lang, as_json) as progress:
            found = diagnose_log(path, progress)
    except OSError as error:
        return fail(f"cannot read {path}: {error}", 1)
    result = found.to_json() | {"program": path, "complete": True, "log": path}
    return _told(result, runs.create("doctor"), lang, as_json, False)


def _told(result: dict[str, Any], folder: Path, lang: str, as_json: bool, fix: bool) -> int:
    for finding in result["findings"]:
        finding["file"] = finding["file"] and runs.shown(finding["file"])
    tell(folder, result | {"command": "doctor"}, lang, as_json, partial(show_diagnosis, fix=fix))
    return 0 if result["verdict"] == "healthy" and result["complete"] else 1


@framed
def run_explain(code: str | None, lang: str | None) -> int:
    """Tell what a code means; returns the exit code: 0 told, 2 there is no such code."""
    from leonui.doctor.explain import explain, known

    if code is None:
        show_codes(known(), lang or language())
    else:
        show_about(code.upper(), explain(code), lang or language())
    return 0
