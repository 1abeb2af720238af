"""The health of a batch before the first step on it: what must be 0, what must be 1."""

from __future__ import annotations

import torch
from torch import Tensor

from leonui.ppo.objective import kept, mean


@torch.no_grad()
def figures(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    values: Tensor,
    returns: Tensor,
    rewards: Tensor | None = None,
    terminated: Tensor | None = None,
    mask: Tensor | None = None,
) -> dict[str, Tensor]:
    """Figures for the doctor, as 0-d tensors: hand them to ``leonui.watch().policy``.

    All tensors have one shape. ``log_prob``: of the policy before any step, on the path that training takes;
    ``advantage``: as the objective gets it. ratio_first: mean of abs(ratio - 1), 0 unless one of both is wrong;
    advantage_mean, advantage_std: 0 and 1 where they are normalised; advantage_match: correlation with returns -
    values, 1 unless the sign is wrong; explained_variance: of the returns by the values; end_error: by how many
    deviations returns differ from the reward where an episode ended (with ``rewards`` and ``terminated``).

    >>> one = torch.tensor([0.0, 1.0, 2.0])
    >>> figures(one, one, one - 1, 0 * one, one)["ratio_first"]
    tensor(0.)
    """
    told = {
        "ratio_first": off(log_prob, old_log_prob, mask),
        "advantage_mean": mean(advantage, mask),
        "advantage_std": deviation(advantage, mask),
        "advantage_match": match(advantage, returns - values, mask),
        "explained_variance": explained(values, returns, mask),
    }
    if rewards is not None and terminated is not None:
        apart = kept((returns - rewards).abs(), terminated.bool() if mask is None else terminated.bool() & mask.bool())
        told["end_error"] = apart.max() / deviation(returns, mask).clamp(min=1e-8)
    return told


def off(log_prob: Tensor, old: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean of abs(ratio - 1)."""
    return mean((log_prob - old).expm1().abs(), mask)


def deviation(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """The standard deviation over what counts."""
    return mean((x - mean(x, mask)).square(), mask).sqrt()


def match(x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
    """The correlation over what counts; 0 where one of both is constant."""
    both = mean((x - mean(x, mask)) * (y - mean(y, mask)), mask)
    return both / (deviation(x, mask) * deviation(y, mask)).clamp(min=1e-12)


def explained(values: Tensor, returns: Tensor, mask: Tensor | None = None) -> Tensor:
    """The share of the returns' variance that the values explain; NaN where there is none."""
    return 1 - (deviation(returns - values, mask) / deviation(returns, mask)).square()
