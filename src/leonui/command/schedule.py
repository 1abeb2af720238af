"""The command ``leonui schedule``."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from leonui import __version__, preview
from leonui.command.frame import framed
from leonui.schedule import Schedule, parse
from leonui.terminal.text import fail, show, speaks_braille
from leonui.words import language


@framed
def draw_schedule(spec: str, lr: float, steps: int | None, output: str | None, lang: str | None, as_json: bool) -> int:
    """Draw a schedule; returns the exit code: 0 drawn, 1 not written, 2 wrong use."""
    drawn = parse(spec)
    if not math.isfinite(lr):
        raise ValueError(f"--lr {lr} is no learning rate; give a number like 0.1")
    if output and Path(output).suffix not in (".html", ".json"):
        raise ValueError(f"cannot draw to {output}; name a file that ends in .html or .json")
    steps = steps or preview.horizon(drawn)
    values = _values(drawn, spec, lr, steps, output)
    try:
        if output:
            text = values if output.endswith(".json") else _page(drawn, spec, lr, steps, lang or language())
            Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        return fail(f"cannot write {output}: {error}", 1)
    if as_json:
        sys.stdout.write(values)
    else:
        show(preview.terminal(drawn, steps, lr, plain=not speaks_braille()), output)
    return 0


def _page(drawn: Schedule, spec: str, lr: float, steps: int, lang: str) -> str:
    from leonui.report import document

    said = {"command": "schedule", "program": spec, "leonui": __version__, "lang": lang, "lr": lr}
    return document(said | preview.told(drawn, steps, lr) | {"phases": drawn.to_json()})


def _values(drawn: Schedule, spec: str, lr: float, steps: int, output: str | None) -> str:
    said = {"schedule": spec, "phases": drawn.to_json(), "lr": lr, "output": output}
    return json.dumps(said | {"rows": preview.rows(drawn, steps, lr)}) + "\n"
