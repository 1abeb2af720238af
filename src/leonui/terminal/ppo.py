"""PPO in the terminal: a bar a seed with the time left, then the return, its curve, and what the doctor says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from leonui.terminal.text import REPORT, UNFINISHED, number, show_judged, speaker
from leonui.words import mark, translate

BARS = "▁▂▃▄▅▆▇█"
REACHED = mark("Return {mean}, 95% interval {low} to {high} over {count} seeds")
ONE = mark("Return {mean}, one seed")


@contextmanager
def training(lang: str, quiet: bool, seeds: list[int], steps: int) -> Iterator[Callable[[int, dict[str, Any]], None]]:
    """A bar for each seed with its newest return; where no terminal is, a line at the end of each."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(32),
        TaskProgressColumn(),
        TextColumn("{task.fields[now]}"),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )
    name, words = translate(mark("seed {seed}"), lang), translate(mark("return {value}, {speed} steps/s"), lang)
    tasks = {seed: bars.add_task(name.format(seed=seed), total=steps, now="") for seed in seeds}

    def say(seed: int, row: dict[str, Any]) -> None:
        now = words.format(value=number(row.get("return")), speed=f"{row['speed']:.0f}")
        bars.update(tasks[seed], completed=row["step"], now=now)

    with bars:
        yield say


def show_ppo(result: dict[str, Any], lang: str) -> None:
    """Print the outcome: the verdict first."""
    console, say = Console(highlight=False), speaker(lang)
    if not result["complete"]:
        console.print(f"[yellow]{say(UNFINISHED)}[/]")
    if reached := result["return"]:
        told = {name: number(value) for name, value in reached.items()}
        colour = "yellow" if result["findings"] else "green"
        words = REACHED if reached["count"] > 1 else ONE
        console.print(f"[bold {colour}]{escape(result['program'])}: {say(words, **told)}[/]")
    if curve := [value for value in result["curve"]["mean"] if value is not None]:
        console.print(f"{number(curve[0])} {sparkline(curve, console.encoding)} {number(curve[-1])}")
    show_judged(console, result, say)
    if not result["complete"]:
        console.print(say(mark("Go on: leonui ppo --resume {run}"), run=result["run"]))
    console.print(say(mark("Watch it: leonui ppo --play {run}"), run=result["run"]))
    console.print(say(REPORT, report=result["report"]), soft_wrap=True)


def sparkline(values: list[float], encoding: str = "utf-8", width: int = 60) -> str:
    """A curve in one line of characters.

    >>> sparkline([0.0, 1.0, 4.0, 7.0])
    '▁▂▅█'
    """
    shown = [values[at * len(values) // min(width, len(values))] for at in range(min(width, len(values)))]
    low, high = min(shown), max(shown)
    marks = BARS if encoding.lower().startswith("utf") else "_.-~=+*#"
    return "".join(marks[round((value - low) / ((high - low) or 1.0) * (len(marks) - 1))] for value in shown)


def show_played(returns: list[float], path: str | None, why: str, lang: str) -> None:
    """Print what a policy reached, and where its picture is, or why there is none."""
    console = Console(highlight=False)
    words = translate(mark("{count} episodes: return {mean} on average, {low} to {high}"), lang)
    told = {"mean": number(sum(returns) / len(returns)), "low": number(min(returns)), "high": number(max(returns))}
    console.print(escape(words.format(count=len(returns), **told)))
    if path:
        console.print(escape(path), soft_wrap=True)
    elif why:
        console.print(escape(translate(mark("no picture: {why}"), lang).format(why=why)), soft_wrap=True)
