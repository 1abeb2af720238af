"""Says by plain runs alone which faults do harm, and which healthy recipes are healthy; it never asks the doctor.

    python bench/faults/oracle.py                             # all that bench/results/faults-oracle.json does not hold
    python bench/faults/oracle.py --only lr-x10,plain         # a part
    python bench/faults/oracle.py --show                      # nothing new; what it says of each script

A fault does harm where the held-out loss at the end is worse than the unedited script's: by Welch's t of the
logarithms (one-sided, p < 0.05; Student's where one seed was run), and by 5% at least; where the fault is in the
validation, better by as much is harm, too. What diverges counts as ten times the untrained loss. A recipe is admitted
where its own rate loses at most 15% of the progress that the best of a third of it, itself and thrice it makes, and
no run ends above its lowest validation loss by more than 10% of its progress.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).parents[1]))  # measure.py lies one folder up

import catalogue
import healthy
import injections
from measure import RESULTS
from runs import Results, Row, measure, plain

KEYS = ("kind", "name", "workload", "factor", "seed")
GRID = (1.0, 1 / 3, 3.0)
CAP, LEVEL, LEAST = 10.0, 0.05, 0.05
LOST, RISE = 0.15, 0.10
Cell = tuple[str, str, str]


def script(kind: str, name: str, workload: str, factor: float = 1.0) -> str:
    """The source of one script of the bench."""
    if kind == "fault":
        return injections.FAULTS[name].script(workload)
    return healthy.RECIPES[name].script(workload, round(factor, 3))


def cells() -> Iterator[Cell]:
    """Kind, name and workload of all scripts, the healthy ones first."""
    yield from (("healthy", recipe.name, workload) for recipe, workload in healthy.pairs())
    yield from (("fault", fault.name, workload) for fault, workload in injections.pairs())


def jobs() -> Iterator[Row]:
    """All runs; the unedited scripts have more seeds, everything is compared with those."""
    for cell in cells():
        for factor in GRID if cell[0] == "healthy" else GRID[:1]:
            many = cell[1] == "plain" and factor == 1
            for seed in healthy.SEEDS if many else catalogue.SEEDS:
                if not alone(cell) or (seed in catalogue.SEEDS if many else seed == 0):
                    yield dict(zip(KEYS, (*cell, factor, seed), strict=True))


def alone(cell: Cell) -> bool:
    """Whether a script is run with one seed: those of the last workloads are many, and each takes long."""
    return cell[2] in catalogue.UNSEEN


def run(job: Row) -> Row:
    """One plain run."""
    text = script(job["kind"], job["name"], job["workload"], job["factor"])
    return job | plain(job["workload"], text, job["seed"])


class Oracle:
    """What the runs say."""

    def __init__(self, rows: list[Row]) -> None:
        self._runs: dict[tuple[Cell, float], list[Row]] = {}
        for row in rows:
            cell = (row["kind"], row["name"], row["workload"])
            self._runs.setdefault((cell, row["factor"]), []).append(row)

    @cached_property
    def starts(self) -> dict[str, float]:
        """The untrained held-out loss of each workload that was run."""
        every = {workload: self.runs(("healthy", "plain", workload)) for workload in catalogue.ALL}
        return {workload: statistics.fmean(row["vals"][0] for row in rows) for workload, rows in every.items() if rows}

    def runs(self, cell: Cell, factor: float = 1.0) -> list[Row]:
        """The runs of a script, at its rate or another."""
        return self._runs.get((cell, factor), [])

    def finals(self, cell: Cell, factor: float = 1.0) -> list[float]:
        """The losses at the end of its runs, capped."""
        cap = CAP * self.starts[cell[2]]
        found = (row["final"] for row in self.runs(cell, factor))
        return [cap if final is None else min(max(final, 1e-9), cap) for final in found]

    def healthy_final(self, workload: str) -> float:
        """What the unedited script ends at, on average."""
        return statistics.fmean(self.finals(("healthy", "plain", workload)))

    def known(self, cell: Cell) -> bool:
        """Whether all runs are there that its judgement needs."""
        grid = GRID if cell[0] == "healthy" else GRID[:1]
        least = 1 if alone(cell) else len(catalogue.SEEDS)
        enough = all(len(self.runs(cell, factor)) >= least for factor in grid)
        return enough and len(self.runs(("healthy", "plain", cell[2]))) >= len(catalogue.SEEDS)

    def counts(self, cell: Cell) -> bool:
        """Whether a fault does harm, or a recipe is admitted."""
        return self.known(cell) and (self.harmful(cell) if cell[0] == "fault" else self.admitted(cell))

    def harmful(self, cell: Cell) -> bool:
        """Whether the fault makes the end worse, or the validation wrong where that is its nature."""
        worse, base = self.finals(cell), self.finals(("healthy", "plain", cell[2]))
        change = statistics.fmean(worse) / statistics.fmean(base) - 1
        if injections.FAULTS[cell[1]].misleads:
            return abs(change) >= LEAST and differs(worse, base, "two-sided")
        return change >= LEAST and differs(worse, base, "greater")

    def lost(self, cell: Cell) -> float:
        """The share of the progress of the unedited script that a fault loses."""
        base, start = self.healthy_final(cell[2]), self.starts[cell[2]]
        return (statistics.fmean(self.finals(cell)) - base) / (start - base)

    def admitted(self, cell: Cell) -> bool:
        """Whether the recipe's rate is near the best of the grid, and its validation loss does not rise."""
        start = self.starts[cell[2]]
        means = [statistics.fmean(self.finals(cell, factor)) for factor in GRID]
        near = means[0] <= min(means) + LOST * (start - min(means))
        return near and all(settled(row, start) for row in self.runs(cell))


def differs(some: list[float], others: list[float], side: str) -> bool:
    """Welch's t of the logarithms: of the losses themselves, one run that explodes would hide the others.

    A single run has no deviation of its own; it is compared with Student's t, by that of the others.
    """
    from scipy.stats import ttest_ind

    logs = [[math.log(value) for value in values] for values in (some, others)]
    found: Any = ttest_ind(*logs, equal_var=len(some) == 1, alternative=side)
    return bool(found.pvalue < LEVEL)


def settled(row: Row, start: float) -> bool:
    """Whether a run ended near its lowest validation loss."""
    if row["final"] is None or None in row["vals"]:
        return False
    lowest = min(row["vals"])
    return row["final"] - lowest <= RISE * (start - lowest)


def results() -> Results:
    """The runs so far."""
    return Results(RESULTS / "faults-oracle.json", KEYS)


def show(oracle: Oracle) -> None:
    """One line for each script that was run."""
    for cell in filter(oracle.known, cells()):
        finals = " ".join(f"{final:.4g}" for final in oracle.finals(cell))
        word = {"fault": ("inert", "harmful"), "healthy": ("refused", "admitted")}[cell[0]][oracle.counts(cell)]
        print(f"{word:9} {' '.join(cell)}: {finals}; unedited {oracle.healthy_final(cell[2]):.4g}")


def main() -> None:
    """Run what is missing, or show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of faults and recipes")
    parser.add_argument("--workloads", default=",".join(catalogue.ALL))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    found = results()
    if not args.show:
        names = args.only.split(",") if args.only else [cell[1] for cell in cells()]
        todo = [job for job in jobs() if job["name"] in names and job["workload"] in args.workloads.split(",")]
        measure(found, todo, run, args.workers, args.limit)
    show(Oracle(found.rows))


if __name__ == "__main__":
    main()
