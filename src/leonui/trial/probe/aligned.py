"""Arithmetic of a column with a row of samples, as it was meant: sample by sample."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from leonui.trial.probe.pairs import ARITHMETIC, paired


class Aligned(TorchFunctionMode):
    """While it is on, (N, 1) against (N) gives (N)."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ARITHMETIC and len(args) > 1:
            longest = max((one.numel() for one in args[:2] if isinstance(one, torch.Tensor)), default=0)
            if paired(args, longest):
                args = (*(one.reshape(-1) for one in args[:2]), *args[2:])
        return func(*args, **(kwargs or {}))
