"""Which machine walks with which parameters, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

from leonui.engine.eager import Eager
from leonui.engine.seat import Seat
from leonui.engine.shards import spread
from leonui.rules.rule import Rule


def assign(seats: list[Seat]) -> list[Any]:
    """Machines for all seats: one for every rule and way to store it; their state is created here."""
    crews: dict[Any, list[Seat]] = {}
    for seat in seats:
        seat.prepare()
        crews.setdefault(_crew(seat), []).append(seat)
    return [_machine(key)(crew) for key, crew in crews.items()]


def _crew(seat: Seat) -> Any:
    from leonui.engine.cpu import layout, refusal

    spread_over = spread(seat.p) if hasattr(seat.p, "placements") else None
    return (layout(seat) if refusal(seat) is None else seat.rule), spread_over


def _machine(key: Any) -> Any:
    from leonui.engine.cpu import Cpu

    return Eager if isinstance(key[0], Rule) else Cpu


def describe(seats: list[Seat]) -> str:
    """For each machine how many tensors and elements it has, and why the last ones are not with the first."""
    from leonui.engine.cpu import refusal

    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for seat in seats:
        why = refusal(seat)
        name = "numba" if why is None else f"eager ({why})"
        counts[name] += 1
        sizes[name] += seat.p.numel()
    return "; ".join(
        f"{name}: {counts[name]} tensors, {sizes[name]:,} elements" for name in sorted(counts, reverse=True)
    )
