"""Sharpness-aware minimisation: the gradient of the worst point nearby."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class SAM(torch.optim.Optimizer):
    """Wraps an optimizer so that it steps along the gradient at p + rho g / |g|. Foret et al. (2021, arXiv 2010.01412).

    Algorithm 1 with p = 2; ``adaptive`` scales the climb by each weight's magnitude: Kwon et al. (2021, arXiv
    2102.11600), without their eta. ``step`` needs a closure that clears the gradients, computes the loss, calls
    ``backward`` and returns the loss; it is run twice, and the first loss is returned. Raises ValueError without one.

    >>> weight = torch.ones(2, requires_grad=True)
    >>> optimizer = SAM(torch.optim.SGD([weight], lr=0.1), rho=0.05)
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = weight.square().sum()
    ...     loss.backward()
    ...     return loss
    >>> float(optimizer.step(closure).detach())
    2.0
    """

    def __init__(self, optimizer: torch.optim.Optimizer, rho: float = 0.05, adaptive: bool = False):
        if not rho >= 0:
            raise ValueError(f"rho={rho} is no radius; give 0 or more, 0.05 to begin with")
        self.optimizer, self.rho, self.adaptive = optimizer, rho, adaptive

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The wrapped optimizer's groups."""
        return self.optimizer.param_groups

    @property
    def state(self) -> Any:  # type: ignore[override]
        """The wrapped optimizer's state."""
        return self.optimizer.state

    @property
    def defaults(self) -> dict[str, Any]:  # type: ignore[override]
        """The wrapped optimizer's defaults."""
        return self.optimizer.defaults

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Climb, look at the gradient there, return, and step along it."""
        if closure is None:
            if not any(bool(p.grad.any()) for p in self._parameters()):
                return self.optimizer.step()  # nothing to climb: how torch.distributed.checkpoint makes the state
            raise ValueError("SAM looks at two points in a step; call step(closure) with one that runs backward")
        with torch.enable_grad():
            loss = closure()
        before = self._climb()
        try:
            with torch.enable_grad():
                closure()
        finally:
            with torch.no_grad():
                for p, old in before:
                    p.copy_(old)
        self.optimizer.step()
        return loss

    @torch.no_grad()
    def _climb(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Move to the worst point nearby; returns parameters and what they were."""
        here = self._parameters()
        up = {id(p): -1 if group.get("maximize") else 1 for group in self.param_groups for p in group["params"]}
        slopes = [up[id(p)] * p.grad * (p.abs() if self.adaptive else 1) for p in here]
        norm = torch.nn.utils.get_total_norm(slopes)
        before = [(p, p.clone()) for p in here]
        for p, slope in zip(here, slopes, strict=True):
            p.add_(slope * (p.abs() if self.adaptive else 1) * (self.rho / (norm + 1e-12)))
        return before

    def _parameters(self) -> list[Any]:
        return [p for group in self.param_groups for p in group["params"] if p.grad is not None]

    def __getattr__(self, name: str) -> Any:
        """Hooks and all else that torch keeps on an optimizer: the wrapped one's."""
        if name == "optimizer":  # not yet there while it is unpickled
            raise AttributeError(name)
        return getattr(self.optimizer, name)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As the wrapped optimizer's."""
        self.optimizer.zero_grad(set_to_none=set_to_none)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As the wrapped optimizer's."""
        self.optimizer.add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """The wrapped optimizer's."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Into the wrapped optimizer."""
        self.optimizer.load_state_dict(state_dict)

    def __getstate__(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer, "rho": self.rho, "adaptive": self.adaptive}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return f"SAM({self.optimizer!r}, rho={self.rho}, adaptive={self.adaptive})"
