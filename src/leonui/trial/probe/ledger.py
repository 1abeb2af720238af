"""Keeps the accounts of one process: rows that wait to be written, and validation passes that are being summed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from leonui.record import Row, Writer

ON_CPU, ON_DEVICE = (
    0.05,
    0.5,
)  # seconds that a row may wait: written one by one they would cost a small step half its time
FACTS = ("optimizer", "scheduler", "clip", "trailhead")


class Ledger:
    """Writes rows and events.

    Rows are gathered for a moment, so that a small step is not slowed by the writing; numbers on an accelerator are
    fetched for many rows at once, so that no step waits for the device. ``facts`` are what is true of the whole
    process, what trains there and where it was made: a branch's ledger begins with those of the one before it.
    """

    def __init__(self, writer: Writer, facts: Iterable[Row] = ()):
        self.writer = writer
        self.facts = [*facts]
        self.silent = False
        self.lines = 0
        self._waiting: list[Row] = []
        self.passes: dict[str, list[Any]] = {}
        self.validated = -1  # the step at which the last validation was written down
        self._patience = ON_CPU
        self._then = self._drained = perf_counter()
        for fact in self.facts:
            self._add(fact)

    def row(self, row: Row) -> None:
        """One optimizer step; tensors in it become numbers when it is written."""
        now = perf_counter()
        row["seconds"] = now - self._then
        self._then = now
        if not self.silent:
            self._waiting.append(row)
            if now - self._drained > self._patience:
                self.drain()

    def number(self, value: torch.Tensor) -> torch.Tensor | float:
        """A scalar as it is now: at once on the CPU, as a copy that is fetched later on a device."""
        if value.device.type == "cpu":
            return value.item()
        self._patience = ON_DEVICE
        return value.detach().clone()

    def event(self, event: str, **values: Any) -> None:
        """Something that happened, after all rows before it."""
        self.drain()
        line = {"event": event, **values}
        if event in FACTS:
            self.facts.append(line)
        if not self.silent:
            self._add(line)
            self.writer.flush()

    def validation(self, site: list[str], total: torch.Tensor, count: int) -> None:
        """A loss computed under no_grad at ``site`` (a place and its caller): the sum over ``count`` samples."""
        sums = self.passes.setdefault(" < ".join(site), [0.0, 0, 0])
        sums[0], sums[1], sums[2] = sums[0] + total, sums[1] + count, sums[2] + 1

    def close_validation(self, step: int) -> None:
        """Training goes on: write down the mean loss of each validation pass that has ended with it."""
        if not self.passes:
            return
        passes, self.passes, self.validated = self.passes, {}, step
        for site, (total, count, batches) in passes.items():
            self.event("validation", step=step, site=site, loss=float(total) / max(count, 1), batches=batches)

    def drain(self) -> None:
        """Fetch what is still on a device, and write the rows that waited."""
        waiting, self._waiting = self._waiting, []
        numbers = iter(_fetch([value for row in waiting for value in row.values() if isinstance(value, torch.Tensor)]))
        for row in waiting:
            self._add(_settled(row, numbers))
        self.writer.flush()
        self._drained = perf_counter()

    def _add(self, line: Row) -> None:
        self.lines += 1
        self.writer.add(line)


def record_path(folder: str) -> Path:
    """This process's own record in a trial's folder: by its rank under a launcher, else the first that is free."""
    rank = os.environ.get("RANK", "")
    if rank.isdigit():
        return Path(folder) / f"record-rank{rank}.jsonl"
    first = Path(folder) / "record.jsonl"
    return Path(folder) / f"record-{os.getpid()}.jsonl" if first.exists() else first


def _fetch(tensors: list[torch.Tensor]) -> list[float]:
    if not tensors:
        return []
    device = next((t.device for t in tensors if t.device.type != "cpu"), tensors[0].device)
    return torch.stack(
        [t.detach().to(device, torch.float64 if device.type == "cpu" else torch.float32).reshape(()) for t in tensors]
    ).tolist()


def _settled(row: Row, numbers: Iterator[float]) -> Row:
    """A row as it is written: tensors replaced by the ``numbers`` that were fetched for them, nothing that is None."""
    row = {k: next(numbers) if isinstance(v, torch.Tensor) else v for k, v in row.items() if v is not None}
    row["seconds"] = round(row["seconds"], 7)
    if not (math.isfinite(row.get("loss", 0.0)) and math.isfinite(row.get("grad_norm", 0.0))):
        row["nonfinite"] = True
    return row
