"""What the answers of the finders are worth, by the truth: tables in Markdown.

The share lost of an answer is (L(lr) - L*) / (L0 - L*): L0 untrained, L* the lowest mean over the seeds of any
learning rate of the grid, L(lr) the mean over the seeds, between two points linear in log lr. A run that diverged, or
ended worse than untrained, has lost all.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

import numpy
from measure import table
from optimizers import OPTIMIZERS, TYPED
from tasks import TASKS
from truth import SEEDS, capped

CATASTROPHE = 0.2
Row = dict[str, Any]
Cells = dict[tuple[str, str], Row]
HEAD = (
    "finder",
    "answers",
    "refused",
    "median lost",
    "mean lost (90% interval)",
    "p95",
    "max",
    "within 2x",
    "within 3x",
)
MORE = ("over 20% lost: flagged, not", "its interval has the best", "steps, of a run")


def part(row: Row) -> str:
    """The part of the tasks that a row is of."""
    return TASKS[row["task"]].part


def cells(rows: list[Row]) -> Cells:
    """The truth by task and optimizer."""
    return {(row["task"], row["optimizer"]): row for row in rows}


def lost(cell: Row, lr: float) -> float:
    """The share of the achievable fall of the loss that this learning rate gives away."""
    start = cell["untrained"]
    means = [capped(point["losses"], start) for point in cell["points"]]
    full = [mean for mean, point in zip(means, cell["points"], strict=True) if len(point["losses"]) == len(SEEDS)]
    at = numpy.interp(numpy.log(lr), [numpy.log(point["lr"]) for point in cell["points"]], means)
    return float(numpy.clip((at - min(full)) / (start - min(full)), 0, 1))


def constants(truth: Cells) -> dict[str, float]:
    """For each optimizer the learning rate of the lowest mean share lost on the development tasks."""
    rates = [2.0 ** (k / 2) for k in range(-40, 10)]
    found = {}
    for rule in OPTIMIZERS:
        some = [cell for cell in truth.values() if cell["optimizer"] == rule and part(cell) == "develop"]
        found[rule] = min(rates, key=lambda lr: statistics.fmean(lost(cell, lr) for cell in some))
    return found


def fixed(truth: Cells) -> list[Row]:
    """The answers that cost nothing: the best constants of the development tasks, and what people type."""
    every = {"constant": constants(truth), "typed": TYPED}
    return [
        {"finder": finder, "task": task, "optimizer": rule, "seed": 0, "lr": rates[rule], "status": "ok", "steps": 0}
        for finder, rates in every.items()
        for task, rule in truth
    ]


def floor(truth: Cells, which: str) -> list[float]:
    """What whole runs over the dense grid lose themselves, if one seed chooses and the others judge."""
    shares = []
    for cell in truth.values():
        dense = [point["losses"] for point in cell["points"] if len(point["losses"]) == len(SEEDS)]
        for at in range(len(SEEDS)) if part(cell) == which else ():
            chosen = min(dense, key=lambda losses: capped([losses[at]], cell["untrained"]))
            others = [capped([*losses[:at], *losses[at + 1 :]], cell["untrained"]) for losses in dense]
            least = min(others)
            shares.append((others[dense.index(chosen)] - least) / (cell["untrained"] - least))
    return shares


def trusted(rows: list[Row]) -> Row:
    """The figures of the answers that are not flagged."""
    return figures([row for row in rows if row["status"] == "ok" and row["lost"] is not None])


def judged(answers: Iterable[Row], truth: Cells) -> list[Row]:
    """The answers with what they lose, how far off they are, and whether their interval has the best."""
    return [answer | _judge(answer, truth[answer["task"], answer["optimizer"]]) for answer in answers]


def _judge(answer: Row, cell: Row) -> Row:
    interval, steps = answer.get("interval"), answer.get("steps")
    covers = None if not interval else interval[0] <= cell["lr"] <= interval[1]
    about = {"cost": None if steps is None else steps / cell["steps"], "covers": covers}
    if answer["lr"] is None:
        return about | {"lost": None}
    off = max(answer["lr"] / cell["lr"], cell["lr"] / answer["lr"])
    return about | {"lost": lost(cell, answer["lr"]), "off": off}


def interval(rows: list[Row]) -> tuple[float, float]:
    """90% of the means of as many tasks drawn with replacement."""
    by_task: dict[str, list[float]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(row["lost"])
    sums = numpy.array([[sum(losses), len(losses)] for losses in by_task.values()])
    drawn = sums[numpy.random.default_rng(0).integers(len(sums), size=(2000, len(sums)))].sum(1)
    low, high = numpy.quantile(drawn[:, 0] / drawn[:, 1], (0.05, 0.95))
    return float(low), float(high)


def figures(rows: list[Row]) -> Row:
    """The figures of one finder."""
    given = [row for row in rows if row["lost"] is not None]
    losses = [row["lost"] for row in given]
    bad = [row for row in given if row["lost"] > CATASTROPHE]
    flagged = sum(row["status"] != "ok" for row in bad)
    covered = [row["covers"] for row in rows if row["covers"] is not None]
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    found: Row = {"answers": len(given), "refused": len(rows) - len(given), "flagged": flagged}
    found["unflagged"] = len(bad) - flagged
    found["covered"] = statistics.fmean(covered) if covered else None
    found["cost"] = statistics.fmean(costs) if costs else None
    if not given:
        return found
    found |= {"median": statistics.median(losses), "mean": statistics.fmean(losses), "interval": interval(given)}
    found |= {"p95": float(numpy.quantile(losses, 0.95)), "max": max(losses)}
    return found | {f"within{n}": statistics.fmean(row["off"] <= n for row in given) for n in (2, 3)}


def line(finder: str, found: Row) -> list[str]:
    """One row of the table."""
    ends = [finder, found["answers"], found["refused"]]
    if found["answers"]:
        low, high = found["interval"]
        ends += [percent(found["median"]), f"{percent(found['mean'])} ({percent(low)} to {percent(high)})"]
        ends += [percent(found[key]) for key in ("p95", "max", "within2", "within3")]
    else:
        ends += ["-"] * 6
    covered = "-" if found["covered"] is None else f"{found['covered']:.0%}"
    cost = "-" if found["cost"] is None else f"{found['cost']:.2f}"
    return [str(end) for end in (*ends, f"{found['flagged']}, {found['unflagged']}", covered, cost)]


def percent(share: float) -> str:
    """A share, small ones with a decimal."""
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


TITLES = {
    "unseen": "Unseen tasks",
    "report": "Reported tasks (looked at while the finder was made)",
    "develop": "Development tasks (constants were chosen on these)",
}


def tables(answers: list[Row], truth: Cells) -> str:
    """A table for each part of the tasks, and each optimizer's constant."""
    rows = judged([answer for answer in answers if (answer["task"], answer["optimizer"]) in truth], truth)
    shown = [row for row in rows if row["finder"] != "leonui-command"]
    parts = []
    for which, title in TITLES.items():
        some = [row for row in shown if part(row) == which]
        lines = [line(finder, figures([row for row in some if row["finder"] == finder])) for finder in order(some)]
        parts.append(f"### {title}\n\n{table((*HEAD, *MORE), lines)}\n\n{told(some, floor(truth, which))}")
    best = ", ".join(f"{rule} {lr:.2g}" for rule, lr in constants(truth).items())
    return "\n\n".join([*parts, f"Constants of the development tasks: {best}.", agreement(rows)])


def agreement(rows: list[Row]) -> str:
    """How far the answers of the command are from those of its job in the benchmark's process."""
    mine = {(row["task"], row["optimizer"], row["seed"]): row for row in rows if row["finder"] == "leonui"}
    same = [(row, mine.get((row["task"], row["optimizer"], row["seed"]))) for row in rows]
    pairs = [(row["lr"], other["lr"]) for row, other in same if row["finder"] == "leonui-command" and other]
    apart = [abs(a / b - 1) for a, b in pairs if a and b]
    alike = sum((a is None) == (b is None) for a, b in pairs)
    if not apart:
        return "The command itself was not asked."
    said = f"The command itself was asked for {len(pairs)} answers: {alike} of them agree on whether there is a rate, "
    return said + f"and the rates differ by {max(apart):.1g} at most."


def told(rows: list[Row], least: list[float]) -> str:
    """What leonui's unflagged answers lose, and what can be lost at all."""
    ours = trusted([row for row in rows if row["finder"] == "leonui"])
    if not ours["answers"]:
        return "No answer of leonui's has the status ok here."
    said = f"Of leonui's answers {ours['answers']} have the status ok: "
    said += _figures([row["lost"] for row in rows if row["finder"] == "leonui" and row["status"] == "ok"], ours["max"])
    said += f"; the interval has the best in {ours['covered']:.0%}. "
    said += "Where whole runs of one seed over the dense grid choose, and the other seeds judge, even they lose "
    return said + _figures(least, max(least)) + ": what was seen with one seed cannot be told to be better."


def _figures(losses: list[float], most: float) -> str:
    shares = (statistics.median(losses), statistics.fmean(losses), float(numpy.quantile(losses, 0.95)), most)
    return "median {}, mean {}, p95 {}, max {}".format(*map(percent, shares))


def order(rows: list[Row]) -> list[str]:
    """The finders, the lowest mean first."""
    means: dict[str, list[float]] = {}
    for row in rows:
        means.setdefault(row["finder"], []).append(1.0 if row["lost"] is None else row["lost"])
    return sorted(means, key=lambda finder: statistics.fmean(means[finder]))
