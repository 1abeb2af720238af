"""Steps while the backward pass runs: each gradient is used and freed as soon as it is whole."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from leonui.engine import Engine


class InBackward:
    """Hooks that step each parameter when its gradient is whole; ``remove()`` takes them off again."""

    def __init__(self, optimizer: Engine, every: int):
        self.optimizer, self.every = optimizer, every
        self.seen: dict[Tensor, int] = {}
        self.squares: dict[Tensor, float] = {}
        self.norm: float | None = None
        self.done = optimizer.steps
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.hooks = [p.register_post_accumulate_grad_hook(self._step) for p in parameters]

    @torch.no_grad()
    def _step(self, p: Any) -> None:
        self.seen[p] = self.seen.get(p, 0) + 1
        if self.seen[p] % self.every:
            return
        if p in self.squares:  # the second time: a new pass has begun
            self.norm, self.squares = math.sqrt(sum(self.squares.values())), {}
        self.squares[p] = self.optimizer.advance([p], self.norm, self.seen[p] // self.every - 1 + self.done) ** 2
        p.grad = None

    def remove(self) -> None:
        """Take the hooks off; the optimizer then steps as any other."""
        for hook in self.hooks:
            hook.remove()


def in_backward(optimizer: Engine, every: int = 1) -> InBackward:
    """Let an optimizer of ours step inside ``backward()``, so that all gradients never exist at once.

    Each is freed after its use; the loop's own ``step()`` and ``zero_grad()`` then find nothing to do. ``every`` is the
    number of backward passes that accumulate into one step. With ``clip_norm`` a gradient is clipped by the norm of the
    previous step, since this one's is not known yet (in the first step: by its own tensor's norm); a gradient that is
    not finite leaves out its own tensor only. A GradScaler cannot be used: it unscales after backward.

    >>> from leonui.optim import SGD
    >>> layer = torch.nn.Linear(2, 1)
    >>> hooks = in_backward(SGD(layer.parameters(), lr=0.1))
    >>> layer(torch.ones(1, 2)).sum().backward()
    >>> layer.weight.grad is None
    True
    """
    if not isinstance(optimizer, Engine):
        raise ValueError(
            f"in_backward() steps single tensors, which {type(optimizer).__name__} cannot; use leonui.optim"
        )
    if every < 1:
        raise ValueError(f"every={every} backward passes make no step; give 1 or more")
    return InBackward(optimizer, every)
