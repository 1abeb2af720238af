"""Settings that would silently lose updates, told when they are chosen."""

from __future__ import annotations

import warnings
from typing import Any

import torch


def caution(optimizer: Any) -> None:
    """Warn of bfloat16 parameters whose decay or updates rounding would swallow."""
    for i, group in enumerate(optimizer.param_groups):
        if optimizer.storage.rounding != "nearest" or not any(p.dtype is torch.bfloat16 for p in group["params"]):
            continue
        lost = float(group["lr"]) * group.get("weight_decay", 0.0)
        if 0 < lost < 2**-9:
            warnings.warn(
                f"group {i}: bfloat16 weights with lr x weight_decay = {lost:.1e} are never decayed, because their "
                "rounding step is 2^-8 = 3.9e-3 of a weight; give rounding='kahan' or 'stochastic'",
                stacklevel=4,
            )
