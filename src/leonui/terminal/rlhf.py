"""RLHF in the terminal: the reward and the KL while it trains, then what it said before and says after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from leonui.record import Row
from leonui.terminal.text import REPORT, UNFINISHED, number, show_judged, speaker
from leonui.words import mark, translate

GAINED = mark("Reward {before:.3g} -> {after:.3g}, {kl:.3g} nats from where it began")
HELD = mark("Reward {before:.3g} -> {after:.3g}, {kl:.3g} nats from where it began; {target:.3g} were the target")
EVERY = 10  # rows, where lines are printed and no bar moves


@contextmanager
def saying(lang: str, quiet: bool, steps: int) -> Iterator[Callable[[Row], None]]:
    """A bar with the time left, and the newest reward and KL; where no terminal is, a line now and then."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[now]}"),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )
    task = bar.add_task(translate(mark("learning by reward"), lang), total=steps, now="")
    words = translate(mark("reward {reward}, KL {kl} nats, beta {beta}"), lang)

    def say(row: Row) -> None:
        now = words.format(**{name: number(row[name]) for name in ("reward", "kl", "beta")})
        bar.update(task, completed=row["step"], now=now)
        if bar.disable and not quiet and (row["step"] % EVERY == 0 or row["step"] == steps):
            console.print(f"{row['step']}/{steps}  {now}", highlight=False)

    with bar:
        yield say


def show_rlhf(result: dict[str, Any], lang: str) -> None:
    """Print the outcome: the verdict first."""
    console, say = Console(highlight=False), speaker(lang)
    if not result["complete"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    if reward := result["reward"]:
        colour = "green" if reward["after"] > reward["before"] and not result["findings"] else "yellow"
        words = HELD if result["target"] else GAINED
        console.print(f"[bold {colour}]{say(words, **reward, kl=result['kl']['after'], target=result['target'])}[/]")
    show_judged(console, result, say)
    if result["samples"]:
        console.print(_samples(result["samples"], lang))
    console.print(say(mark("Weights: {weights}"), weights=result["weights"]), soft_wrap=True)
    if result.get("report"):
        console.print(say(REPORT, report=result["report"]), soft_wrap=True)


def _samples(samples: list[dict[str, Any]], lang: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in (mark("reward"), mark("before"), mark("reward"), mark("after")):
        table.add_column(translate(name, lang), overflow="fold")
    for row in samples:
        cells = []
        for sample in (row["before"], row["after"]):
            said = f"[dim]{escape(row['prompt'].strip())}[/] {escape(str(sample['completion']).strip())}"
            cells += [number(sample["reward"]), said]
        table.add_row(*cells)
    return table
