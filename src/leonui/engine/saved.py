"""Saved state, put under a parameter again: in the dtype that is kept here, in the parameter's layout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from leonui.engine import storage
from leonui.engine.seat import Seat


def adopt(seat: Seat, saved: dict[str, Any]) -> None:
    """Fill a seat's state from a saved one: torch's, or ours in any storage."""
    seat.state.clear()
    if "step" not in saved and any(slot.key in saved for slot in seat.rule.slots.values()):
        saved = {**saved, "step": 1.0}  # torch's SGD counts no steps; its first one is behind it
    if not saved:
        return
    seat.prepare()
    seat.state["step"].fill_(float(saved.get("step", 0.0)))
    for slot in seat.rule.slots.values():
        value = saved.get(slot.key)
        if value is None or slot.key not in seat.state:
            continue
        if slot.uniform:
            seat.state[slot.key].fill_(float(value))
            continue
        signed, scale = slot.average == "signed", f"{slot.key}_scale"
        if _is_coded(value) and _same(value, seat.state[slot.key]):
            seat.state[slot.key].copy_(value)
            seat.state[scale].copy_(saved[scale])
            continue
        _put(seat, slot.key, storage.load(value, saved.get(scale), signed) if _is_coded(value) else value, signed)
    if "compensation" in saved and "compensation" in seat.state:
        seat.state["compensation"].copy_(saved["compensation"])


def _is_coded(value: Tensor) -> bool:
    return value.dtype is torch.uint8


def _same(value: Tensor, x: Tensor) -> bool:
    """Whether 8-bit codes lie in the same order, so that their blocks are the same."""
    return value.dtype is x.dtype and value.stride() == x.stride()


def _put(seat: Seat, key: str, new: Tensor, signed: bool) -> None:
    """Copy values into a fresh tensor of the state; what has the same dtype keeps its bits."""
    x = seat.state[key]
    if x.dtype is torch.uint8:
        seed = storage.seed_of(int(seat.state["step"]), seat.number, -1)
        storage.store(new.float(), x, seed, seat.state[f"{key}_scale"], signed)
    else:
        x.copy_(new)
