"""A diagnosis in the terminal: the verdict first, then each finding as a compiler would write it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from leonui.terminal.text import REPORT, UNFINISHED, headline, number, speaker
from leonui.words import mark, translate

if TYPE_CHECKING:
    from leonui.doctor.fault import About

VERDICTS = {
    "healthy": ("green", mark("Healthy: nothing was found that is wrong")),
    "faults": ("red", mark("What is wrong: {codes}.")),
    "unknown": ("yellow", mark("Something is not right, and its cause was not proved")),
}
OF_LOG = {
    "healthy": ("green", mark("Nothing in the log looks wrong")),
    "unknown": ("yellow", mark("The log is consistent with: {codes}")),
}
CLASSES = {
    "is": mark("an exact check"),
    "caused by": mark("proved by replay"),
    "consistent with": mark("statistics only"),
}


@contextmanager
def reading(lang: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar over the bytes of a log that is read, with the time left."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(32),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(translate(mark("reading the log"), lang), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show_diagnosis(result: dict[str, Any], lang: str, fix: bool = False) -> None:
    """Print the outcome of a visit; ``fix``: with the changes to the user's file."""
    console, say = Console(highlight=False), speaker(lang)
    if not result["complete"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    colour, words = (OF_LOG if result.get("log") else VERDICTS)[result["verdict"]]
    codes = ", ".join(dict.fromkeys(finding["code"] for finding in result["findings"]))
    console.print(f"[bold {colour}]{say(words, codes=codes)}[/]")
    for finding in result["findings"]:
        _show_finding(console, finding, lang)
    for check in result["checklist"]:
        if check["ok"]:
            console.print(f"[green]✔[/] {say(check['template'], **check['evidence'])}")
    for note in result["notes"]:
        console.print(f"[dim]{say(note['template'], **note['evidence'])}[/]")
    if fix:
        _show_fix(console, result, lang)
    if result["run"]:
        console.print(say(mark("Steps: {steps}; the run itself has {run}."), **result))
    if result.get("report"):
        console.print(say(REPORT, report=result["report"]), soft_wrap=True)


def _show_finding(console: Console, finding: dict[str, Any], lang: str) -> None:
    kind = translate(CLASSES[finding["class"]], lang)
    console.print(f"[red]✖ {escape(headline(finding, lang))}[/] [dim]({kind})[/]", soft_wrap=True)
    if proof := finding["proof"]:
        ends = [next((x for x in reversed(proof[who]) if x is not None), None) for who in ("control", "changed")]
        words = translate(mark("replayed with {change}: training loss {control} -> {changed} at the end"), lang)
        said = words.format(change=proof["change"], control=number(ends[0]), changed=number(ends[1]))
        console.print(f"  [dim]{escape(said)}[/]", soft_wrap=True)
        if proof["suffices"]:
            words = translate(mark("in short trainings each of these was enough: {names}"), lang)
            console.print(f"  [dim]{escape(words.format(names=', '.join(proof['suffices'])))}[/]", soft_wrap=True)
    if fix := translate(finding["fix_template"], lang).format(**finding["evidence"]):
        console.print(f"  {escape(fix)}", soft_wrap=True)
    for line in finding["fixes"]:
        console.print(f"    [green]{escape(line)}[/]", soft_wrap=True)
    console.print(f"  [dim]leonui explain {finding['code']}[/]")


def _show_fix(console: Console, result: dict[str, Any], lang: str) -> None:
    for line in result["patch"].splitlines():
        console.print(Text(line, {"-": "red", "+": "green"}.get(line[:1], "dim")), soft_wrap=True)
    if not result["patch"] and result["findings"]:
        console.print(translate(mark("No single line mends this; do what is said above."), lang))
    if fixed := result["fixed"]:
        words = mark(
            "With the fix the loss at the end goes from {before} to {after}; nothing was written to your file."
        )
        said = translate(words, lang).format(before=number(fixed["before"]), after=number(fixed["after"]))
        console.print(escape(said))


def show_about(code: str, about: About, lang: str) -> None:
    """Print what there is to know about a code."""
    console = Console(highlight=False)
    console.print(f"[bold]{code}[/] {escape(translate(about.fault, lang))}")
    titles = (mark("How it is tested"), mark("What looks alike"), mark("How to mend it"))
    for title, text in zip(titles, (about.test, about.alike, about.mend), strict=True):
        console.print(f"[bold]{escape(translate(title, lang))}:[/] {escape(translate(text, lang))}")
    for source in about.sources:
        console.print(f"[dim]{escape(source)}[/]")


def show_codes(known: dict[str, About], lang: str) -> None:
    """Print all codes, a line each."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for code, about in known.items():
        table.add_row(code, escape(translate(about.fault, lang)))
    Console(highlight=False).print(table)
