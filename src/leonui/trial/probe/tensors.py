"""The tensors of an optimizer, and their norm."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch


class Known:
    """A set of tensors, each itself and not its numbers, that keeps none of them alive.

    A bare ``id`` would do until a tensor is dropped and the next one is given its place in memory.
    """

    def __init__(self) -> None:
        self._known: dict[int, weakref.ref[torch.Tensor]] = {}

    def add(self, *tensors: torch.Tensor) -> None:
        """Take them in."""
        self._known.update((id(one), weakref.ref(one)) for one in tensors)

    def __contains__(self, tensor: torch.Tensor) -> bool:
        known = self._known.get(id(tensor))
        return known is not None and known() is tensor

    def beside(self, others: Iterable[torch.Tensor]) -> int:
        """How many are still there and not among others."""
        theirs = {id(one) for one in others}
        return sum(key not in theirs and known() is not None for key, known in self._known.items())


def weights(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """All parameters of an optimizer, in the order of its groups."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def is_sharded(optimizer: torch.optim.Optimizer) -> bool:
    """Whether this process has parts of the weights only, as under FSDP2."""
    return any(map(is_part, weights(optimizer)))


def is_part(tensor: torch.Tensor) -> bool:
    """Whether it is a DTensor, of which this process may have a part only."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Any) -> torch.Tensor:
    """All of a tensor; of a sharded one every rank must ask."""
    return tensor.full_tensor() if is_part(tensor) else tensor


def dealt(value: torch.Tensor, tensor: Any) -> torch.Tensor:
    """A whole tensor as it lies in another: of one that is sharded, this rank's part."""
    if not is_part(tensor):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(tensor.device), tensor.device_mesh, tensor.placements)


def gradients(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """The dense gradients that the optimizer is about to use."""
    return [p.grad for p in weights(optimizer) if p.grad is not None and not p.grad.is_sparse]


def total_norm(tensors: list[torch.Tensor]) -> torch.Tensor | None:
    """The norm of all tensors together, left on the first one's device: nothing waits for it here."""
    if not tensors:
        return None
    norms = torch._foreach_norm(tensors)
    return torch.linalg.vector_norm(torch.stack([norm.to(norms[0]) for norm in norms]))
