"""A climb in the terminal: the verdict first, then what was found, and what to change."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leonui.terminal.text import REPORT, UNFINISHED, headline, number, place, speaker
from leonui.words import mark, translate

VERDICTS = {
    "better": mark("Better"),
    "no_difference": mark("No difference found"),
    "worse": mark("Your own setting is the better one: keep it"),
}
QUANTITIES = {
    "metric": mark("metric"),
    "validation": mark("validation loss"),
    "training": mark("training loss"),
}


def show_climb(result: dict[str, Any], lang: str) -> None:
    """Print the outcome of a climb."""
    console, say = Console(highlight=False), speaker(lang)
    if not result["complete"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    if result["verdict"]:
        colour = {"better": "green", "worse": "yellow"}.get(result["verdict"], "cyan")
        console.print(
            f"[bold {colour}]{say(VERDICTS[result['verdict']])}:[/] {escape(figures(result, lang))}", soft_wrap=True
        )
    for finding in result["findings"]:
        console.print(f"[red]✖ {escape(headline(finding, lang))}[/]")
        if fix := translate(finding["fix_template"], lang).format(**finding["evidence"]):
            console.print(f"  {escape(fix)}")
    for check in result["checks"]:
        if check["ok"]:
            console.print(f"[green]✔[/] {say(check['template'], **check['evidence'])}")
    if result["pairs"]:
        console.print(_table(result, lang))
    for note in result["notes"]:
        console.print(f"[dim]{say(note['template'], **note['evidence'])}[/]")
    if result["changes"]:
        console.print(say(mark("What to change:")))
    for change in result["changes"]:
        console.print(f"  {escape(place(change))}")
        console.print(f"    [red]- {escape(change['from'])}[/]", soft_wrap=True)
        console.print(f"    [green]+ {escape(change['to'])}[/]", soft_wrap=True)
    steps = result["steps"]
    console.print(say(mark("Steps: baseline {baseline}, search {search}, final {final}."), **steps))
    if result.get("report"):
        console.print(say(REPORT, report=result["report"]), soft_wrap=True)


def figures(result: dict[str, Any], lang: str) -> str:
    """The judged quantity before and after, with the interval of the difference."""
    key = {"training": "loss"}.get(result["judged_by"], result["judged_by"])
    before, after = ((result[who] or {}).get(key) for who in ("baseline", "climb"))
    text = f"{translate(QUANTITIES[result['judged_by']], lang)} {number(before)} -> {number(after)}"
    if result["interval"]:
        low, high = result["interval"]
        words = translate(mark("difference {difference}, 95% interval {low} to {high}"), lang)
        text += ", " + words.format(difference=number(result["difference"]), low=number(low), high=number(high))
    return f"{text}; lr {number(result['base_lr'][0])} -> {number(result['lr'])}"


def _table(result: dict[str, Any], lang: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    shown = [
        key
        for key in ("metric", "validation", "loss")
        if any(pair["climb"][key] is not None for pair in result["pairs"])
    ]
    names = {"loss": "training", "metric": "metric", "validation": "validation"}
    table.add_column(translate(mark("seed"), lang))
    for key in shown:
        for who in (mark("baseline"), mark("climb")):
            table.add_column(f"{translate(QUANTITIES[names[key]], lang)}, {translate(who, lang)}", justify="right")
    for pair in result["pairs"]:
        cells = [number(pair[who][key]) for key in shown for who in ("baseline", "climb")]
        table.add_row(str(pair["seed"]), *cells)
    return table
