"""Puts a training back to its first step inside one process, where it cannot be forked: all but the script's data.

The data goes on: each trial after a rewind sees other batches than the one before.
"""

from __future__ import annotations

import copy
import gc
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim import Optimizer

from leonui.trial.probe.tensors import weights


class Rewind:
    """A training as it was when this was made: weights, buffers, optimizers, scalers, random generators."""

    def __init__(self, optimizers: list[Optimizer]):
        alive = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.nn.Module | torch.amp.GradScaler)]
        self._tensors = {id(t): (t, t.detach().clone()) for t in _tensors(alive, optimizers)}
        self._optimizers = [(one, copy.deepcopy(one.state_dict()["state"])) for one in optimizers]
        self._scalers = [(one, one.state_dict()) for one in alive if isinstance(one, torch.amp.GradScaler)]
        self._generators = [(put, get()) for get, put in _generators()]

    def restore(self) -> None:
        """Put everything back; gradients are cleared."""
        with torch.no_grad():
            for tensor, value in self._tensors.values():
                tensor.copy_(value)
                tensor.grad = None
        for optimizer, state in self._optimizers:
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": copy.deepcopy(state), "param_groups": groups})
        for scaler, state in self._scalers:
            scaler.load_state_dict(dict(state))
        for put, value in self._generators:
            put(value)


def _tensors(alive: list[Any], optimizers: list[Optimizer]) -> Iterator[torch.Tensor]:
    for thing in alive:
        if isinstance(thing, torch.nn.Module):
            yield from thing.parameters(recurse=False)
            yield from thing.buffers(recurse=False)
    for optimizer in optimizers:
        yield from weights(optimizer)


def _generators() -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """How to read and how to set each random generator that a training may use."""
    yield random.getstate, random.setstate
    yield torch.get_rng_state, torch.set_rng_state
    if torch.cuda.is_initialized():
        yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
    if numpy := sys.modules.get("numpy"):
        yield numpy.random.get_state, numpy.random.set_state
