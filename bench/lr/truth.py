"""The truth: the held-out loss at the end of whole runs over a dense grid of learning rates.

    python bench/lr/truth.py                          # what bench/results/lr-truth.json does not hold yet
    python bench/lr/truth.py --task cnn --rule lion   # a part

Learning rates are 2**(k/2). A coarse pass (every fourth k, one seed) goes down from 2**6.5 until hardly anything is
learnt; round its best come all k, three seeds, and more of them until the best is at least two points inside. A second
call with a larger --side adds points to what is there.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from harness import trained, untrained
from optimizers import OPTIMIZERS
from tasks import TASKS

FILE = Path(__file__).parents[1] / "results" / "lr-truth.json"
SEEDS = (100, 101, 102)
TOP, BOTTOM, COARSE = 13, -41, 4  # 2**6.5 = 91, 2**-20.5 = 7e-7
SMALL = 1e-4  # not before: a rate far too large can lose as much
SIDE, INSIDE = 4, 2
WORKERS = 2
Curve = dict[int, list[float | None]]


def rate(k: int) -> float:
    """The learning rate of a point of the grid."""
    return 2.0 ** (k / 2)


def capped(losses: list[float | None], start: float) -> float:
    """The mean over the seeds; a run that diverged or ended worse than untrained counts as untrained."""
    return statistics.fmean(start if loss is None else min(loss, start) for loss in losses)


def best(curve: Curve, start: float) -> int:
    """The point of the lowest mean."""
    return min(curve, key=lambda k: capped(curve[k], start))


def coarse(curve: Curve, name: str, rule: str, start: float) -> None:
    """One seed, from the top down, until the rate is small and nine tenths of what was reached are lost."""
    for k in range(TOP, BOTTOM, -COARSE):
        curve.setdefault(k, [trained(name, rule, rate(k), SEEDS[0])[0]])
        lowest = min(capped(losses, start) for losses in curve.values())
        if rate(k) < SMALL and capped(curve[k], start) > start - 0.1 * (start - lowest):
            break


def complete(curve: Curve, name: str, rule: str, ks: range) -> Curve:
    """All seeds at those points; what is there stays. Returns the points that have all seeds."""
    for k in ks:
        have = curve.setdefault(k, [])
        have += [trained(name, rule, rate(k), seed)[0] for seed in SEEDS[len(have) :]]
    return {k: losses for k, losses in curve.items() if len(losses) == len(SEEDS)}


def dense(curve: Curve, name: str, rule: str, start: float, side: int) -> int:
    """All seeds on both sides of the best, which is returned."""
    at = best(curve, start)
    while True:
        full = complete(curve, name, rule, range(at - side, at + side + 1))
        now = best(full, start)
        if min(full) <= now - INSIDE and now + INSIDE <= max(full):
            return now
        at = now


def cell(job: tuple[str, str, int, Curve]) -> dict[str, Any]:
    """One task and optimizer."""
    torch.set_num_threads(1)
    began, (name, rule, side, curve) = time.perf_counter(), job
    start = statistics.fmean(untrained(name, seed) for seed in SEEDS)
    if not curve:
        coarse(curve, name, rule, start)
    at = dense(curve, name, rule, start, side)
    points = [{"k": k, "lr": rate(k), "losses": curve[k]} for k in sorted(curve)]
    head = {"task": name, "optimizer": rule, "steps": TASKS[name].steps}
    seconds = time.perf_counter() - began
    found = {"untrained": start, "side": side, "best": at, "lr": rate(at), "seconds": seconds, "points": points}
    return head | found


def load() -> list[dict[str, Any]]:
    """What was measured so far."""
    return json.loads(FILE.read_text())["rows"] if FILE.exists() else []


def save(rows: list[dict[str, Any]]) -> None:
    """Leave it as JSON."""
    FILE.parent.mkdir(exist_ok=True)
    part = FILE.with_suffix(".part")
    text = ",\n".join(json.dumps(row) for row in rows)
    part.write_text(f'{{"seeds": {json.dumps(SEEDS)}, "torch": "{torch.__version__}", "rows": [\n{text}\n]}}\n')
    part.replace(FILE)


def jobs(rows: list[dict[str, Any]], tasks: list[str], rules: list[str], side: int) -> list[Any]:
    """The cells that are missing, or were measured on fewer points to each side; with what is there of them."""
    have = {(row["task"], row["optimizer"]): row for row in rows}
    cells = [(task, rule) for task in tasks for rule in rules]
    todo = [cell for cell in cells if cell not in have or have[cell]["side"] < side]
    known = {cell: {point["k"]: point["losses"] for point in row["points"]} for cell, row in have.items()}
    return [(*cell, side, known.get(cell, {})) for cell in todo]


def measure(tasks: list[str], rules: list[str], side: int) -> None:
    """All cells that are missing, development tasks first."""
    rows = load()
    todo = jobs(rows, tasks, rules, side)
    began = time.perf_counter()
    os.environ["OMP_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        for count, row in enumerate(pool.imap_unordered(cell, todo), 1):
            key = (row["task"], row["optimizer"])
            rows = [other for other in rows if (other["task"], other["optimizer"]) != key] + [row]
            save(rows)
            left = (time.perf_counter() - began) / count * (len(todo) - count)
            print(f"{row['task']:13} {row['optimizer']:6} {told(row)}; {left / 60:.0f} minutes left", flush=True)


def told(row: dict[str, Any]) -> str:
    """One line on a cell."""
    at = next(point for point in row["points"] if point["k"] == row["best"])
    return f"best {row['lr']:.3g}, loss {capped(at['losses'], row['untrained']):.4f} of {row['untrained']:.4f}"


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, action="append")
    parser.add_argument("--rule", choices=OPTIMIZERS, action="append")
    parser.add_argument("--side", type=int, default=SIDE, help="dense points to each side of the best")
    args = parser.parse_args()
    measure(args.task or list(TASKS), args.rule or list(OPTIMIZERS), args.side)


if __name__ == "__main__":
    main()
