"""The commands ``leonui runs`` and ``leonui report``: what was left by earlier ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from leonui import runs
from leonui.command.frame import framed
from leonui.terminal.text import fail


@framed
def list_runs(as_json: bool) -> int:
    """List all runs, newest first."""
    lines = []
    for folder in runs.every():
        result = runs.read_result(folder)
        lines.append({"run": folder.name, "verdict": result.get("verdict"), "program": result.get("program")})
    if as_json:
        sys.stdout.write(json.dumps(lines) + "\n")
    for line in [] if as_json else lines:
        sys.stdout.write(f"{line['run']}  {line['verdict'] or '-':14}  {line['program'] or ''}\n")
    return 0


@framed
def write_report(run: str, output: str | None, lang: str | None, as_json: bool) -> int:
    """Write the report of a run anew; returns the exit code: 0 written, 1 the run has no result, 2 no such run."""
    from leonui.report import PAGES, document_of

    folder = runs.find(run)
    result = runs.read_result(folder)
    if result.get("command") not in PAGES:
        *most, last = PAGES
        return fail(f"{folder} has no result to report; leonui {', '.join(most)} and {last} leave one", 1)
    path = Path(output) if output else folder / "report.html"
    path.write_text(document_of(result | {"lang": lang or result.get("lang")}, folder), encoding="utf-8")
    sys.stdout.write(json.dumps({"report": str(path)}) + "\n" if as_json else f"{path}\n")
    return 0
