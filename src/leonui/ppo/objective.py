"""What PPO maximises: the advantage times the probability ratio, held near 1; and what its critic minimises."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

KINDS = ("clip", "spo", "gspo")
Epsilon = float | tuple[float, float]


class Stats(NamedTuple):
    """What an objective saw, as numbers on the device (0-d tensors, no gradient).

    kl: k3 estimate of KL(old || new), in nats; clip_low, clip_high: shares of the samples whose gradient the clipping
    cut off below and above; out_of_range: share whose ratio is outside of the range, cut off or not; ratio_max: the
    largest ratio; ess: effective sample size over the sample size, 1 where all ratios are equal.
    """

    kl: Tensor
    clip_low: Tensor
    clip_high: Tensor
    out_of_range: Tensor
    ratio_max: Tensor
    ess: Tensor


def clipped_objective(
    old_log_prob: Tensor,
    new_log_prob: Tensor,
    advantage: Tensor,
    epsilon: Epsilon = 0.2,
    dual_clip: float | None = None,
    kind: str = "clip",
    mask: Tensor | None = None,
    reduce: str | float = "token",
) -> tuple[Tensor, Stats]:
    """The loss whose descent raises the reward under a bound on how far the policy moves, and what it saw.

    All tensors have one shape; for sequences the last axis is time. ``epsilon`` is the range of the ratio, one number
    or (low, high). kind: "clip", PPO's (Schulman et al. 2017, eq. 7); "spo", a quadratic in place of the clipping (Xie
    et al. 2025, eq. 12); "gspo", PPO's with the geometric mean of a sequence's ratios (Zheng et al. 2025, eq. 5).
    ``dual_clip`` (Ye et al. 2020, eq. 5): where the advantage is negative, at most so many times it. Where ``mask`` is
    False nothing counts, whatever stands there. reduce: the mean over all "token"s, the mean over each "sequence" and
    then over these, or the sum over a constant number. Raises ValueError for another kind or reduction.

    >>> old, new = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.5, 0.7]).log()
    >>> loss, stats = clipped_objective(old, new, torch.tensor([-1.0, 1.0]))
    >>> round(loss.item(), 4), round(stats.clip_high.item(), 2)
    (-0.1, 0.5)
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not known; choose one of {', '.join(KINDS)}")
    log_ratio = kept(new_log_prob - old_log_prob, mask)
    advantage = kept(advantage, mask)
    if kind == "gspo":
        log_ratio = sequence_mean(log_ratio, mask).unsqueeze(-1).expand_as(log_ratio)
    gain = gains(log_ratio, advantage, epsilon, dual_clip, kind)
    return reduced(-gain, mask, reduce), observed(log_ratio.detach(), advantage, epsilon, mask)


def gains(
    log_ratio: Tensor, advantage: Tensor, epsilon: Epsilon, dual_clip: float | None = None, kind: str = "clip"
) -> Tensor:
    """What each sample adds to the objective, of the shape of ``log_ratio``; the arguments are the objective's."""
    low, high = _range(epsilon)
    ratio = log_ratio.exp()
    if kind == "spo":
        apart = (ratio - 1).square() / 2
        gain = ratio * advantage - advantage.abs() * torch.where(ratio > 1, apart / high, apart / low)
    else:
        gain = torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)
    if dual_clip is not None:
        gain = torch.where(advantage < 0, torch.maximum(gain, dual_clip * advantage), gain)
    return gain


def _range(epsilon: Epsilon) -> tuple[float, float]:
    return epsilon if isinstance(epsilon, tuple) else (epsilon, epsilon)


def value_loss(
    value: Tensor,
    returns: Tensor,
    old_value: Tensor | None = None,
    clip: float | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Half the mean squared error of the critic; with ``clip``, the larger of it and that of a value held near the old.

    All tensors have one shape. The clipping is that of OpenAI's baselines (ppo2); the paper has none. Raises ValueError
    where there is a clip and no old value.

    >>> value_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])).item()
    1.0
    """
    error = (value - returns).square()
    if clip is not None:
        if old_value is None:
            raise ValueError(f"clip={clip} needs old_value: give the values from before the update, or clip=None")
        near = old_value + (value - old_value).clamp(-clip, clip)
        error = torch.maximum(error, (near - returns).square())
    return 0.5 * mean(error, mask)


def kept(x: Tensor, mask: Tensor | None) -> Tensor:
    """Zeros where nothing counts; also the gradient is zero there, whatever stands in ``x``."""
    return x if mask is None else torch.where(mask.bool(), x, torch.zeros_like(x))


def mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mean over what counts."""
    return x.mean() if mask is None else kept(x, mask).sum() / mask.sum().clamp(min=1)


def sequence_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mean over what counts of the last axis."""
    return x.mean(-1) if mask is None else kept(x, mask).sum(-1) / mask.sum(-1).clamp(min=1)


def reduced(x: Tensor, mask: Tensor | None, reduce: str | float) -> Tensor:
    """One number of many, by ``reduce``. Raises ValueError where that is not known."""
    if reduce == "token":
        return mean(x, mask)
    if reduce == "sequence":
        some = None if mask is None else mask.bool().any(-1)
        return mean(sequence_mean(x, mask), some)
    if isinstance(reduce, str):
        raise ValueError(f"reduce={reduce!r} is not known; choose token, sequence, or a number to divide the sum by")
    return kept(x, mask).sum() / reduce


def observed(log_ratio: Tensor, advantage: Tensor, epsilon: Epsilon, mask: Tensor | None, rows: bool = False) -> Stats:
    """What an objective saw; with ``rows`` one number for each row along the last axis, and not one for all."""
    over, (low, high) = (sequence_mean if rows else mean), _range(epsilon)
    ratio = log_ratio.exp()
    below, above = ratio < 1 - low, ratio > 1 + high
    return Stats(
        kl=over(ratio - 1 - log_ratio, mask),
        clip_low=over((below & (advantage < 0)).to(ratio.dtype), mask),
        clip_high=over((above & (advantage > 0)).to(ratio.dtype), mask),
        out_of_range=over((below | above).to(ratio.dtype), mask),
        ratio_max=kept(ratio, mask).amax(-1 if rows else ()),
        ess=over(ratio, mask).square() / over(ratio.square(), mask),
    )
