"""What a step left to be known, at no extra pass over memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stats:
    """Figures of the last step: floats on a CPU; elsewhere 0-d tensors, which wait for the device only when read.

    ``grad_norm``: global norm of the unscaled gradients, before clipping; ``clip_factor``: what they were multiplied by
    (1: not clipped); ``update_norm`` and ``weight_norm``: of the change and of the weights after it; ``unchanged``: the
    share of weights that rounding left where they were; ``skipped``: how many steps so far were not finite and changed
    nothing.
    """

    grad_norm: Any = float("nan")
    clip_factor: Any = 1.0
    update_norm: Any = 0.0
    weight_norm: Any = 0.0
    unchanged: Any = 0.0
    skipped: Any = 0
