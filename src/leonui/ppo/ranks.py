"""What the processes of a group know together; a single process is a group of one."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


def grouped() -> bool:
    """Whether this process is one of a group."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """Which process this is."""
    return dist.get_rank() if grouped() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if grouped() else 1


@contextmanager
def joined() -> Iterator[bool]:
    """Be one of the group that torchrun has started, if it has, while the context lasts; tells whether the first."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or grouped():
        yield rank() == 0
        return
    dist.init_process_group()
    try:
        yield rank() == 0
    finally:
        dist.destroy_process_group()


def parallel(module: nn.Module) -> nn.Module:
    """A module whose weights are the first process's, and whose gradients are means; buffers are each one's."""
    if not grouped():
        return module
    known = inspect.signature(DistributedDataParallel).parameters
    flag = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # as older torch has it
    options: dict[str, Any] = {flag: False}
    return DistributedDataParallel(module, **options)


def summed(values: Tensor) -> Tensor:
    """The sum over all processes."""
    if grouped():
        values = values.clone()
        dist.all_reduce(values)
    return values


def highest(values: Tensor) -> Tensor:
    """The highest of all processes."""
    if grouped():
        values = values.clone()
        dist.all_reduce(values, dist.ReduceOp.MAX)
    return values


class Means:
    """Means and peaks over the samples of every batch and process; nothing leaves the device until they are asked for.

    >>> means = Means()
    >>> means.add("score", torch.tensor([1.0, 2.0]))
    >>> means.add("score", torch.tensor([3.0, 9.0]), torch.tensor([True, False]))
    >>> means.numbers()
    {'score': 2.0}
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._most: dict[str, Tensor] = {}

    def add(self, name: str, values: Tensor, mask: Tensor | None = None) -> None:
        """Take in values; of those that a mask hides, none."""
        kept = torch.ones_like(values) if mask is None else mask
        pair = torch.stack([(values.detach() * kept).sum().float(), kept.sum().float()])
        self._sums[name] = self._sums[name] + pair if name in self._sums else pair

    def peak(self, name: str, value: Tensor) -> None:
        """Take in a number of which only the highest counts."""
        value = value.detach().float()
        self._most[name] = torch.maximum(self._most[name], value) if name in self._most else value

    def numbers(self) -> dict[str, float]:
        """The mean or the peak of each name; every process must have added the same names in the same order."""
        sums = summed(torch.stack(list(self._sums.values())))
        peaks = highest(torch.stack(list(self._most.values()))).tolist() if self._most else []
        means = (sums[:, 0] / sums[:, 1]).tolist()
        return dict(zip((*self._sums, *self._most), (*means, *peaks), strict=True))
