"""A rule as a few Triton kernels that walk over all tensors of all groups, one launch each; nothing waits for the GPU.

With TRITON_INTERPRET=1, set before triton is imported, the same kernels run on the CPU, slowly, to be tested.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.util import find_spec
from operator import eq
from typing import Any

import numpy as np
import torch
from torch import Tensor

from leonui.engine.arrays import anchor, differs, kept, layout, like
from leonui.engine.graph import trace
from leonui.engine.printer import GIVEN
from leonui.engine.seat import Pace, Seat, local
from leonui.engine.shards import spread
from leonui.engine.storage import is_dense
from leonui.engine.triton_source import load as load_kernels

CHUNK = 4096  # elements of one program, a multiple of BLOCK
BLOCK = 1024  # elements at a time, a power of 2 and at least the 256 that share a scale
ROWS = 128  # tensors of one program where there is one number a tensor
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
# products and sums are rounded one by one, as torch and the interpreter do: what is tested is what runs
LAUNCH: dict[str, Any] = {"num_warps": 4, "enable_fp_fusion": False}

_pointer, _stride = Tensor.data_ptr, Tensor.stride


class Gpu:
    """Seats of one layout on one device, as tables of addresses and numbers that the kernels read."""

    name = "triton"

    @staticmethod
    def refusal(seat: Seat) -> str | None:
        """Why this machine cannot walk with a parameter, or None if it can."""
        p, interpreted = local(seat.p), os.environ.get("TRITON_INTERPRET") == "1"
        if seat.rule.whole:
            return f"{seat.rule.name} sees whole matrices"
        if p.device.type != ("cpu" if interpreted else "cuda"):
            return f"on {p.device.type}"
        if not _has_triton():
            return "triton is not installed"
        if p.dtype not in DTYPES or seat.p.dtype is torch.complex32:
            return f"{str(seat.p.dtype).removeprefix('torch.')} parameters"
        if not is_dense(p):
            return "a layout with gaps"
        alike = all(_lies_like(x, p) for x in _state(seat))
        return None if alike else "state that lies otherwise than its parameter"

    @staticmethod
    def key(seat: Seat) -> Any:
        """What seats must share to walk together: how their arrays are stored, and where."""
        return layout(seat), seat.p.device

    def __init__(self, seats: list[Seat]):
        self.seats, self.spread, self.layout = seats, spread(seats[0].p), layout(seats[0])
        self.graph, self.kernels = trace(self.layout.rule), load_kernels(self.layout)
        self.device = local(seats[0].p).device
        self.views = self.spread is not None or any(map(differs, seats))
        self.parameters = [seat.p for seat in seats]
        self.strides = list(map(_stride, self.parameters))
        self._place(seats)
        self._make_tables(seats)

    def _place(self, seats: list[Seat]) -> None:
        """Tables that say where things are: addresses, parts, groups."""
        rows = [[anchor(tensor) for tensor in kept(seat, self.layout)] for seat in seats]
        self.tensors = self.layout.addresses.index("t")  # so many columns, the gradient first; then single numbers
        self.kept = [tensor for row in rows for tensor in row[: self.tensors - 1]]
        self.pointers = list(map(_pointer, self.kept))
        self.places = np.array([[0, *map(_pointer, row)] for row in rows], dtype=np.int64)
        self.gradients: list[int] = []
        self.copies: list[Tensor] = []
        sizes = [local(seat.p).numel() for seat in seats]
        part, starts = _parts(sizes)
        self.count, self.programs = sum(sizes), len(part)
        self.part, self.starts, self.address = (self._sent(x) for x in (part, starts, self.places))
        self.groups = list({id(seat.group): seat for seat in seats}.values())
        lanes = {id(seat.group): lane for lane, seat in enumerate(self.groups)}
        self.lane = self._sent(np.array([lanes[id(seat.group)] for seat in seats]))
        self.ids = self._sent(np.array([seat.number for seat in seats]))

    def _make_tables(self, seats: list[Seat]) -> None:
        """Tables of numbers, and room for sums."""
        double: dict[str, Any] = {"dtype": torch.float64, "device": self.device}
        real = torch.float64 if self.layout.wide else torch.float32
        self.table = torch.empty(len(seats), self.kernels.COLUMNS, dtype=real, device=self.device)
        self.seeds = torch.zeros(len(seats), dtype=torch.int64, device=self.device)
        self.nothing = torch.zeros(len(seats), len(self.graph.reductions), **double)
        self.rows = torch.zeros(len(self.groups), len(GIVEN) + len(self.layout.rule.hypers), **double)
        self.numbers: list[list[float]] = []
        self.scale = torch.ones((), **double)
        self.factor: Any = 1.0
        self.always = torch.ones((), dtype=torch.uint8, device=self.device)
        self.out = torch.empty(self.programs, 3, **double)

    def load(self) -> None:
        """Nothing: a process that uses a GPU cannot be forked, and nobody asks."""

    def fits(self, gradients: list[Tensor]) -> bool:
        """Whether all lies where the tables say; puts in where the gradients lie now."""
        if list(map(_pointer, self.kept)) != self.pointers or list(map(_stride, self.parameters)) != self.strides:
            return False
        alike = not self.views and all(map(eq, map(_stride, gradients), self.strides))
        self.copies = [] if alike else [like(seat) for seat in self.seats]
        places = list(map(_pointer, gradients if alike else self.copies))
        if places != self.gradients:
            self.gradients, self.places[:, 0] = places, places
            self._sent(self.places, self.address)
            self.align = 1 if (self.places[:, : self.tensors] & 15).any() else 16
        return True

    def squares(self) -> Tensor:
        """The sum of squares of all gradients, of this process's part: 0-d, on the device."""
        out = torch.empty(self.programs, dtype=torch.float64, device=self.device)
        self._run(self.kernels.measure, self.part, self.address, self.table, out)
        return out.sum()

    def sums(self, pace: Pace) -> Tensor:
        """What the rule must know before it walks: one row a seat, of this process's part."""
        self._fill(pace, self.nothing, False)
        found = torch.empty_like(self.nothing)
        out = torch.empty(self.programs, found.shape[1], dtype=torch.float64, device=self.device)
        self._run(self.kernels.reduce, self.part, self.address, self.table, out)
        with self._here():
            self.kernels.gather[(len(self.seats),)](out, self.starts, found, found.shape[1], BLOCK=BLOCK, **LAUNCH)
        return found

    def walk(self, pace: Pace, sums: Tensor | None) -> Tensor:
        """Take the step; squares of update and weights, and how many weights stayed as they were (float64)."""
        self._fill(pace, self.nothing if sums is None else sums.contiguous(), True)
        go = self._go(pace)
        self._run(self.kernels.update, self.part, self.address, self.table, self.seeds, go, self.out)
        self.copies = []  # what the kernel was given is the stream's now
        return self.out.sum(0)

    def _fill(self, pace: Pace, sums: Tensor, commit: bool) -> None:
        """Compute what is one number for a tensor; ``commit`` counts the step."""
        self._give(pace)
        count, places = len(self.seats), (self.address, self.rows, self.lane, self.ids)
        with self._here():
            self.kernels.numbers[(-(-count // ROWS),)](
                *places,
                sums,
                self.scale,
                self._go(pace),
                count,
                self.table,
                self.seeds,
                COMMIT=commit,
                BLOCK=ROWS,
                **LAUNCH,
            )

    def _give(self, pace: Pace) -> None:
        """Put the groups' numbers on the device, as far as they changed."""
        values = [list(seat.numbers(Pace(1.0, pace.multiplier)).values()) for seat in self.groups]
        numbers = [[0.0 if self._is_here(x) else float(x) for x in row] for row in values]
        if numbers != self.numbers:
            self.numbers = numbers
            self._sent(np.array(numbers), self.rows)
        for lane, row in enumerate(values):
            for column, x in enumerate(row):
                if self._is_here(x):
                    self.rows[lane, column].copy_(x)
        if self._is_here(pace.scale):
            self.scale.copy_(pace.scale)
        elif pace.scale != self.factor:
            self.scale.fill_(float(pace.scale))
        self.factor = None if self._is_here(pace.scale) else pace.scale

    def _is_here(self, x: Any) -> bool:
        """Whether only the device knows a number."""
        return isinstance(x, Tensor) and x.device == self.device

    def _go(self, pace: Pace) -> Tensor:
        return self.always if pace.go is None else pace.go.view(torch.uint8)

    def _sent(self, values: np.ndarray, into: Tensor | None = None) -> Tensor:
        """A table on the device, by way of pinned memory, so that nobody waits."""
        table = torch.from_numpy(values.copy())
        table = table if self.device.type == "cpu" else table.pin_memory()
        return table.to(self.device, non_blocking=True) if into is None else into.copy_(table, non_blocking=True)

    def _here(self) -> AbstractContextManager[Any]:
        """Triton launches on the current device: make it this one."""
        return nullcontext() if self.device.type == "cpu" else torch.cuda.device(self.device)

    def _run(self, kernel: Any, *arguments: Any) -> None:
        """Launch a kernel over all parts."""
        if self.programs:
            with self._here():
                kernel[(self.programs,)](*arguments, BLOCK=BLOCK, ALIGN=self.align, **LAUNCH)


def _parts(sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of (seat, first element, count), none longer than a chunk; and where each seat's rows start."""
    rows = [(j, o, min(CHUNK, n - o)) for j, n in enumerate(sizes) for o in range(0, n, CHUNK)]
    starts = np.cumsum([0, *(-(-n // CHUNK) for n in sizes)])
    return np.array(rows, dtype=np.int64).reshape(-1, 3), starts.astype(np.int64)


def _state(seat: Seat) -> list[Tensor]:
    """What there is of the state, element by element."""
    keys = [*(slot.key for slot in seat.slots.values()), "compensation"]
    return [local(seat.state[key]) for key in keys if key in seat.state]


def _lies_like(x: Tensor, p: Tensor) -> bool:
    return x.stride() == p.stride() and x.shape == p.shape and x.device == p.device


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None
