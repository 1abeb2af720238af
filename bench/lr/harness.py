"""Training in this process, exactly as train.py does: the truth, the short runs of other finders, the surface."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from optimizers import OPTIMIZERS
from tasks import TASKS, Task
from torch import nn

LOOK = 20  # steps between two looks at whether the loss is still a number


def advance(
    task: Task, model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterator, lr: float, steps: int
) -> list[torch.Tensor]:
    """Train that many steps under the task's schedule, compressed to them; the losses, fewer where it broke."""
    losses = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * task.shape((step + 0.5) / steps)
        x, y = next(batches)
        loss = task.loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if step % LOOK == LOOK - 1 and not torch.stack(losses[-LOOK:]).isfinite().any():
            break
    return losses


def trained(name: str, rule: str, lr: float, seed: int, steps: int | None = None) -> tuple[float | None, list[float]]:
    """The held-out loss at the end, None where the run diverged, and the losses on the way."""
    task = TASKS[name]
    model = task.build(seed)
    optimizer = OPTIMIZERS[rule](model, lr)
    losses = advance(task, model, optimizer, task.batches(seed), lr, steps or task.steps)
    end = task.heldout(model)
    return end if math.isfinite(end) else None, torch.stack(losses).tolist()


def untrained(name: str, seed: int) -> float:
    """The held-out loss of the initial weights."""
    return TASKS[name].heldout(TASKS[name].build(seed))
