"""What a training holds in memory: the state of its optimizers, counted, and the most that its process ever held."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.trial.probe.guest import Guest


class Memory:
    """The bytes of state of every optimizer that steps, and the peak since the training began.

    State is made in the first steps and seldom grows: it is counted after steps 1, 2, 4, 8 and so on.
    """

    def __init__(self) -> None:
        self._steps: dict[int, int] = {}
        self._state: dict[int, int] = {}

    def begin(self) -> None:
        """A trial begins, in a process that may have held more before."""
        self._steps, self._state = {}, {}
        _forget_peak()

    def after_step(self, optimizer: Optimizer, index: int) -> None:
        """The optimizer that is known by ``index`` has stepped, or another one in its place."""
        steps = self._steps[index] = self._steps.get(index, 0) + 1
        if not steps & (steps - 1):
            self._state[index] = state_bytes(optimizer)

    def summary(self) -> dict[str, Any]:
        """For the record: ``state_bytes``, and ``peak_bytes`` where this system tells."""
        return {"state_bytes": sum(self._state.values()), "peak_bytes": peak()}


def state_bytes(optimizer: Optimizer) -> int:
    """The bytes of all tensors in an optimizer's state; of a sharded one, those that lie in this process.

    >>> weight = torch.zeros(10, requires_grad=True)
    >>> adam = torch.optim.Adam([weight])
    >>> weight.sum().backward()
    >>> adam.step()
    >>> state_bytes(adam)  # two averages, and the count of steps
    84
    """
    kept = optimizer.remembered if isinstance(optimizer, Guest) else optimizer.state
    held = {id(tensor): tensor for tensor in _tensors(kept)}
    return sum(tensor.numel() * tensor.element_size() for tensor in held.values())


def peak() -> int | None:
    """The most bytes that tensors took on this process's accelerator, or else that this process took; None if unknown.

    The process's own peak is kept for each memory image, so that a program does not inherit that of who started it.
    """
    if torch.cuda.is_initialized():
        return sum(torch.cuda.max_memory_allocated(device) for device in range(torch.cuda.device_count()))
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None


def _forget_peak() -> None:
    """Let the peak begin at what is held now."""
    if torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(device)
    if sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            pass  # a kernel that does not let a process do so: the peak is that of all its trials


def _tensors(value: Any) -> Iterable[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield getattr(value, "_local_tensor", value)
    elif isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(one)
