"""The averaged point of rules that walk with two."""

from __future__ import annotations

import torch
from torch import Tensor

from leonui.engine.seat import Seat, hyper


@torch.no_grad()
def shown(seats: list[Seat]) -> list[tuple[Tensor, Tensor]]:
    """Move every parameter whose rule has another point to show there; returns parameters and what they were."""
    kept = []
    for seat in seats:
        if seat.rule.view is not None:
            kept.append((seat.p, seat.p.detach().clone()))
            seat.p.copy_(point(seat))
    return kept


def point(seat: Seat) -> Tensor:
    """What a rule shows: its view of the parameter and its state."""
    view, slots = seat.rule.view, seat.rule.slots
    assert view is not None
    names = view.__code__.co_varnames[: view.__code__.co_argcount]
    known = {symbol: seat.state[slot.key] for symbol, slot in slots.items() if symbol in names}
    return view(*(seat.p if n == "p" else known[n] if n in known else hyper(seat.group, n) for n in names))
