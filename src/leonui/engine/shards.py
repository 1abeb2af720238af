"""Sums over tensors, and over the processes that hold parts of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from leonui.engine.seat import Pace, Seat


def total(values: list[Tensor], crew: list[Any]) -> Tensor:
    """One sum over all seats' values, the parts on other processes among them."""
    return torch.stack([_across(v, m.seats).sum() for v, m in zip(values, crew, strict=True)]).sum()


def total_of(values: list[Tensor], crew: list[Any]) -> Tensor:
    """The sum of what each machine measured on its walk."""
    return torch.stack([_across_all(v, m.seats) for v, m in zip(values, crew, strict=True)]).sum(0)


def sums(crew: list[Any], pace: Pace) -> list[Tensor | None]:
    """For each machine what its rule must know before it walks, one row a seat; totals are the same in every row."""
    found = [_across(m.sums(pace), m.seats) if _reductions(m.seats[0]) else None for m in crew]
    for rule in dict.fromkeys(m.seats[0].rule for m in crew):
        mine = [(i, m) for i, m in enumerate(crew) if m.seats[0].rule is rule and found[i] is not None]
        for column, node in enumerate(_reductions(mine[0][1].seats[0]) if mine else ()):
            if node.op == "total":
                whole = sum(found[i][:, column].sum() for i, _ in mine)  # type: ignore[index]
                for i, _ in mine:
                    found[i][:, column] = whole  # type: ignore[index]
    return found


def _reductions(seat: Seat) -> tuple[Any, ...]:
    from leonui.engine.graph import trace

    return () if seat.rule.whole else trace(seat.rule).reductions


def _across(values: Tensor, seats: list[Seat]) -> Tensor:
    """Values of one row a seat, summed over the processes that share that seat's tensor."""
    keys = {i: spread(seat.p) for i, seat in enumerate(seats) if hasattr(seat.p, "placements")}
    for mesh, dims in dict.fromkeys(key for key in keys.values() if key[1]):  # in the same order everywhere
        rows = [i for i, key in keys.items() if key == (mesh, dims)]
        part = values[rows].contiguous()
        for dim in dims:
            torch.distributed.all_reduce(part, group=mesh.get_group(dim))
        values[rows] = part
    return values


def _across_all(values: Tensor, seats: list[Seat]) -> Tensor:
    """Values over all seats of a machine, whose tensors are all spread alike."""
    if not hasattr(seats[0].p, "placements"):
        return values
    mesh, dims = spread(seats[0].p)
    for dim in dims:
        torch.distributed.all_reduce(values, group=mesh.get_group(dim))
    return values


def spread(p: Any) -> tuple[Any, tuple[int, ...]]:
    """The mesh of a sharded tensor and the dimensions of it along which processes hold different parts."""
    return p.device_mesh, tuple(dim for dim, placement in enumerate(p.placements) if placement.is_shard())
