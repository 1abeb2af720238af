"""How the gradient reaches the layers: each weight matrix's gradient, relative to the weights."""

from __future__ import annotations

import math
from typing import Any

from torch.optim import Optimizer

from leonui.trial.probe.anatomy import Anatomy
from leonui.trial.probe.tensors import weights


class Flow:
    """The root mean square of a matrix's gradient over that of its weights, the median over what was seen."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {}

    def see(self, optimizer: Optimizer, anatomy: Anatomy) -> None:
        """Gradients are there."""
        held = {id(p) for p in weights(optimizer)}
        for name, p in anatomy.named():
            if id(p) in held and p.ndim >= 2 and p.grad is not None and not p.grad.is_sparse:
                size, slope = float(p.detach().norm()), float(p.grad.norm())
                if size > 0 and math.isfinite(slope):
                    self._seen.setdefault(name, []).append(slope / size)

    def summary(self) -> dict[str, Any]:
        """The weakest and the strongest matrix by name, in order from the input; nothing where there is only one."""
        middle = {name: sorted(values)[len(values) // 2] for name, values in self._seen.items()}
        flowing = {name: value for name, value in middle.items() if value > 0}  # a zero is said of elsewhere
        if len(flowing) < 2:
            return {}
        least, most = min(flowing, key=flowing.__getitem__), max(flowing, key=flowing.__getitem__)
        return {"least": least, "most": most, "ratio": flowing[least] / flowing[most], "matrices": len(flowing)}
