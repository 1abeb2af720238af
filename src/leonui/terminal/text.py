"""What all that is printed shares: numbers, places, headlines, and how a failure is said."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from leonui.words import mark, translate

UNFINISHED = mark("not finished: this is what is known")
REPORT = mark("Report: {report}")


def speaker(lang: str) -> Callable[..., str]:
    """A function that translates a template, fills it in, and escapes what rich would read as markup."""

    def say(template: str, **evidence: Any) -> str:
        return escape(translate(template, lang).format(**evidence))

    return say


def headline(finding: dict[str, Any], lang: str) -> str:
    """A finding as a compiler would write it."""
    where = f"{place(finding)}: " if finding.get("file") else ""
    return f"{where}{finding['code']} {translate(finding['template'], lang).format(**finding['evidence'])}"


def show_judged(console: Console, result: Mapping[str, Any], say: Callable[..., str]) -> None:
    """Print what failed, what the judges of a training by reward found, and what they found in order."""
    for failure in result["failures"]:
        console.print(f"[red]✖ {escape(failure)}[/]", soft_wrap=True)
    for finding in result["findings"]:
        said = say(finding["template"], **finding["evidence"])
        console.print(f"[red]✖ {finding['code']} {said}[/]", soft_wrap=True)
        console.print(f"  {say(finding['fix_template'], **finding['evidence'])}", soft_wrap=True)
        console.print(f"  [dim]leonui explain {finding['code']}[/]")
    for check in result["checks"]:
        if check["ok"]:
            console.print(f"[green]✔[/] {say(check['template'], **check['evidence'])}")


def place(what: dict[str, Any]) -> str:
    """``file:line``."""
    return f"{what['file']}:{what['line']}"


def number(value: float | None) -> str:
    """Four digits, or a word where there is no finite number."""
    return "-" if value is None else f"{value:.4g}"


def fail(message: str, code: int) -> int:
    """Say on the error stream why nothing was done; returns the exit code."""
    sys.stderr.write(f"leonui: {message}\n")
    return code


def show(chart: Text, path: str | None = None) -> None:
    """Print a drawn chart as it is, and where it was written to."""
    console = Console(highlight=False)
    console.print(chart, soft_wrap=True)
    if path:
        console.print(escape(path), soft_wrap=True)


def speaks_braille() -> bool:
    """Whether the terminal can print letters beyond ASCII."""
    return Console().encoding.lower().startswith("utf")
