"""A rule as torch operations: the reference, for any device, dtype and layout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from leonui.engine import storage
from leonui.engine.graph import evaluate, summed, trace
from leonui.engine.seat import Pace, Seat, local
from leonui.engine.shards import reductions, spread


class Eager:
    """Walks tensor by tensor."""

    name = "eager"

    @staticmethod
    def refusal(seat: Seat) -> None:
        """It takes every parameter."""

    @staticmethod
    def key(seat: Seat) -> Any:
        """Seats of one rule walk together."""
        return seat.rule

    def __init__(self, seats: list[Seat]):
        self.seats = seats
        self.spread = spread(seats[0].p)
        self.groups = list({id(seat.group): seat for seat in seats}.values())
        self.count = sum(local(seat.p).numel() for seat in seats)

    def load(self) -> None:
        """Nothing: what it runs is torch, which is loaded."""

    def fits(self, gradients: list[Tensor]) -> bool:
        """It holds no addresses: it always fits."""
        return True

    def squares(self) -> Any:
        """The sum of squares of all gradients, of this process's part: a float, or a float64 tensor off the CPU."""
        whole = torch.stack([local(seat.g).double().abs().square().sum() for seat in self.seats]).sum()
        return float(whole) if whole.device.type == "cpu" else whole

    def sums(self, pace: Pace) -> Any:
        """What the rule must know before it walks: float64, one row a seat, of this process's part."""
        rows = []
        for seat in self.seats:
            known = self._known(seat, pace)
            rows.append(torch.stack([summed(node, known) for node in reductions(seat)]))
        found = torch.stack(rows)
        return found.numpy() if found.device.type == "cpu" else found

    def walk(self, pace: Pace, sums: Any) -> Any:
        """Take the step; squares of update and weights, and how many weights stayed as they were (float64)."""
        figures = torch.stack([self._step(seat, pace, i, sums) for i, seat in enumerate(self.seats)]).sum(0)
        return figures.numpy() if figures.device.type == "cpu" else figures

    def _known(self, seat: Seat, pace: Pace) -> dict[Any, Any]:
        """All that a rule may ask for, by name."""
        part = (lambda x: x.detach()) if seat.rule.whole else local
        known: dict[Any, Any] = seat.numbers(pace)
        state = {symbol: _load(seat, slot, part) for symbol, slot in seat.rule.slots.items()}
        p = part(seat.p)
        known["p"] = storage.load_pair(p, part(seat.state["compensation"])) if seat.pair else storage.load(p)
        known["g"] = storage.load(part(seat.g)) * known["scale"] + known["couple"] * known["p"]
        known["t"] = float(seat.state["step"]) + 1 if seat.p.device.type == "cpu" else seat.state["step"] + 1
        return known | state

    def _step(self, seat: Seat, pace: Pace, row: int, sums: Any) -> Tensor:
        known = self._known(seat, pace)
        if seat.rule.whole:
            direction, *new = seat.rule(*(known[name] for name in seat.rule.asks))
        else:
            graph = trace(seat.rule)
            if sums is not None:
                here = sums[row] if seat.p.device.type != "cpu" else sums[row].tolist()
                known |= dict(zip(graph.reductions, here, strict=True))
            direction, *new = (evaluate(node, known) for node in (graph.direction, *graph.state.values()))
        moved = known["keep"] * known["p"] - known["lr"] * direction
        if pace.go is not None:
            old = (known[symbol] for symbol in seat.rule.slots)
            moved, *new = (_if(pace.go, x, y) for x, y in zip((moved, *new), (known["p"], *old), strict=True))
        seat.state["step"] += 1 if pace.go is None else pace.go
        for number, (slot, value) in enumerate(zip(seat.rule.slots.values(), new, strict=True), 1):
            _store(seat, slot, value, number)
        return _settle(seat, known["p"], moved)


def _if(go: Tensor, new: Any, old: Any) -> Any:
    return None if old is None else torch.where(go, torch.as_tensor(new, device=go.device), old)


def _load(seat: Seat, slot: Any, part: Any) -> Any:
    if slot.key not in seat.state:
        return None
    x = seat.state[slot.key]
    if slot.uniform:
        return float(x) if x.device.type == "cpu" else x
    return storage.load(part(x), seat.state.get(f"{slot.key}_scale"), slot.average == "signed")


def _store(seat: Seat, slot: Any, value: Any, number: int) -> None:
    x = seat.state.get(slot.key)
    if x is None:
        return
    if slot.uniform:
        x.fill_(value)
        return
    seed = storage.seed_of(int(seat.state["step"]), seat.number, number) if x.dtype.itemsize < 4 else 0
    part = x.detach() if seat.rule.whole else local(x)
    storage.store(value, part, seed, seat.state.get(f"{slot.key}_scale"), slot.average == "signed")


def _settle(seat: Seat, before: Tensor, after: Tensor) -> Tensor:
    """Put the parameter where it has come to, and measure the way."""
    p, before, after = local(seat.p), local(before), local(after)
    old, same = p.clone(), torch.ones_like(p, dtype=torch.bool)
    moved, size = (x.square().sum(dtype=torch.float64) for x in (after - before, after))
    if seat.pair:
        rest = local(seat.state["compensation"])
        short = rest.clone()
        storage.store_pair(after, p, rest)
        same = rest == short
    elif p.dtype is torch.bfloat16 and seat.storage.rounding == "stochastic":
        storage.store_stochastic(after, p, storage.seed_of(int(seat.state["step"]), seat.number, 0))
    else:
        p.copy_(after)
    return torch.stack([moved, size, ((p == old) & same).sum(dtype=torch.float64)])
