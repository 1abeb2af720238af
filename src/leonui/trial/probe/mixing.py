"""Whether what a network says of one sample depends on the other samples of the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

LEAST = 1e-4  # of the largest output: a change that is none of rounding
LOSSES = ("cross_entropy", "nll_loss")


class Mixing:
    """One test: a sample is replaced by another one, and the outputs of all others are compared with what they were.

    In eval mode, where batch normalisation keeps samples apart. Which axis counts the samples is not always plain: the
    first axis of some recurrent networks and transformers is time.
    """

    def __init__(self) -> None:
        self.done = False
        self._seen: dict[str, Any] = {}
        self._tokens: torch.Tensor | None = None

    def test(self, call: Callable[..., Any], module: nn.Module, args: tuple[Any, ...]) -> None:
        """A network has just been called with these."""
        x = args[0] if args else None
        if not isinstance(x, torch.Tensor) or x.ndim < 1 or len(x) < 2:
            return
        self.done = True
        modes = {part: part.training for part in module.modules()}
        with torch.no_grad(), torch.random.fork_rng():
            module.eval()
            try:
                self._compare(lambda batch: call(batch, *args[1:]), x.detach())
            except Exception:  # a network that does not bear another batch cannot be tested
                pass
            finally:
                for part, mode in modes.items():
                    part.training = mode

    def see(self, name: str, given: tuple[Any, ...]) -> None:
        """A function of torch was called: a loss function's targets tell which axis of tokens is time."""
        y = given[1] if name in LOSSES and len(given) > 1 else None
        if self._tokens is None or not isinstance(y, torch.Tensor) or y.numel() != self._tokens.numel():
            return
        x, y, self._tokens = self._tokens, y.reshape(self._tokens.shape), None
        if torch.equal(y[:, :-1], x[:, 1:]):
            self._seen["certain"] = True

    def summary(self) -> dict[str, Any]:
        """For the record: how many of the other samples' outputs changed; nothing where that could not be tested."""
        return self._seen

    def _compare(self, call: Callable[[torch.Tensor], Any], x: torch.Tensor) -> None:
        before, again = _output(call(x), len(x)), _output(call(x), len(x))
        if before is None or again is None or not torch.equal(before, again):
            return
        other = next((row for row in range(1, len(x)) if not torch.equal(x[row], x[0])), None)
        if other is None:
            return
        changed = x.clone()
        changed[0] = x[other]
        touched = _touched(before, _output(call(changed), len(x)), 0)
        self._seen = {"rows": len(x), "touched": touched, "certain": self._certain(call, x, before)}
        if x.ndim == 2 and not x.is_floating_point():
            self._tokens = x

    def _certain(self, call: Callable[[torch.Tensor], Any], x: torch.Tensor, before: torch.Tensor) -> bool:
        """Whether no other axis than the first can be that of the samples: it is gone, or is mixed, too."""
        if x.ndim < 2 or before.ndim < 2 or x.shape[1] != before.shape[1] or x.shape[1] < 2:
            return True
        changed = x.clone()
        changed[:, 0] = x[:, 1]
        after = _output(call(changed), len(x))
        return after is not None and _touched(before, after, 1) > 0.5 * (x.shape[1] - 1)


def _output(value: Any, rows: int) -> torch.Tensor | None:
    """The first output that has a row for each sample."""
    leaves = (one for one in tree_leaves(value) if isinstance(one, torch.Tensor) and one.is_floating_point())
    return next((one for one in leaves if one.ndim and len(one) == rows), None)


def _touched(before: torch.Tensor, after: torch.Tensor | None, axis: int) -> int:
    """How many of the others along an axis changed."""
    if after is None or after.shape != before.shape:
        return 0
    apart = (after - before).abs().movedim(axis, 0)[1:].reshape(before.shape[axis] - 1, -1).amax(1)
    return int((apart > LEAST * before.abs().max()).sum())
