"""What the probe measures at a step, and how it keeps within its allowance of time."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.trial.probe.exam import Exam
from leonui.trial.probe.memory import Memory
from leonui.trial.probe.stale import StaleGradient
from leonui.trial.probe.targets import HeldOut, Trained
from leonui.trial.probe.tensors import gradients, is_sharded, total_norm, weights

SHARE, PER_STEP = 0.0015, 1e-6  # of the run's time, and seconds a step: what each measurement may cost
PATIENCE = 8  # steps until an allowance that did not suffice is looked at again: looking costs time, too


class Clock:
    """Time since the training began, and how much of it the probe has spent; a context in which it spends."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew: nothing spent yet."""
        self._began = self._entered = perf_counter()
        self.spent = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return perf_counter() - self._began

    def __enter__(self) -> None:
        self._entered = perf_counter()

    def __exit__(self, *_: object) -> None:
        self.spent += perf_counter() - self._entered


class Gauge:
    """A measurement that is made when its last cost is within the allowance; the ``first`` few times it always is.

    ``asks`` is the step at which to ask again whether it is due.
    """

    def __init__(self, clock: Clock, first: int):
        self.asks = self._until = 0
        self._clock, self._first, self._cost, self._spent = clock, first, 0.0, 0.0
        self._steps = 0
        self.again(0)

    def again(self, steps: int) -> None:
        """What is measured is new after so many steps: the next few times it always is."""
        self.asks, self._until = steps, steps + self._first

    def due(self, steps: int) -> bool:
        """Whether to measure at this step, the ``steps``-th."""
        self._steps = steps
        allowed = SHARE * self._clock.elapsed + PER_STEP * steps
        within = steps <= self._until or self._spent + self._cost <= allowed
        self.asks = steps + (1 if within else PATIENCE)
        return within

    def took(self, seconds: float) -> None:
        """Tell what the measurement cost. A slow one that was an accident is soon forgotten."""
        self._cost = min(seconds, 2 * self._cost) if self._cost else seconds
        self._spent += self._cost if self._steps > self._until else 0.0


class Meter:
    """All measurements of one process."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.targets, self.held_out = Trained(), HeldOut()
        self.exam = Exam()
        self.memory = Memory()
        self._norm, self._ratio, self._target, self._reach = (Gauge(self.clock, first) for first in (3, 3, 20, 3))
        self._stale: dict[int, StaleGradient] = {}
        self._whole: dict[int, bool] = {}  # whether this process has all of an optimizer's weights
        self._before: tuple[list[torch.Tensor], list[torch.Tensor]] | None = None  # weights, and what they were
        self.wants_targets = True
        self._met: set[tuple[str, str]] = set()  # the loss functions of this step, and where
        self._steps = 0

    def begin(self) -> None:
        """A branch begins in this process: its time and its memory are its own."""
        self.clock.start()
        self.memory.begin()

    def before_backward(self, scaled: bool) -> None:
        """Gradients are about to be added to: those of a loss that a GradScaler has scaled, or not."""
        self.exam.order.backward(scaled)
        self.exam.modes.trains()
        for stale in self._stale.values():
            stale.before_backward()

    def trained_on(self, loss: torch.Tensor) -> None:
        """Backward begins on this loss."""
        self.targets.trained_on(loss)
        self.exam.losses.trained_on(loss)
        self.exam.look.backward(loss)

    def see_targets(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: torch.Tensor, place: str = ""
    ) -> None:
        """A loss function was given these targets at ``place``, and returned ``value``: once a step at each place."""
        if (name, place) in self._met:
            return
        self._met.add((name, place))
        began = perf_counter()
        self.targets.see(name, args, kwargs, value, place)
        self.exam.losses.see(name, args, kwargs, value, place)
        self._target.took(perf_counter() - began)

    def before_step(self, optimizer: Optimizer, index: int, row: dict[str, Any]) -> None:
        """Put into the row what is known before the weights move: ``grad_norm`` of the unscaled, unclipped gradient."""
        self._steps += 1
        steps = self._steps
        if index not in self._stale:
            self._stale[index], self._whole[index] = StaleGradient(), not is_sharded(optimizer)
            self._take_over(optimizer)
        self.wants_targets = steps >= self._target.asks and self._target.due(steps)
        self._met.clear()
        if self._stale[index].at_step(optimizer):
            row["stale"] = True
        self.exam.order.before_step(optimizer, index, row)
        self.exam.look.step(optimizer, self.exam.anatomy)
        if steps >= self._reach.asks and self._reach.due(steps):
            began = perf_counter()
            self.exam.moved.look(optimizer)
            self._reach.took(perf_counter() - began)
        whole = self._whole[index]  # else a norm would need all ranks, and each measures when it has the time
        if whole and steps >= self._norm.asks and self._norm.due(steps):
            began = perf_counter()
            row["grad_norm"] = self._unscaled_norm(optimizer)
            self._norm.took(perf_counter() - began)
        if whole and "phase" not in row and steps >= self._ratio.asks and self._ratio.due(steps):
            began = perf_counter()
            held = weights(optimizer)
            self._before = held, list(torch._foreach_add([p.detach() for p in held], 0))
            self._copying = perf_counter() - began

    def after_step(self, optimizer: Optimizer, row: dict[str, Any]) -> None:
        """Put into the row what is known once ``optimizer`` has moved the weights: how far, relative to their norm."""
        self._stale[row["optimizer"]].after_step()
        if "phase" not in row:
            self.memory.after_step(optimizer, row["optimizer"])
        if self._before is None:
            return
        began = perf_counter()
        held, before = self._before
        norm = total_norm(before)
        torch._foreach_sub_(before, [p.detach() for p in held])
        lost = _unmoved(before)
        moved, self._before = total_norm(before), None
        row["update_ratio"] = None if moved is None or norm is None else moved / (norm + 1e-12)
        row["weight_norm"] = norm
        row["lost"] = lost
        self._ratio.took(self._copying + perf_counter() - began)

    def _take_over(self, optimizer: Optimizer) -> None:
        """Where others have stepped before, what is known of networks and losses is of another stage."""
        if len(self._stale) > 1:
            self.exam.take_over(optimizer)
            self.targets = Trained()
            self._target.again(self._steps - 1)
            self._reach.again(self._steps - 1)

    def summary(self) -> dict[str, Any]:
        """What the record's end tells of all steps together."""
        return self.targets.summary() | self.held_out.summary() | self.exam.summary() | self.memory.summary()

    @staticmethod
    def _unscaled_norm(optimizer: Optimizer) -> torch.Tensor | None:
        norm, scale = total_norm(gradients(optimizer)), getattr(optimizer, "grad_scale", None)
        return norm if norm is None or scale is None else norm / scale


def _unmoved(moves: list[torch.Tensor]) -> float | None:
    """The share of the weights in half precision that a step did not move; None where there are none."""
    low = [move for move in moves if move.dtype in (torch.bfloat16, torch.float16) and move.numel()]
    return sum(float((move == 0).sum()) for move in low) / sum(map(torch.Tensor.numel, low)) if low else None
