"""Asks the user's reward function, and checks what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Reward = Callable[[Sequence[Any], Sequence[Any], list[Tensor]], "Tensor | Sequence[float]"]


@torch.no_grad()
def judged(reward: Reward, prompts: Sequence[Any], completions: Sequence[Any], ids: list[Tensor]) -> Tensor:
    """One score a completion, float32 [n]; what the function raises passes through.

    Raises ValueError where the answer has another shape or holds a number that is not finite.
    """
    if isinstance(reward, nn.Module):
        reward.eval()
    given = reward(prompts, completions, ids)
    try:
        scores = torch.as_tensor(given, dtype=torch.float32).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"the reward function gave {type(given).__name__} {str(given)[:80]!r}, which is no row of numbers; "
            f"return one number a completion: shape ({len(ids)},)"
        ) from error
    if scores.shape != (len(ids),):
        raise ValueError(
            f"the reward function gave shape {tuple(scores.shape)} for {len(ids)} completions; "
            f"return one number a completion, in order: shape ({len(ids)},)"
        )
    if not scores.isfinite().all():
        at = int((~scores.isfinite()).nonzero()[0])
        raise ValueError(
            f"the reward function gave {float(scores[at])} for completion {at}, {completions[at]!r}; "
            "give every completion a finite score"
        )
    return scores
