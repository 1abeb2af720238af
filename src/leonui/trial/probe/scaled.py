"""The loss behind the scaled copy that a GradScaler makes of it."""

from __future__ import annotations

import torch


class Scaled:
    """Remembers the last copy and what it was made of."""

    def __init__(self) -> None:
        self._copy: tuple[int, torch.Tensor] | None = None

    def note(self, copy: torch.Tensor, loss: torch.Tensor) -> None:
        """A GradScaler made ``copy`` of ``loss``."""
        self._copy = (id(copy), loss.detach())

    def known(self, loss: torch.Tensor) -> bool:
        """Whether this is that copy."""
        return self._copy is not None and self._copy[0] == id(loss)

    def plain(self, loss: torch.Tensor) -> torch.Tensor:
        """The loss as the script computed it."""
        return self._copy[1] if self._copy is not None and self.known(loss) else loss

    def factor(self, loss: torch.Tensor) -> float:
        """By how much it was made larger."""
        return loss.item() / (self.plain(loss).item() or 1.0) if self.known(loss) else 1.0
