"""A Schedule as one of torch's schedulers, for code that wants one; the only module here that imports torch."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler as TorchScheduler

from leonui.schedule.phase import Schedule
from leonui.schedule.text import parse


class LRScheduler(TorchScheduler):
    """Sets each group's learning rate to its ``initial_lr`` times what the schedule says for the current step.

    Step it once after each ``optimizer.step()``. The rate comes from the count of steps alone, never from the rate
    before: a resumed run has the exact rate, in whatever order optimizer and scheduler are loaded. Past the end of the
    schedule its end holds. accelerate steps a scheduler that it has prepared once for every process, unless
    ``split_batches`` is set: prepare all but this one, or make the schedule as many times as long.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    >>> LRScheduler(optimizer, "warmup(4) > linear(6)").get_last_lr()
    [0.025]
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule | str, last_epoch: int = -1):
        self.schedule = parse(schedule) if isinstance(schedule, str) else schedule
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float | torch.Tensor]:
        """The rate of each group at the current step."""
        factor = self.schedule(max(0, self.last_epoch))
        groups = self.optimizer.param_groups
        return [float(group.setdefault("initial_lr", float(group["lr"]))) * factor for group in groups]

    _get_closed_form_lr = get_lr

    def state_dict(self) -> dict[str, Any]:
        """The count of steps and the schedule, in plain containers."""
        return {
            "schedule": self.schedule.to_json(),
            "last_epoch": self.last_epoch,
            "_step_count": self._step_count,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state, with the schedule that it has, and set the rates accordingly."""
        loaded = Schedule.from_json(state_dict["schedule"])
        if loaded != self.schedule:
            said = f"the loaded state has the schedule {loaded}, this scheduler was made with {self.schedule}"
            warnings.warn(f"{said}; the loaded one holds. Set scheduler.schedule to have another.", stacklevel=2)
        self.schedule, self.last_epoch = loaded, state_dict["last_epoch"]
        self._step_count = state_dict["_step_count"]
        self._set(self.get_lr())

    def _set(self, rates: list[float | torch.Tensor]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)  # a compiled or captured step reads this very tensor
            else:
                group["lr"] = rate
        now = [group["lr"] for group in self.optimizer.param_groups]
        self._last_lr = [rate.clone() if isinstance(rate, torch.Tensor) else rate for rate in now]
