"""The commands ``leonui optimizers`` and ``leonui check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from leonui.command.frame import framed
from leonui.terminal.optimizers import show_conformance, show_optimizers
from leonui.words import language


@framed
def list_optimizers(lang: str | None, as_json: bool) -> int:
    """Say which optimizer to use when."""
    from dataclasses import asdict

    from leonui.optim import advice

    rows = [asdict(one) for one in advice()]
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
    else:
        show_optimizers(rows, lang or language())
    return 0


@framed
def run_check(target: str, as_json: bool) -> int:
    """Check somebody's optimizer; returns the exit code: 0 all passed, 1 some failed, 2 wrong use."""
    from leonui.conformance import check_optimizer, load_target

    sys.path.insert(0, str(Path.cwd()))
    report = check_optimizer(load_target(target))
    if as_json:
        sys.stdout.write(json.dumps(report.to_json()) + "\n")
    else:
        show_conformance(report)
    return 0 if report.passed else 1
