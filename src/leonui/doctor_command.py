"""The commands ``leonui doctor`` and ``leonui explain``: run, judge, draw, print."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from leonui import __version__, runs
from leonui.command import interrupt, settle
from leonui.doctor_terminal import reading, show_about, show_codes, show_diagnosis
from leonui.record import encode
from leonui.terminal import TerminalGuide, fail
from leonui.trial.program import Program
from leonui.words import language


def run_doctor(argv: list[str], *, lang: str | None, as_json: bool, place: str | None, **options: Any) -> int:
    """The command ``leonui doctor``; returns its exit code: 0 healthy, 1 something was found, 2 wrong use."""
    try:
        settle(place)
        program = Program.parse(argv)
        return _visit(program, lang or language(), as_json, options)
    except ValueError as error:
        return fail(str(error), 2)
    except OSError as error:
        return fail(f"cannot write the run: {error}; free some space, or name another place with --runs", 1)


def _visit(program: Program, lang: str, as_json: bool, options: dict[str, Any]) -> int:
    from leonui.doctor import Visit
    from leonui.trial.runner import Runner

    folder = runs.create("doctor")
    signal.signal(signal.SIGTERM, interrupt)
    with TerminalGuide(lang, quiet=as_json) as guide:
        visit = Visit(program, folder, guide.stage)
        workers, start = options["workers"] or 0, options["start"]
        try:
            with Runner(program, folder, workers=workers, start=start, listener=guide.rows) as runner:
                visit.go(runner)
        except KeyboardInterrupt:
            pass
        except RuntimeError as error:
            return fail(str(error), 1)
    result = visit.diagnosis.to_json() | {"program": str(program), "complete": visit.complete}
    if options["fix"]:
        result |= {"fixed": visit.fixed, "patch": visit.mended()}
    return _told(result, folder, lang, as_json, options["fix"])


def run_log(path: str, lang: str | None, as_json: bool, place: str | None) -> int:
    """The command ``leonui doctor --log``; returns its exit code: 0 nothing found, 1 something, 2 wrong use."""
    from leonui.doctor.log import diagnose_log

    lang = lang or language()
    try:
        settle(place)
        with reading(lang, as_json) as progress:
            found = diagnose_log(path, progress)
        result = found.to_json() | {"program": path, "complete": True, "log": path}
        return _told(result, runs.create("doctor"), lang, as_json, False)
    except ValueError as error:
        return fail(str(error), 2)
    except OSError as error:
        return fail(f"cannot read {path} or write the run: {error}", 1)


def _told(result: dict[str, Any], folder: Path, lang: str, as_json: bool, fix: bool) -> int:
    """Leave the result and its report, and say it."""
    for finding in result["findings"]:
        finding["file"] = finding["file"] and runs.shown(finding["file"])
    result |= {"command": "doctor", "leonui": __version__, "lang": lang}
    from leonui.report import doctor_page

    result["report"] = str(folder / "report.html")
    runs.write_result(folder, result)
    Path(result["report"]).write_text(doctor_page(result), encoding="utf-8")
    if as_json:
        sys.stdout.write(encode(result).decode())
    else:
        show_diagnosis(result, lang, fix)
    return 0 if result["verdict"] == "healthy" and result["complete"] else 1


def run_explain(code: str | None, lang: str | None) -> int:
    """The command ``leonui explain``; returns its exit code."""
    from leonui.doctor.explain import explain, known

    if code is None:
        show_codes(known(), lang or language())
        return 0
    try:
        show_about(code.upper(), explain(code), lang or language())
    except ValueError as error:
        return fail(str(error), 2)
    return 0
