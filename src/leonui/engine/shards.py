"""Sums over tensors, and over the processes that hold parts of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from leonui.engine.graph import trace
from leonui.engine.seat import Pace, Seat
from leonui.rules.rule import Rule


def spread(p: Any) -> tuple[Any, tuple[int, ...]] | None:
    """The mesh of a sharded tensor and the dimensions along which processes hold different parts, or None."""
    if not hasattr(p, "placements"):
        return None
    return p.device_mesh, tuple(dim for dim, placement in enumerate(p.placements) if placement.is_shard())


def total(values: list[Any], crew: list[Any]) -> Any:
    """The sum of one value a machine over all machines and processes: numbers, or tensors on their device."""
    return sum(across(value, machine) for value, machine in zip(values, crew, strict=True))


def across(value: Any, machine: Any) -> Any:
    """A value of a machine (number, array or tensor) summed over the processes that share its tensors."""
    if machine.spread is None:
        return value
    held = torch.as_tensor(value, dtype=torch.float64).clone()
    mesh, dims = machine.spread
    for dim in dims:
        torch.distributed.all_reduce(held, group=mesh.get_group(dim))
    return held if isinstance(value, Tensor) else held.numpy() if held.dim() else float(held)


def sums(crew: list[Any], pace: Pace) -> list[Tensor | None]:
    """For each machine what its rule must know before it walks, one row a seat; totals are the same in every row."""
    found = [across(m.sums(pace), m) if reductions(m.seats[0]) else None for m in crew]
    for rule in dict.fromkeys(m.seats[0].rule for m, one in zip(crew, found, strict=True) if one is not None):
        _share_totals(rule, [one for one, m in zip(found, crew, strict=True) if m.seats[0].rule is rule])
    return found


def _share_totals(rule: Rule, found: list[Any]) -> None:
    """Put the sum over all tensors of a rule into each of their rows."""
    for column, node in enumerate(trace(rule).reductions):
        if node.op == "total":
            whole = sum(one[:, column].sum() for one in found)
            for one in found:
                one[:, column] = whole


def reductions(seat: Seat) -> tuple[Any, ...]:
    """The sums that a seat's rule asks for."""
    return () if seat.rule.whole else trace(seat.rule).reductions
