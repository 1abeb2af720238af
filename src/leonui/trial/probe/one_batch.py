"""One batch again and again: whether a network can learn anything at all."""

from __future__ import annotations

from typing import Any

import torch


class OneBatch:
    """Gives, in training, the first input and the first target of their kind instead of those that come later."""

    def __init__(self) -> None:
        self._first: dict[Any, torch.Tensor] = {}

    def input(self, x: torch.Tensor, *kind: Any) -> torch.Tensor:
        """What a network is given in place of ``x``."""
        return self._again(x, *kind) if torch.is_grad_enabled() else x

    def target(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments of a loss function, with another target; one that is given by name is put right there."""
        if not torch.is_grad_enabled():
            return args
        if len(args) > 1 and isinstance(args[1], torch.Tensor):
            return (args[0], self._again(args[1], name), *args[2:])
        if isinstance(kwargs.get("target"), torch.Tensor):
            kwargs["target"] = self._again(kwargs["target"], name)
        return args

    def _again(self, value: torch.Tensor, *kind: Any) -> torch.Tensor:
        return self._first.setdefault((*kind, value.shape), value.detach().clone())
