"""A rule as one numba kernel that walks over all tensors of all groups, a few threads side by side."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from operator import eq
from typing import Any

import numpy as np
import torch
from torch import Tensor

from leonui.engine.arrays import Layout, anchor, differs, kept, layout, like
from leonui.engine.graph import trace
from leonui.engine.numba_source import CHUNK
from leonui.engine.numba_source import load as load_kernel
from leonui.engine.seat import Pace, Seat, local
from leonui.engine.shards import spread
from leonui.engine.storage import is_dense

PIECES = 8  # a thread, so that one on a slower core holds up nobody
ALONE = 1 << 17  # below so many elements waking a second thread costs more than it brings
DTYPES = (torch.float32, torch.float64, torch.bfloat16)


_pointer, _stride = Tensor.data_ptr, Tensor.stride


class Cpu:
    """Seats of one layout, as tables of addresses and numbers that the kernel reads."""

    name = "numba"

    @staticmethod
    def refusal(seat: Seat) -> str | None:
        """Why this machine cannot walk with a parameter, or None if it can."""
        p = seat.p
        if seat.rule.whole:
            return f"{seat.rule.name} sees whole matrices"
        if p.device.type != "cpu":
            return f"on {p.device.type}"
        p = local(p)
        if p.dtype not in DTYPES:
            return f"{str(p.dtype).removeprefix('torch.')} parameters"
        return None if is_dense(p) else "a layout with gaps"

    @staticmethod
    def key(seat: Seat) -> Layout:
        """What seats must share to walk together: how their arrays are stored."""
        return layout(seat)

    def __init__(self, seats: list[Seat]):
        self.seats, self.spread, self.layout = seats, spread(seats[0].p), layout(seats[0])
        self.graph, self.kernel = trace(self.layout.rule), load_kernel(self.layout)
        self.views = self.spread is not None or any(map(differs, seats))
        self.parameters = [seat.p for seat in seats]
        self.strides = [p.stride() for p in self.parameters]
        rows = [[anchor(tensor) for tensor in kept(seat, self.layout)] for seat in seats]
        self.address = np.array([[0, *map(_pointer, row)] for row in rows], dtype=np.int64)
        self.kept = [tensor for row in rows for tensor in row[: self.layout.addresses.index("t") - 1]]
        self.pointers = list(map(_pointer, self.kept))
        self.copies: list[Tensor] = []
        sizes = [local(seat.p).numel() for seat in seats]
        self.count, self.part = sum(sizes), _parts(sizes)
        self.groups = list({id(seat.group): seat for seat in seats}.values())
        lanes = {id(seat.group): lane for lane, seat in enumerate(self.groups)}
        self.lane = np.array([lanes[id(seat.group)] for seat in seats])
        self.ids = np.array([seat.number for seat in seats], dtype=np.uint32)
        self.seeds = np.zeros(len(seats), dtype=np.uint32)
        self.table = np.empty((len(seats), self.kernel.COLUMNS), np.float64 if self.layout.wide else np.float32)
        self.nothing = np.zeros((len(seats), len(self.graph.reductions)))
        self.out = np.empty((len(self.part), 3))

    def load(self) -> None:
        """Load all that a step runs, by a run over no element: numba reads a loop from disk when it is first called."""
        self._fill(Pace(), self.nothing, False)
        out, tables = np.empty((0, len(self.graph.reductions))), (self.part, self.address)
        self.kernel.measure(0, 0, *tables, self.out[:, 0])
        if self.graph.reductions:
            self.kernel.reduce(0, 0, *tables, self.table, out)
        self.kernel.update(0, 0, *tables, self.table, self.seeds, self.out)

    def fits(self, gradients: list[Tensor]) -> bool:
        """Whether all lies where the tables say; puts in where the gradients lie now."""
        if list(map(_pointer, self.kept)) != self.pointers:
            return False
        if not all(map(eq, map(_stride, self.parameters), self.strides)):
            return False
        alike = not self.views and all(map(eq, map(_stride, gradients), self.strides))
        self.copies = [] if alike else [like(seat) for seat in self.seats]  # gradients that are used as they are
        self.address[:, 0] = list(map(_pointer, gradients if alike else self.copies))  # are not kept alive
        return True

    def squares(self) -> float:
        """The sum of squares of all gradients, of this process's part."""
        out = self.out[:, 0]
        self._run(lambda first, last: self.kernel.measure(first, last, self.part, self.address, out))
        return float(out.sum())

    def sums(self, pace: Pace) -> np.ndarray:
        """What the rule must know before it walks: one row a seat, of this process's part."""
        self._fill(pace, self.nothing, False)
        out = np.empty((len(self.part), len(self.graph.reductions)))
        self._run(lambda a, z: self.kernel.reduce(a, z, self.part, self.address, self.table, out))
        return _by_seat(out, self.part, len(self.seats))

    def walk(self, pace: Pace, sums: np.ndarray | None) -> np.ndarray:
        """Take the step; squares of update and weights, and how many weights stayed as they were."""
        self._fill(pace, self.nothing if sums is None else sums, True)
        out, kernel = self.out, self.kernel
        self._run(lambda a, z: kernel.update(a, z, self.part, self.address, self.table, self.seeds, out))
        self.copies = []
        return out.sum(0)

    def _cuts(self, pieces: int) -> list[int]:
        """Where to cut the list of parts so that every piece has as many elements."""
        reached = np.cumsum(self.part[:, 2])
        return [0, *np.searchsorted(reached, self.count * np.arange(1, pieces) / pieces), len(self.part)]

    def _fill(self, pace: Pace, sums: np.ndarray, commit: bool) -> None:
        rows = np.array([[float(x) for x in seat.numbers(pace).values()] for seat in self.groups])
        self.kernel.numbers(self.address, rows, self.lane, self.ids, sums, commit, self.table, self.seeds)

    def _run(self, loop: Callable[[int, int], Any]) -> None:
        """Run a loop over all parts, split between threads if there is enough to do."""
        threads = min(torch.get_num_threads(), self.count // ALONE)
        if threads < 2:
            loop(0, len(self.part))
            return
        pieces = deque(pairwise(self._cuts(PIECES * threads)))
        waiting = [_pool().submit(_work, loop, pieces) for _ in range(threads - 1)]
        _work(loop, pieces)
        for one in waiting:
            one.result()


def _work(loop: Callable[[int, int], Any], pieces: deque[tuple[int, int]]) -> None:
    """Take pieces until none is left; whichever thread is free takes the next."""
    while pieces:
        try:
            piece = pieces.popleft()
        except IndexError:  # another thread was faster
            return
        loop(*piece)


def _parts(sizes: list[int]) -> np.ndarray:
    """Rows of (seat, first element, count), none longer than a chunk."""
    rows = [(j, o, min(CHUNK, n - o)) for j, n in enumerate(sizes) for o in range(0, n, CHUNK)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _by_seat(values: np.ndarray, part: np.ndarray, count: int) -> np.ndarray:
    """Sums over the parts of each seat, always in the same order."""
    out = np.zeros((count, values.shape[1]))
    np.add.at(out, part[:, 0], values)
    return out


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="leonui")


if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
