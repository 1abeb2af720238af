"""The gradient that is never cleared."""

from __future__ import annotations

import torch

from leonui.trial.probe.tensors import weights


class StaleGradient:
    """An exact check: is a gradient that a step has used still there, never cleared, when the next step uses it?

    One small parameter stands for its optimizer. That it is cleared shows at the start of a backward pass: its gradient
    is gone, another tensor, or zero. In a GAN the other network's backward may find the used gradient, but the
    optimizer's own backward finds it cleared.
    """

    def __init__(self) -> None:
        self._sentinel: torch.Tensor | None = None
        self._used: tuple[torch.Tensor, int] | None = None
        self._kept = False

    def before_backward(self) -> None:
        """Look at the sentinel's gradient before anything is added to it."""
        grad = self._sentinel.grad if self._sentinel is not None else None
        if self._used is not None:
            used, version = self._used
            self._kept = grad is used and used._version == version and bool(used.any())
            self._used = None
        elif self._kept:
            self._kept = grad is not None and bool(grad.any())

    def at_step(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether the gradient that is used now was also used by the step before; takes it as used from now on."""
        stale, self._kept = self._kept, False
        if self._sentinel is None or self._sentinel.grad is None:
            held = [p for p in weights(optimizer) if p.grad is not None and not p.grad.is_sparse]
            self._sentinel = min(held, key=torch.Tensor.numel, default=None)
        return stale

    def after_step(self) -> None:
        """Remember the gradient that was used."""
        grad = self._sentinel.grad if self._sentinel is not None else None
        self._used = None if grad is None else (grad, grad._version)
