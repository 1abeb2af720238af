"""Keras' own optimizers on the torch backend: no optimizers of torch, they get the manners of one."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

_SEAT = "_leonui_guest"  # where a Keras optimizer keeps its Guest, so that they live and die together


def optimizers() -> type | None:
    """The class of all optimizers of Keras, if this process has imported Keras whole, and it computes with torch."""
    keras: Any = sys.modules.get("keras")
    backend = getattr(getattr(keras, "backend", None), "backend", None)
    return keras.optimizers.Optimizer if keras and backend and backend() == "torch" else None


class Guest(Optimizer):
    """A Keras optimizer as torch knows optimizers: one group with its rate and decay, and a step that is Keras' own.

    place: where the script made it. What a group says else than Keras itself holds for one step only.
    """

    def __init__(self, keras: Any, place: str, parameters: Sequence[torch.Tensor]):
        self.keras, self.place = keras, place
        self._rate, self._decay = _rate(keras), float(keras.weight_decay or 0.0)
        self._walk: Callable[[], None] | None = None
        super().__init__(list(parameters), {"lr": self._rate, "weight_decay": self._decay, **_known(keras)})
        if peak := _peak(keras):
            self.param_groups[0]["initial_lr"] = peak

    def walks(self, walk: Callable[[], None]) -> None:
        """Step, where ``walk`` is the step of Keras; its count of steps goes on also where the step is left out."""
        if (rate := _rate(self.keras)) != self._rate:  # a schedule of its own, or a callback
            self.param_groups[0]["lr"] = self._rate = rate
        self._walk = walk
        self.step()
        if self._walk:
            self.keras._iterations.assign_add(1)
        self._walk = None

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """What Keras does, at the rate and the decay of the group."""
        group, walk, held = self.param_groups[0], self._walk, vars(self.keras)
        if walk is None:
            return
        decay = held["weight_decay"]
        if group["lr"] != self._rate:
            rate = torch.tensor(group["lr"], device=group["params"][0].device)
            held["_get_current_learning_rate"] = lambda: rate
        if group["weight_decay"] != self._decay:
            held["weight_decay"] = group["weight_decay"]
        try:
            walk()
        finally:
            held.pop("_get_current_learning_rate", None)
            held["weight_decay"] = decay
        self._walk = None

    @property
    def remembered(self) -> list[torch.Tensor]:
        """What Keras remembers from step to step."""
        return [variable.value for variable in self.keras.variables]

    def state_dict(self) -> dict[str, Any]:
        """A copy of what Keras remembers, and the group."""
        told = [value.detach().clone() for value in self.remembered]
        return {"state": told, "param_groups": super().state_dict()["param_groups"]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what ``state_dict`` told."""
        for variable, value in zip(self.keras.variables, state_dict["state"], strict=False):
            variable.assign(value)


def guest(keras: Any, variables: Sequence[Any]) -> Guest:
    """The Guest of a Keras optimizer that is about to move these variables; made when it is asked for first."""
    held = vars(keras)
    if not isinstance(held.get(_SEAT), Guest):
        held[_SEAT] = _named(type(keras).__name__)(keras, held.get(_SEAT, ""), [v.value for v in variables])
    return held[_SEAT]


def made(keras: Any, place: str) -> None:
    """A Keras optimizer was made at ``place``."""
    vars(keras).setdefault(_SEAT, place)


def _rate(keras: Any) -> float:
    """Its rate now, as somebody wrote it: Keras keeps it in single precision."""
    return float(f"{float(keras.learning_rate):.7g}")


@functools.cache
def _named(name: str) -> type[Guest]:
    return type(name, (Guest,), {})


def _known(keras: Any) -> dict[str, Any]:
    """What torch's optimizers have among their settings, by torch's names."""
    found: dict[str, Any] = {}
    if hasattr(keras, "momentum"):
        found["momentum"] = float(keras.momentum)
    if hasattr(keras, "beta_1"):
        found["betas"] = (float(keras.beta_1), float(getattr(keras, "beta_2", 0.0)))
    return found


def _peak(keras: Any) -> float | None:
    """The rate that a schedule of Keras was given."""
    schedule = keras._learning_rate
    told = getattr(schedule, "warmup_target", None) or getattr(schedule, "initial_learning_rate", None)
    return float(told) if told else None
