"""The optimizers of the tasks, as a script would make them, and the learning rates that people type."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def sgd(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Torch's SGD with momentum."""
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def adamw(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Torch's AdamW."""
    return torch.optim.AdamW(model.parameters(), lr=lr)


def lion(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Lion of leonui."""
    from leonui.optim import Lion

    return Lion(model.parameters(), lr=lr)


def muon(model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Muon of leonui: hidden matrices by Muon, the rest by AdamW, one learning rate for both."""
    from leonui.optim import Muon, groups

    return Muon(groups(model, muon=True), lr=lr)


OPTIMIZERS: dict[str, Callable[[nn.Module, float], torch.optim.Optimizer]] = {
    "sgd": sgd,
    "adamw": adamw,
    "lion": lion,
    "muon": muon,
}
TYPED = {"sgd": 0.01, "adamw": 1e-3, "lion": 1e-4, "muon": 0.02}
