"""A search of leonui's in this process: its own job, over trainings as train.py does them.

What `leonui lr` does by branches of a script that it watches is done here by calling the training: the same batches,
initial weights, rates and losses, without a process, a fork and a probe for each. run.py asks the command, too, for
some answers, and says how far they differ.
"""

from __future__ import annotations

import functools
import itertools
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from optimizers import OPTIMIZERS, TYPED
from tasks import TASKS

from leonui.finder.guide import Silent
from leonui.rate.job import Job
from leonui.record import Record, Row
from leonui.trial.intervention import Intervention
from leonui.trial.program import Program
from leonui.trial.runner import Point
from leonui.trial.trial import Trial

SCRIPT = Path(__file__).with_name("train.py").resolve()
SITE = "held out"
MEASURED = 3  # of the first steps the size of the update is measured, as the probe does


class Inside:
    """What a Job asks of a Runner, for one task, optimizer and seed."""

    start, why, workers = "fork", "", 1

    def __init__(self, name: str, rule: str, seed: int, folder: Path):
        self.name, self.rule, self.seed, self.folder = name, rule, seed, folder
        self.task = TASKS[name]

    def trailhead(self, seed: int) -> Point:
        """Every trial here begins anew."""
        return Point(seed)

    def release(self, point: Point) -> None:
        """Nothing is held."""

    def branch(self, point: Point, jobs: dict[str, Intervention], **plan: Any) -> list[Trial]:
        """One trial after the other."""
        return [self._trial(name, job) for name, job in jobs.items()]

    def _trial(self, name: str, job: Intervention) -> Trial:
        trial = Trial(name, self.folder / name, job, "fork")
        trial.record = self._walked() if job.stop == 0 and job.glide and not job.coast else self._trained(job)
        return trial

    def _own(self, step: int) -> float:
        return TYPED[self.rule] * self.task.shape((step + 0.5) / self.task.steps)

    def _rates(self, job: Intervention) -> list[float]:
        """The rate of each step."""
        steps = range(job.stop or 0)
        return [TYPED[self.rule] * job.lr.schedule(step) if job.lr else self._own(step) for step in steps]

    def _walked(self) -> Record:
        """The whole script with nothing computed but its validation."""
        rows = [{"step": step + 1, "optimizer": 0, "phase": "glide"} for step in range(self.task.steps)]
        rows = [row | {"lr": [self._own(row["step"] - 1)], "seconds": 0.0} for row in rows]
        made = {"event": "optimizer", "optimizer": 0, "name": self.rule, "lr": [TYPED[self.rule]]}
        samples, distinct = seen(self.name)
        end = {"event": "end", "reason": "done", "samples": samples, "distinct": distinct}
        held = _validation(0, self.task.heldout(self.task.build(self.seed)))
        return Record(rows, [made, {"event": "trailhead", "lr": made["lr"]}, held, end])

    def _trained(self, job: Intervention) -> Record:
        """Train, coast, validate."""
        model, batches = self.task.build(self.seed), self.task.batches(self.seed)
        optimizer = OPTIMIZERS[self.rule](model, TYPED[self.rule])
        rows = list(self._steps(model, optimizer, batches, self._rates(job)))
        with torch.no_grad():
            for x, y in itertools.islice(batches, job.coast):
                rows.append({"step": len(rows) + 1, "phase": "coast", "loss": self.task.loss(model(x), y).item()})
        events = [_validation(job.stop or 0, self.task.heldout(model))] if job.glide == "validation" else []
        return Record(rows, events)

    def _steps(
        self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, batches: Any, rates: list[float]
    ) -> Iterator[Row]:
        parameters = list(model.parameters())
        for step, (rate, (x, y)) in enumerate(zip(rates, batches, strict=False)):
            for group in optimizer.param_groups:
                group["lr"] = rate
            before = [p.detach().clone() for p in parameters] if step < MEASURED else []
            loss = self.task.loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            row: Row = {"step": step + 1, "optimizer": 0, "lr": [rate], "loss": loss.item()}
            if before:
                row["update_ratio"] = _ratio(before, parameters)
            yield row


@torch.no_grad()
def _ratio(before: list[torch.Tensor], after: list[torch.nn.Parameter]) -> float:
    """The size of an update over that of the weights."""
    moved = math.sqrt(sum((p - b).square().sum().item() for p, b in zip(after, before, strict=True)))
    return moved / (math.sqrt(sum(b.square().sum().item() for b in before)) + 1e-12)


def _validation(step: int, loss: float) -> Row:
    return {"event": "validation", "site": SITE, "step": step, "loss": loss, "batches": 1}


@functools.cache
def seen(name: str) -> tuple[int, int]:
    """How many samples a whole run trains on, and how many of them are distinct."""
    task = TASKS[name]
    rows = (row for x, _ in itertools.islice(task.batches(0), task.steps) for row in x.flatten(1).numpy())
    prints = [hash(row.tobytes()) for row in rows]
    return len(prints), len(set(prints))


def find(name: str, rule: str, seed: int) -> dict[str, Any]:
    """What the job of `leonui lr` finds."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program.of([str(SCRIPT), name, "--optimizer", rule, "--seed", str(seed)])
        job = Job(program, Path(folder))
        job.go(Inside(name, rule, seed, Path(folder) / "trials"), Silent())  # type: ignore[arg-type]
        return job.result()
