"""The fault bench: what `leonui doctor` says of scripts with a known fault, and of healthy ones that look like it.

    python bench/faults/oracle.py                                     # first: which faults harm, what is healthy
    python bench/faults/run.py                                        # all visits bench/results/faults.json lacks
    python bench/faults/run.py --kind healthy --workloads cnn --limit 20
    python bench/faults/run.py --only lr-x10,loss-sign --fix          # and what the doctor's repair recovers
    python bench/faults/run.py --anew wrong                           # once more what had gone wrong, kept beside it
    python bench/faults/run.py --write                                # nothing new; the tables into docs/results.md

Scripts that the oracle does not count (faults that do no harm, recipes that it refused) are visited with --all only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).parents[1]))  # measure.py lies one folder up

import catalogue
import healthy
import oracle
import score
from measure import RESULTS, section
from runs import Results, Row, measure

KEYS = ("kind", "name", "workload", "seed", "fix")
KEPT = ("code", "class", "line", "message", "fixes")
PATIENCE = 1800  # seconds for one visit


def jobs(kinds: list[str], fix: bool) -> Iterator[Row]:
    """All visits, the first seed of every script first; only faults can be mended."""
    for seed in healthy.SEEDS:
        for kind, name, workload in oracle.cells():
            due = seed in catalogue.SEEDS or kind == "healthy"
            if due and kind in kinds and not (fix and kind == "healthy"):
                yield dict(zip(KEYS, (kind, name, workload, seed, fix), strict=True))


def visit(job: Row) -> Row:
    """One visit: the verdict, what was found, what it cost."""
    text = oracle.script(job["kind"], job["name"], job["workload"])
    began = time.perf_counter()
    said = _ask(job, text)
    return job | said | {"seconds": time.perf_counter() - began, "edited": catalogue.changed(job["workload"], text)}


def _ask(job: Row, text: str) -> Row:
    options = ["--json", "--fix"] if job["fix"] else ["--json"]
    program = catalogue.launched(job["workload"], Path("train.py"), job["seed"])
    command = [sys.executable, "-m", "leonui", "doctor", *options, *program]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment.pop("LEONUI_RUNS", None)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train.py").write_text(text, "utf-8")
        where: dict[str, Any] = {"cwd": folder, "env": environment}
        try:
            done = subprocess.run(command, **where, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return _nothing("timeout")
    return _read(done)


def _read(done: subprocess.CompletedProcess[str]) -> Row:
    try:
        said = json.loads(done.stdout)
        found = [{key: one.get(key) for key in KEPT} for one in said["findings"]]
    except (ValueError, KeyError, AttributeError):
        return _nothing(f"exit {done.returncode}: {done.stderr.strip()[-300:]}")
    checks = [{key: check.get(key) for key in ("code", "ok")} for check in said.get("checklist", [])]
    told = {key: said.get(key) for key in ("verdict", "steps", "fixed")}
    return told | {"findings": found, "checklist": checks, "exit": done.returncode, "error": None}


def _nothing(error: str) -> Row:
    return {
        "verdict": None,
        "steps": None,
        "fixed": None,
        "findings": [],
        "checklist": [],
        "exit": None,
        "error": error,
    }


def visits() -> Results:
    """The visits so far."""
    return Results(RESULTS / "faults.json", KEYS)


TEXT = """## Faults found

`python bench/faults/run.py`: {scripts} scripts, made from eleven ordinary ones by editing their source text: faults,
and healthy look-alikes of them. What a fault is was decided by plain runs, without the doctor: it counts if the held-
out loss at the end is worse by 5% and by Welch's t (one-sided, p < 0.05), a healthy recipe if its learning rate is
near the best of three and its validation loss does not rise. Not every script has been visited: the counts say how
many.

Rules and constants of the doctor were made on three workloads (development). Five more are reported; fourteen rules
were mended after visits of these, so they are no longer unseen. The first eight: a training with a stage before it,
badly scaled inputs tried after rates, a rate that is low by less than five times, ranks whose data end early, ranks
whose replays go on with other data, a run that breaks later than a short training lasts, parameters that no optimizer
holds, a network that can learn nothing at all. A ninth (what validation gains is a share of the way from a constant
prediction) after a script outside of this bench. Then: networks and losses of a second stage are looked at anew, eval
mode that was never left, an optimizer that never steps, the gradient of what is no number, a change with which the run
still learns nothing that holds, and a cause for which nothing but its help speaks must beat the rate on the whole run.
After these last six, ten of the 33 visits that had gone wrong were made again, and the others stay as they were; the
visits of healthy scripts lie before them, but for five of those that come near: none was alarmed.

Three more (unseen) were written after all of these, in another style: a class that trains, convolutions over lines,
attention by steps. There one seed of each fault was run and compared with three of the unedited script by Student's
t. Two rules were mended after the first of them (a run that is far above what a constant prediction loses, and a rate
that is ten times too low); the visits before, right or wrong, stay in the table. All others were made with rules that
nothing was changed in from the first to the last of them: their row says what the doctor does with scripts that it
has not been made on.

Then their wrong visits were read, and three rules mended: weights that began all alike and never move are no dead
units; validation that jumps about counts where training surely gains, too; samples that came so often that all are
known by heart say nothing of their labels. For these the three workloads are no longer unseen. Two more were mended
after a review and a visit of a reported workload: what comes down towards a constant prediction's loss has gained that
part of the way; inputs are standardised in validation, too, where the network inside of DistributedDataParallel
validates. A part of what had gone wrong, and the healthy scripts that come nearest to these rules, were visited once
more as far as time went, some before the last of these mends: they are kept apart, and no visit in another table was
replaced by them. Of the faults that had gone right none was visited again: one that a mend has lost would not show
here. The machine was loaded while all these visits were made: their seconds say nothing.

The peers and the naive repair were asked of 26 faulty runs so far, and 24 of these are rates that are 3 to 100 times
too high: what the naive repair is for. Their rows say nothing of other faults.

A false alarm is a finding of class "is" or "caused by" on a healthy run; intervals are Wilson's, 95%. Recall is the
share of harmful faults whose first finding has one of the codes that were accepted before the first visit, precision
the share of those with a first finding of those two classes.

"""


def visits_anew() -> Results:
    """Scripts that were visited once more, after rules had been mended; the visits before are kept."""
    return Results(RESULTS / "faults-anew.json", KEYS)


def once_more(which: str) -> list[Row]:
    """The jobs of ``visits`` that went wrong, or right, in a random order; healthy ones went right without an alarm."""
    knows = oracle.Oracle(oracle.results().rows)
    rows = [row for row in score.diagnosed(visits().rows) if knows.counts(score.cell(row))]
    some = [{key: row[key] for key in KEYS} for row in rows if score.went_right(row) == (which == "right")]
    random.Random(0).shuffle(some)
    return some


def report() -> str:
    """The tables over all that was visited."""
    peers = Results(RESULTS / "faults-peers.json", KEYS[:4])
    return score.tables(visits().rows, visits_anew().rows, peers.rows, oracle.Oracle(oracle.results().rows))


def main() -> None:
    """Visit what was asked for, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="healthy,fault")
    parser.add_argument("--only", help="names of faults and recipes")
    parser.add_argument("--workloads", default=",".join(catalogue.ALL))
    parser.add_argument("--seeds", default=",".join(map(str, healthy.SEEDS)))
    parser.add_argument("--limit", type=int, help="at most so many visits")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--fix", action="store_true", help="let the doctor mend the faulty scripts")
    parser.add_argument("--all", action="store_true", help="what the oracle does not count, or does not know, too")
    parser.add_argument("--again", action="store_true", help="forget the visits that failed, and ask for them anew")
    parser.add_argument("--anew", choices=("wrong", "right"), help="once more what went so, by the rules of today")
    parser.add_argument("--write", action="store_true", help="measure nothing, write docs/results.md")
    args = parser.parse_args()
    if not args.write:
        known = visits_anew() if args.anew else visits()
        if args.again:
            known.forget(lambda row: row["error"] is not None)
        measure(known, chosen(args), visit, args.workers, args.limit)
    text = report()
    print(text)
    if args.write:
        section("faults", TEXT.format(scripts=sum(1 for _ in oracle.cells())) + text)


def chosen(args: argparse.Namespace) -> list[Row]:
    """The visits that the options ask for."""
    knows = oracle.Oracle(oracle.results().rows)
    names = args.only.split(",") if args.only else None
    workloads, seeds = args.workloads.split(","), [int(seed) for seed in args.seeds.split(",")]
    anew = getattr(args, "anew", None)
    every = once_more(anew) if anew else jobs(args.kind.split(","), getattr(args, "fix", False))
    return [
        job
        for job in every
        if job["kind"] in args.kind.split(",")
        and job["workload"] in workloads
        and job["seed"] in seeds
        and (names is None or job["name"] in names)
        and (args.all or knows.counts((job["kind"], job["name"], job["workload"])))
    ]


if __name__ == "__main__":
    main()
