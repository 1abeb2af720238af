"""Units that are dead: whatever the network is given, they give the same."""

from __future__ import annotations

from typing import Any

import torch

SQUASHING = ("relu", "relu_", "leaky_relu", "relu6", "elu", "selu", "gelu", "silu", "sigmoid", "tanh", "hardtanh")


class Units:
    """The lowest and the highest value of every unit that an activation function gave, over all that was seen.

    A unit is a column of a table, a channel of a picture, an element of a step in time. A layer is known by the module
    that called the function, and by how many calls came before it in the same pass.
    """

    def __init__(self) -> None:
        self._layers: dict[tuple[str, str, int], tuple[torch.Tensor, torch.Tensor]] = {}
        self._count: dict[tuple[str, str], int] = {}
        self._samples: dict[tuple[str, str, int], int] = {}

    def starts(self) -> None:
        """A network is called."""
        self._count = {}

    def see(self, name: str, where: str, value: torch.Tensor) -> None:
        """A function of torch returned a value."""
        if name not in SQUASHING or value.ndim < 2 or not value.numel() or not value.is_floating_point():
            return
        at = self._count[where, name] = self._count.get((where, name), 0) + 1
        key, rows = (where, name, at), _rows(value.detach())
        low, high = rows.amin(0), rows.amax(0)
        if key in self._layers and self._layers[key][0].shape == low.shape:
            low, high = torch.minimum(low, self._layers[key][0]), torch.maximum(high, self._layers[key][1])
        self._layers[key] = low, high
        self._samples[key] = self._samples.get(key, 0) + len(value)

    def summary(self) -> list[dict[str, Any]]:
        """For each layer: its name, how many units it has, how many gave the same for all samples."""
        return [
            {
                "name": where or name,
                "function": name,
                "units": len(low),
                "dead": int((low == high).sum()),
                "samples": self._samples[where, name, at],
            }
            for (where, name, at), (low, high) in self._layers.items()
        ]


def _rows(value: torch.Tensor) -> torch.Tensor:
    """All values of each unit, in a column."""
    kept = 1 if value.ndim in (2, 4, 5) else value.ndim - 1
    return value.movedim(kept, -1).reshape(-1, value.shape[kept])
