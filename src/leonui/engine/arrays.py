"""The arrays that a kernel walks over: how each is stored, and where this process's part of it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from leonui.engine.graph import trace
from leonui.engine.seat import Seat, local
from leonui.rules.rule import Rule

NAMES = {torch.float32: "float32", torch.float64: "float64", torch.float16: "float16", torch.bfloat16: "bfloat16"}


@dataclass(frozen=True)
class Layout:
    """How each array of a kernel is stored: the parameter, and each tensor of the state by symbol, in order.

    float32, float64, bfloat16 ("nearest", "stochastic", "kahan" for a parameter), or 8-bit blocks, "signed" or not.
    """

    rule: Rule
    parameter: str
    state: tuple[tuple[str, str], ...]

    @property
    def wide(self) -> bool:
        """Whether the kernel computes in float64."""
        return self.parameter == "float64"

    @property
    def addresses(self) -> tuple[str, ...]:
        """What stands in each column of the table of addresses."""
        second = {"kahan": "rest", "signed": "scales", "unsigned": "scales"}
        columns = ["g", "p", *(["p.rest"] if self.parameter == "kahan" else [])]
        for symbol, kind in self.state:
            columns += [symbol, *([f"{symbol}.{second[kind]}"] if kind in second else [])]
        return (*columns, "t", *trace(self.rule).numbers)


def layout(seat: Seat) -> Layout:
    """How the arrays of a seat are stored."""
    kind = NAMES[local(seat.p).dtype]
    parameter = seat.storage.rounding if kind == "bfloat16" else kind
    return Layout(seat.rule, parameter, tuple((symbol, _kind(seat, slot)) for symbol, slot in seat.slots.items()))


def _kind(seat: Seat, slot: Any) -> str:
    dtype = local(seat.state[slot.key]).dtype
    coded = {torch.uint8: slot.average, torch.bfloat16: "stochastic"}
    return coded.get(dtype) or NAMES[dtype]


def differs(seat: Seat) -> bool:
    """Whether the gradient of a parameter may be of another kind than the parameter; torch forbids most of that."""
    p = seat.p
    return p.is_complex() or getattr(p, "grad_dtype", p.dtype) is not p.dtype or seat.g.dtype is not p.dtype


def anchor(x: Any) -> Tensor:
    """The tensor whose address counts: of a sharded one this process's part."""
    return x._local_tensor if hasattr(x, "_local_tensor") else x


def like(seat: Seat) -> Tensor:
    """A gradient in the layout and dtype of its parameter: the same one, or a copy."""
    g, p = local(seat.g), local(seat.p)
    return g if g.stride() == p.stride() and g.dtype is p.dtype else torch.empty_like(p).copy_(g)


def kept(seat: Seat, layout: Layout) -> list[Tensor]:
    """Every tensor of a seat but the gradient, in the order of the table of addresses."""
    slots = seat.rule.slots
    keys = {symbol: slots[symbol].key for symbol, _ in layout.state}
    keys |= {f"{symbol}.scales": f"{key}_scale" for symbol, key in keys.items()}
    keys |= {"t": "step", "p.rest": "compensation"} | {s: slots[s].key for s in trace(seat.rule).numbers}
    return [seat.p if name == "p" else seat.state[keys[name]] for name in layout.addresses[1:]]
