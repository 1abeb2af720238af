"""An ordinary training script: one task, one optimizer.

python bench/lr/train.py mlp --optimizer adamw --lr 1e-3 --seed 0
"""

from __future__ import annotations

import argparse

import torch
from optimizers import OPTIMIZERS, TYPED
from tasks import TASKS
from torch.optim.lr_scheduler import LambdaLR


def main() -> None:
    """Train, and say now and then how well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adamw")
    parser.add_argument("--lr", type=float)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    task = TASKS[args.task]
    model = task.build(args.seed)
    optimizer = OPTIMIZERS[args.optimizer](model, args.lr or TYPED[args.optimizer])
    scheduler = LambdaLR(optimizer, lambda i: task.shape((i + 0.5) / task.steps))
    batches = task.batches(args.seed)
    for step in range(task.steps):
        x, y = next(batches)
        loss = task.loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % (task.steps // 5) == 0:
            print(f"step {step} held-out loss {task.heldout(model):.4f}")
    print(f"held-out loss {task.heldout(model)!r}")


if __name__ == "__main__":
    main()
