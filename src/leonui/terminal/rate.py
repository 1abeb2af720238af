"""A search for the learning rate in the terminal: the rate, how sure it is, what being off would cost."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from leonui.terminal.text import REPORT, UNFINISHED, headline, number, speaker
from leonui.words import mark, translate

STATUSES = {
    "ok": ("green", mark("lr {lr}; with 80% probability the best one is between {low} and {high}")),
    "needs_warmup": ("yellow", mark("lr {lr} (between {low} and {high}), but a warm-up would train better")),
    "overfit_horizon": ("yellow", mark("lr {lr} (between {low} and {high}), as far as short trainings can see")),
    "flat": ("yellow", mark("no rate can be given: it makes no difference that can be measured")),
    "edge": ("yellow", mark("no rate can be given: the best one lies outside of what could be tried")),
    "not_learning": ("red", mark("no rate can be given: nothing was learned at any rate")),
}


def show_lr(result: dict[str, Any], lang: str) -> None:
    """Print what a search for the learning rate found."""
    console, say = Console(highlight=False), speaker(lang)
    if not result["complete"] and not result["findings"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    if result["rungs"] or not result["findings"]:
        colour, words = STATUSES[result["status"]]
        low, high = result["interval"] or (None, None)
        if result["lr"] and not result["interval"]:
            colour, words = "cyan", mark("lr {lr}, by the steepest point of a range test, divided by 10")
        console.print(f"[bold {colour}]{say(words, lr=number(result['lr']), low=number(low), high=number(high))}[/]")
    for name, lr in (result.get("suggestions") or {}).items():
        console.print(f"  {name:12} {number(lr)}")
    for finding in result["findings"]:
        console.print(f"[red]✖ {escape(headline(finding, lang))}[/]")
        if fix := translate(finding["fix_template"], lang).format(**finding["evidence"]):
            console.print(f"  {escape(fix)}")
    if result["lr"] and result["lost"]:
        console.print(_losses(result, lang))
    for row in result.get("contenders") or []:
        console.print(f"  {escape(row['name']):32} lr {number(row['lr']):10} loss {number(row['loss'])}")
    for note in result["notes"]:
        console.print(f"[dim]{say(note['template'], **note['evidence'])}[/]")
    for line in result["patch"].splitlines():
        console.print(Text(line, {"-": "red", "+": "green"}.get(line[:1], "dim")), soft_wrap=True)
    if result["steps"]:
        words = mark("Steps: {steps}; a run has {horizon}.") if result["horizon"] else mark("Steps: {steps}.")
        console.print(say(words, steps=result["steps"], horizon=result["horizon"]))
    if result.get("report"):
        console.print(say(REPORT, report=result["report"]), soft_wrap=True)


def _losses(result: dict[str, Any], lang: str) -> Table:
    """What being off would cost."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(translate(mark("predicted share of progress lost"), lang))
    for row in result["lost"]:
        table.add_column(f"{row['factor']:g}x", justify="right")
    for side, words in (("low", mark("rate too low by")), ("high", mark("rate too high by"))):
        table.add_row(translate(words, lang), *(f"{row[side]:.1%}" for row in result["lost"]))
    return table
