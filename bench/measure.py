"""What the benchmarks share: two commands in turn, ratios, and a file that says on what they were measured."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from leonui.machine import machine

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "results.md"


def in_turn(first: Callable[[], float], second: Callable[[], float], rounds: int) -> list[tuple[float, float]]:
    """Both measurements, one after the other, ``rounds`` times; which goes first changes every time."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            after, before = second(), first()
        else:
            before, after = first(), second()
        pairs.append((before, after))
    return pairs


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """Leave the rows as JSON, with the machine."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


def section(name: str, text: str) -> None:
    """Put a section of docs/results.md in place of the one of that name, or at the end; it says where it was made."""
    made = ", ".join(f"{key} {value}" for key, value in machine().items())
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->\n"
    page = PAGE.read_text() if PAGE.exists() else "# Results\n"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    gap = "" if rest else "\n"
    PAGE.write_text(f"{before}{gap}{begin}{text.strip()}\n\nMade on: {made}.{end}{after}")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
