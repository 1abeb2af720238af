"""Optimizers in the terminal: which one to use when, and what a check of one found."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leonui.words import mark, translate

ADVICE = mark(
    "lr is the one to begin with, bytes those of weight and state for each float32 weight, a source without a name is "
    "on arXiv. AdamW when in doubt; leonui climb tells what your script gains by another lr."
)
MARKS = {True: "[green]✔[/]", False: "[red]✖[/]", None: "[dim]·[/]"}


def show_conformance(report: Any) -> None:
    """Print the table of a conformance report: a failure says what it breaks, the last line counts."""
    console = Console(highlight=False)
    table = Table("", "check", "measured", box=None, pad_edge=False, title=escape(report.target), title_justify="left")
    for row in report.rows:
        prefix = "not applicable: " if row.outcome == "not applicable" else ""
        detail = prefix + escape(row.detail)
        if row.ok is False:
            detail += f"\n[dim]{escape(row.breaks)}[/]"
        table.add_row(MARKS[row.ok], escape(row.name), detail)
    console.print(table)
    for note in report.notes:
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)
    judged, failed = sum(row.ok is not None for row in report.rows), len(report.failures)
    console.print(f"{judged - failed} of {judged} checks passed, {failed} failed")


def show_optimizers(rows: list[dict[str, Any]], lang: str) -> None:
    """Print which optimizer to use when."""
    table = Table(box=None, pad_edge=False)
    table.add_column(translate(mark("optimizer"), lang), no_wrap=True)
    table.add_column(translate(mark("use it for"), lang), min_width=24)
    table.add_column("lr")
    table.add_column(translate(mark("bytes"), lang), justify="right")
    table.add_column(translate(mark("source"), lang), no_wrap=True)
    for row in rows:
        table.add_row(row["name"], translate(row["use"], lang), row["lr"], f"{row['bytes']:.3g}", row["source"])
    console = Console(highlight=False)
    console.print(table)
    console.print(translate(ADVICE, lang))
