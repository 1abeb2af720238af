"""Which machine walks with which parameters, and why: the first of the ladder that does not refuse."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from typing import Any

from leonui.engine.seat import Seat
from leonui.engine.shards import spread

LADDER = ("cpu.Cpu", "gpu.Gpu", "eager.Eager")  # imported when first asked: numba takes a second to load
OTHERS = ("on cpu", "on cuda")  # said by the machine of another device: nothing to tell


def assign(seats: list[Seat]) -> list[Any]:
    """Machines for all seats: one for every rule and way to store it; their state is created here."""
    crews: dict[Any, list[Seat]] = {}
    for seat in seats:
        seat.prepare()
        machine, _ = _choose(seat)
        crews.setdefault((machine, machine.key(seat), spread(seat.p)), []).append(seat)
    return [machine(crew) for (machine, *_), crew in crews.items()]


def describe(seats: list[Seat]) -> str:
    """For each machine how many tensors and elements it has, and why none of the ladder above it has them."""
    tensors: Counter[str] = Counter()
    elements: Counter[str] = Counter()
    for seat in seats:
        machine, why = _choose(seat)
        name = f"{machine.name} ({', '.join(why)})" if why else machine.name
        tensors[name] += 1
        elements[name] += seat.p.numel()
    return "; ".join(f"{name}: {tensors[name]} tensors, {elements[name]:,} elements" for name in tensors)


def _choose(seat: Seat) -> tuple[Any, list[str]]:
    """The machine for a seat, and what those before it said."""
    refused = []
    for place in LADDER:
        file, name = place.split(".")
        machine = getattr(import_module(f"leonui.engine.{file}"), name)
        why = machine.refusal(seat)
        if why is None:
            return machine, [why for why in dict.fromkeys(refused) if why not in OTHERS]
        refused.append(why)
    raise ValueError(f"no machine takes parameter {seat.number} of shape {tuple(seat.p.shape)}: {'; '.join(refused)}")
