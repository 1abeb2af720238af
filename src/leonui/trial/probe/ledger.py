"""Keeps the accounts of one process: rows whose numbers may still be on a device, and validation passes being summed."""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

import torch

from leonui.record import Row, Writer

WAITING_ROWS, WAITING_SECONDS = 32, 0.5


class Ledger:
    """Writes rows and events; numbers on an accelerator are fetched for many rows at once, so no step waits for them."""

    def __init__(self, writer: Writer):
        self.writer = writer
        self.silent = False
        self.lines = 0
        self._waiting: list[Row] = []
        self._passes: dict[str, list[Any]] = {}
        self._then = self._fetched = perf_counter()

    def row(self, row: Row) -> None:
        """One optimizer step; tensors in it become numbers, now or with the rows that follow."""
        now = perf_counter()
        row["seconds"] = round(now - self._then, 7)
        self._then = now
        if self.silent:
            return
        self._waiting.append(row)
        on_device = any(isinstance(value, torch.Tensor) and value.device.type != "cpu" for value in row.values())
        if not on_device or len(self._waiting) >= WAITING_ROWS or now - self._fetched > WAITING_SECONDS:
            self.drain()

    def event(self, event: str, **values: Any) -> None:
        """Something that happened, after all rows before it."""
        self.drain()
        if not self.silent:
            self._add({"event": event, **values})

    def validation(self, site: list[str], total: torch.Tensor, count: int) -> None:
        """A loss that was computed under no_grad at ``site`` (a place and its caller): the sum over ``count`` samples."""
        sums = self._passes.setdefault(" < ".join(site), [0.0, 0, 0])
        sums[0], sums[1], sums[2] = sums[0] + total, sums[1] + count, sums[2] + 1

    def close_validation(self, step: int) -> None:
        """Training goes on: write down the mean loss of each validation pass that has ended with it."""
        if not self._passes:
            return
        passes, self._passes = self._passes, {}
        for site, (total, count, batches) in passes.items():
            self.event("validation", step=step, site=site, loss=float(total) / max(count, 1), batches=batches)

    def drain(self) -> None:
        """Fetch what is still on a device, and write the rows that waited for it."""
        waiting, self._waiting = self._waiting, []
        tensors = [value for row in waiting for value in row.values() if isinstance(value, torch.Tensor)]
        numbers = iter(_fetch(tensors))
        for row in waiting:
            self._add(_settled({k: next(numbers) if isinstance(v, torch.Tensor) else v for k, v in row.items()}))
        self._fetched = perf_counter()

    def _add(self, line: Row) -> None:
        self.lines += 1
        self.writer.add(line)


def _fetch(tensors: list[torch.Tensor]) -> list[float]:
    if all(tensor.device.type == "cpu" for tensor in tensors):
        return [tensor.item() for tensor in tensors]
    device = next(tensor.device for tensor in tensors if tensor.device.type != "cpu")
    return torch.stack([tensor.detach().to(device, torch.float32).reshape(()) for tensor in tensors]).tolist()


def _settled(row: Row) -> Row:
    row = {key: value for key, value in row.items() if value is not None}
    if not all(math.isfinite(row.get(key, 0.0)) for key in ("loss", "grad_norm")):
        row["nonfinite"] = True
    return row
