"""One parameter with all that a step needs to know of it, and the numbers that its group gives to its rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from leonui.engine.storage import SMALL, Storage, blocks, is_dense, load, seed_of, store
from leonui.rules.rule import Rule, Slot


@dataclass(frozen=True)
class Pace:
    """How far this step goes: the factor on gradients (unscaling and clipping), and the schedule's on the rate.

    ``go``: None where it is known that the step is taken; elsewhere a 0-d bool tensor on the device, which only the
    device knows, so that nobody waits for it.
    """

    scale: Any = 1.0
    multiplier: float = 1.0
    go: Any = None


@dataclass(eq=False)
class Seat:
    """A parameter, its group and state, its rule, its number in the optimizer, and how its numbers are kept."""

    p: Tensor
    group: dict[str, Any]
    state: dict[str, Any]
    rule: Rule
    number: int
    storage: Storage

    @property
    def g(self) -> Tensor:
        """The gradient; refused if it is sparse."""
        g = self.p.grad
        assert g is not None
        if g.layout is not torch.strided:
            raise ValueError(
                f"parameter {self.number} of shape {tuple(self.p.shape)} has a sparse gradient, and {self.rule.name} "
                "needs a dense one; build its layer with sparse=False, or give it to torch.optim.SparseAdam"
            )
        return g

    @property
    def pair(self) -> bool:
        """Whether a second bfloat16 holds what the parameter is short of."""
        return self.storage.rounding == "kahan" and self.p.dtype is torch.bfloat16

    @property
    def slots(self) -> dict[str, Slot]:
        """The slots that are tensors and exist for this parameter, by symbol."""
        return {s: slot for s, slot in self.rule.slots.items() if not slot.uniform and slot.key in self.state}

    def prepare(self) -> None:
        """Create what is missing of the state; refuses what the rule cannot see."""
        if self.rule.whole and self.p.is_complex():
            raise ValueError(
                f"parameter {self.number} of shape {tuple(self.p.shape)} is complex, and {self.rule.name} needs real "
                "matrices; give it a group of its own with an element-wise optimizer, such as AdamW"
            )
        if "step" not in self.state:
            self.state["step"] = torch.zeros((), dtype=torch.float32, device=self.p.device)
        for slot in self.rule.slots.values():
            if slot.key not in self.state:
                self._begin(slot)
            elif not slot.uniform and self.state[slot.key].shape == self.p.shape:
                self._lay(slot)
        if self.pair:
            rest = self.state.get("compensation", torch.zeros_like(self.p, requires_grad=False))
            laid = rest.stride() == self.p.stride()
            self.state["compensation"] = rest if laid else torch.empty_like(self.p, requires_grad=False).copy_(rest)

    def _lay(self, slot: Slot) -> None:
        """Put a tensor of the state into the layout of its parameter, which somebody may have changed."""
        old, scale = self.state[slot.key], self.state.get(f"{slot.key}_scale")
        if old.stride() == self.p.stride():
            return
        signed, new = slot.average == "signed", torch.empty_like(self.p, dtype=old.dtype, requires_grad=False)
        if old.dtype is torch.uint8:
            store(load(old, scale, signed), new, seed_of(int(self.state["step"]), self.number, -1), scale, signed)
        else:
            new.copy_(old)
        self.state[slot.key] = new

    def _begin(self, slot: Slot) -> None:
        p, kind, start = self.p.detach(), self.kind(slot), slot.start
        if callable(start):
            first = start(p)
            if first is not None:
                self.state[slot.key] = first.to(kind)
        elif slot.uniform:
            value = float(self.group[start] if isinstance(start, str) else start)
            self.state[slot.key] = torch.tensor(value, dtype=torch.float64, device=p.device)
        elif start == "p":
            self.state[slot.key] = p.to(kind, copy=True)
        else:
            value = float(self.group[start] if isinstance(start, str) else start)
            self.state[slot.key] = torch.full_like(p, 0 if kind is torch.uint8 else value, dtype=kind)
            if kind is torch.uint8:
                self.state[f"{slot.key}_scale"] = torch.zeros(blocks(p.numel()), device=p.device)

    def kind(self, slot: Slot) -> torch.dtype:
        """How a tensor of the state is stored; a copy of the parameter is always kept in full."""
        p = self.p
        if p.is_complex() or p.dtype is torch.float64:
            return p.dtype
        if self.storage.state == "fp32" or not isinstance(slot.start, float):
            return torch.float32
        if self.storage.state == "bf16":
            return torch.bfloat16
        eight = slot.average and p.numel() >= SMALL and is_dense(p) and not hasattr(p, "to_local")
        return torch.uint8 if eight else torch.float32

    def numbers(self, pace: Pace) -> dict[str, Any]:
        """What the engine and the rule need as numbers: scale, couple, keep and lr, then the hyper-parameters."""
        group, rule = self.group, self.rule
        lr = group["lr"] * pace.multiplier
        hypers = {name: hyper(group, name) for name in rule.hypers}
        decay = 0.0 if "weight_decay" in hypers else group.get("weight_decay", 0.0)
        mode = group.get("decay", "decoupled")
        per_step = pace.multiplier * group["lr"] / (group.get("reference_lr") or 1.0) if mode == "independent" else lr
        return {
            "scale": -pace.scale if group.get("maximize") else pace.scale,
            "couple": decay if mode == "coupled" else 0.0,
            "keep": 1.0 if mode == "coupled" else 1 - per_step * decay,
            "lr": lr,
            **hypers,
        }


def catch_up(seats: list[Seat], states: list[dict[str, Any]]) -> None:
    """Give seats the numbers that are one for the whole optimizer, from the state that made the last step."""
    for seat in seats:
        for slot in seat.rule.slots.values():
            if slot.shared and (known := [state for state in states if slot.key in state]):
                latest = max(known, key=lambda state: float(state["step"]))
                seat.state.setdefault(slot.key, latest[slot.key].clone()).copy_(latest[slot.key])


def hyper(group: dict[str, Any], name: str) -> Any:
    """A hyper-parameter of a group: beta1, beta2 ... are the members of ``betas``."""
    return group[name] if name in group else group["betas"][int(name.removeprefix("beta")) - 1]


def local(x: Tensor) -> Tensor:
    """This process's part of a tensor, as real numbers, sharing its memory."""
    x = x.detach()
    x = x.to_local() if hasattr(x, "to_local") else x  # type: ignore[operator]
    return torch.view_as_real(x) if x.is_complex() else x
