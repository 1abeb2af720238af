"""A race in the terminal: who is best or cannot be told from the best, then a row for each entrant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leonui.report.numerals import size
from leonui.terminal.text import REPORT, UNFINISHED, headline, number, speaker
from leonui.words import mark, translate

VERDICTS = {
    "winner": ("green", mark("{best} is best here: the others end higher, and not by chance")),
    "indistinguishable": ("cyan", mark("No winner: {tied} cannot be told apart")),
    "one_seed": ("yellow", mark("{best} ended lowest, with one seed: that says nothing; --seeds 5 would")),
    "none": ("red", mark("No winner: no entrant came to an end that can be compared")),
}
TRACKS = {
    "tuned": mark("each at the rate of its own search, all searches of one length"),
    "defaults": mark("each at the rate of its constructor"),
    "auto": mark("each at the rate of its own search, which is counted"),
}
PROFILE = mark("On how many of {scripts} scripts the target was reached in at most so many times the fewest steps:")
FACTORS = (1.0, 1.5, 2.0, 4.0)
ENDS = dict.fromkeys(("training", "validation", "metric"), mark("final loss")) | {
    "arrival": mark("steps to the minimum")
}
END = (mark("behind the best"), mark("p"), mark("seeds there"))
COST = (mark("steps to target"), mark("passes"), mark("seconds"), mark("state"), mark("peak memory"))


def show_race(result: dict[str, Any], lang: str) -> None:
    """Print the outcome of a race."""
    console, say = Console(highlight=False), speaker(lang)
    if not result["complete"] and not result["findings"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    for finding in result["findings"]:
        console.print(f"[red]✖ {escape(headline(finding, lang))}[/]", soft_wrap=True)
        console.print(f"  {say(finding['fix_template'], **finding['evidence'])}", soft_wrap=True)
    colour, words = VERDICTS[result["verdict"]]
    if not result["findings"]:
        kind = result["judged_by"] if result["judged_by"] in ENDS else "training"
        console.print(f"[bold {colour}]{say(words, best=result['best'], tied=', '.join(result['tied']))}[/]")
        console.print(_table(result, lang, (mark("lr"), ENDS[kind], *END), _end))
        console.print(_table(result, lang, COST, _cost))
        console.print(f"[dim]{say(TRACKS[result['track']])}[/]")
    for note in result["notes"]:
        console.print(f"[dim]{say(note['template'], **note['evidence'])}[/]")
    if not result["complete"] and not result["findings"]:
        console.print(say(mark("Go on: leonui race --resume {run}"), run=result["run"]))
    console.print(say(REPORT, report=result["report"]), soft_wrap=True)


def _table(result: dict[str, Any], lang: str, heads: tuple[str, ...], cells: Callable[..., tuple[str, ...]]) -> Table:
    """A row for each entrant, the best first, under these heads."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(translate(mark("optimizer"), lang))
    for head in heads:
        table.add_column(translate(head, lang), justify="right")
    for row in result["entrants"]:
        style = "bold" if row["entrant"] in (result["tied"] or [result["best"]]) else ""
        table.add_row(escape(row["entrant"]), *cells(row, result), style=style)
    return table


def _end(row: dict[str, Any], result: dict[str, Any]) -> tuple[str, ...]:
    """How good its final weights are."""
    there = "-" if row["arrived"] is None else f"{row['arrived']}/{result['seeds']}"
    p = "-" if row["p"] is None else f"{row['p']:.2g}"
    return number(row["lr"]), number(row["mean"]), _behind(row), p, there


def _cost(row: dict[str, Any], result: dict[str, Any]) -> tuple[str, ...]:
    """What it takes to the target."""
    clocks = [f"{row[clock]:.0f}" if row[clock] is not None else "-" for clock in ("steps", "passes")]
    held = [size(row[kind]) if row[kind] is not None else "-" for kind in ("state_bytes", "peak_bytes")]
    return *clocks, number(row["seconds"]), *held


def _behind(row: dict[str, Any]) -> str:
    if row["broke"]:
        return f"{row['broke']} ✖"
    if row["behind"] is None:
        return ""
    low, high = row["behind_interval"] or (None, None)
    return f"{number(row['behind'])} ({number(low)}..{number(high)})" if low is not None else number(row["behind"])


def show_races(result: dict[str, Any], lang: str) -> None:
    """Print what races on several scripts say: one line a script, and how often each entrant was near the cheapest."""
    console, say = Console(highlight=False), speaker(lang)
    if not result["complete"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    for race in result["races"]:
        colour, words = VERDICTS[race["verdict"]]
        said = say(words, best=race["best"], tied=", ".join(race["tied"]))
        console.print(f"[bold]{escape(race['program'])}[/]: [{colour}]{said}[/]", soft_wrap=True)
    told = result["profiles"]["steps"]
    if told["ratios"]:
        console.print(say(PROFILE, scripts=told["scripts"]))
        console.print(_profile(told["ratios"], lang))
    if not result["complete"]:
        console.print(say(mark("Go on: leonui race --resume {run}"), run=result["run"]))
    console.print(say(REPORT, report=result["report"]), soft_wrap=True)


def _profile(ratios: dict[str, list[float | None]], lang: str) -> Table:
    """The share of scripts on which an entrant needs at most so many times the fewest steps."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(translate(mark("optimizer"), lang))
    for factor in FACTORS:
        table.add_column(f"≤ {factor:g}x", justify="right")
    table.add_column(translate(mark("never"), lang), justify="right")
    for name, its in ratios.items():
        shares = [sum(ratio is not None and ratio <= factor for ratio in its) for factor in FACTORS]
        table.add_row(escape(name), *map(str, shares), str(its.count(None)))
    return table
