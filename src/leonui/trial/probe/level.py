"""Layers whose outputs have zero mean and unit deviation, unit by unit, on the first batch that they are given.

Data-dependent initialisation: Salimans and Kingma, NeurIPS 2016, section 3; Mishkin and Matas, ICLR 2016. As there, the
weights are scaled and the bias is shifted; layers that are called several times are levelled at their first call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)
LEAST = 1e-12  # a unit that deviates less is the same for all samples: there is nothing to scale


class Level:
    """Levels each layer when it is first called; ``call`` is how a module is called."""

    def __init__(self, call: Callable[..., Any]):
        self._call = call
        self._done: set[int] = set()

    def __call__(self, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """A module is called."""
        if isinstance(module, LAYERS) and id(module) not in self._done:
            self._done.add(id(module))
            with torch.no_grad():
                self._level(module, self._call(module, *args, **kwargs))
        return self._call(module, *args, **kwargs)

    @staticmethod
    def _level(module: nn.Module, out: torch.Tensor) -> None:
        kept = -1 if isinstance(module, nn.Linear) else 1
        rows = out.float().movedim(kept, -1).flatten(0, -2)
        if len(rows) < 2:
            return
        mean, deviation = rows.mean(0), rows.std(0, unbiased=False)
        scale = torch.where(deviation > LEAST, deviation, torch.ones_like(deviation))
        weight: Any = module.weight
        bias: Any = module.bias
        over = 1 if getattr(module, "transposed", False) else 0
        if weight.shape[over] != len(scale):
            return
        weight.div_(scale.view([-1 if axis == over else 1 for axis in range(weight.ndim)]))
        if bias is not None:
            bias.sub_(mean).div_(scale)
