"""The tensors of an optimizer, and their norm."""

from __future__ import annotations

import torch


def weights(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """All parameters of an optimizer, in the order of its groups."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def is_sharded(optimizer: torch.optim.Optimizer) -> bool:
    """Whether this process has parts of the weights only, as under FSDP2."""
    return any(hasattr(p, "full_tensor") for p in weights(optimizer))


def gradients(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """The dense gradients that the optimizer is about to use."""
    return [p.grad for p in weights(optimizer) if p.grad is not None and not p.grad.is_sparse]


def total_norm(tensors: list[torch.Tensor]) -> torch.Tensor | None:
    """The norm of all tensors together, left on the first one's device: nothing waits for it here."""
    if not tensors:
        return None
    norms = torch._foreach_norm(tensors)
    return torch.linalg.vector_norm(torch.stack([norm.to(norms[0]) for norm in norms]))
