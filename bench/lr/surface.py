"""How short runs judge learning rates, for the development tasks: what the finder's constants are fitted on.

    python bench/lr/surface.py surface.json

Each learning rate is trained for a share of the run under the schedule compressed to it; then its weights coast over
the next batches, whose losses in training mode are left, with the held-out loss. All learning rates of a seed see the
same initial weights and the same batches.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import torch
import truth
from harness import advance
from optimizers import OPTIMIZERS
from tasks import DEVELOP, TASKS, Task
from torch import nn

SHARES = (0.03, 0.06, 0.12, 0.25, 0.5)
SEEDS = (0, 1, 2)
COAST = 32
RATES = [10 ** (0.25 * step) for step in range(-7, 8)]  # round the best of the truth
Job = tuple[str, str, int, float, float]


@torch.no_grad()
def coast(task: Task, model: nn.Module, batches: Any) -> list[float] | None:
    """Losses in training mode of the next batches at these weights; None where one is no number."""
    losses = [task.loss(model(x), y).item() for x, y in itertools.islice(batches, COAST)]
    return losses if all(map(math.isfinite, losses)) else None


def start(name: str, seed: int) -> list[float] | None:
    """Losses of the first batches at the initial weights."""
    return coast(TASKS[name], TASKS[name].build(seed), TASKS[name].batches(seed))


def short(name: str, rule: str, seed: int, steps: int, lr: float) -> tuple[list[float] | None, float | None]:
    """Coasting losses and held-out loss after a short run; the losses are None where it diverged."""
    task = TASKS[name]
    model, batches = task.build(seed), task.batches(seed)
    losses = advance(task, model, OPTIMIZERS[rule](model, lr), batches, lr, steps)
    end = task.heldout(model)
    if len(losses) < steps or not math.isfinite(end):
        return None, None
    return coast(task, model, batches), end


def rows(job: Job) -> list[dict[str, Any]]:
    """All learning rates of one short run."""
    torch.set_num_threads(1)
    name, rule, seed, share, best = job
    steps = max(8, round(share * TASKS[name].steps))
    head = {"task": name, "optimizer": rule, "N": TASKS[name].steps, "seed": seed, "share": share, "h": steps}
    head["start"] = start(name, seed)
    found = []
    for lr in (best * ratio for ratio in RATES):
        losses, end = short(name, rule, seed, steps, lr)
        found.append(head | {"lr": lr, "coast": losses, "heldout": end})
    return found


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    best = {(row["task"], row["optimizer"]): row["lr"] for row in truth.load() if row["task"] in DEVELOP}
    have = json.loads(args.file.read_text()) if args.file.exists() else []
    done = {(row["task"], row["optimizer"], row["seed"], row["share"]) for row in have}
    every = [(*cell, seed, share, lr) for share in SHARES for cell, lr in best.items() for seed in SEEDS]
    jobs = [job for job in every if job[:4] not in done]
    measure(jobs, have, args.file)


def measure(jobs: list[Job], found: list[dict[str, Any]], file: Path) -> None:
    """Run the jobs, two at a time, and leave what there is now and then."""
    began = time.perf_counter()
    os.environ["OMP_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(truth.WORKERS) as pool:
        for count, some in enumerate(pool.imap_unordered(rows, jobs), 1):
            found += some
            if count % 12 == 0 or count == len(jobs):
                file.write_text(json.dumps(found))
                print(f"{count} of {len(jobs)} after {(time.perf_counter() - began) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
