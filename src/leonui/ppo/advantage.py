"""How much better an action was than expected: by time, from a critic, or by comparison within a group."""

from __future__ import annotations

import torch
from torch import Tensor

from leonui.ppo.objective import kept, mean

GROUPED = ("grpo", "rloo")


def gae(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    boundary: Tensor,
    gamma: float,
    lam: float,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates, and the returns that a critic is to predict, both of the shape of ``rewards``.

    The last axis is time. ``next_values`` are of the states that were reached, before any reset. A ``terminated`` step
    has no value after it; a ``boundary`` ends an episode or a rollout, so that nothing of the next step is carried
    back: a time limit is a boundary and not terminated. Steps where ``mask`` is False count nothing and carry nothing.

    Source: Schulman et al. 2016, eq. 16. Departure: the sum over time is a scan in log2(T) steps (Hillis and Steele
    1986) and not a loop.

    >>> one = torch.ones(1, 3)
    >>> end = torch.tensor([[False, False, True]])
    >>> gae(one, 0 * one, 0 * one, end, end, gamma=0.5, lam=1.0)[0]
    tensor([[1.7500, 1.5000, 1.0000]])
    """
    going = (~terminated.bool()).to(values.dtype)
    delta = kept(rewards + gamma * next_values * going - values, mask)
    carry = kept(gamma * lam * going * (~boundary.bool()).to(values.dtype), mask)
    step = 1
    while step < delta.shape[-1]:
        head, tail = delta[..., :-step], delta[..., -step:]
        delta = torch.cat((head + carry[..., :-step] * delta[..., step:], tail), -1)
        carry = torch.cat((carry[..., :-step] * carry[..., step:], carry[..., -step:]), -1)
        step *= 2
    return delta, kept(delta + values, mask)


def normalize(advantage: Tensor, mask: Tensor | None = None) -> Tensor:
    """The advantage with mean 0 and standard deviation 1 over what counts; zeros where nothing does.

    >>> normalize(torch.tensor([1.0, 3.0]))
    tensor([-1.,  1.])
    """
    centred = kept(advantage - mean(advantage, mask), mask)
    return centred / (mean(centred.square(), mask).sqrt() + 1e-8)


def group_advantage(rewards: Tensor, group: Tensor, kind: str = "grpo") -> Tensor:
    """Each reward (any shape of one axis) against those of its ``group``, integers from 0 on; no critic is needed.

    kind: "grpo", less the group's mean and over its standard deviation (Shao et al. 2024, section 4.1.1); "rloo", less
    the mean of the others (Ahmadian et al. 2024, eq. 8). Who is alone in a group gets 0. Raises ValueError for another
    kind.

    >>> group_advantage(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 1]), "rloo")
    tensor([-2.,  2.,  0.])
    """
    if kind not in GROUPED:
        raise ValueError(f"kind={kind!r} is not known; choose one of {', '.join(GROUPED)}")
    same = (group[:, None] == group[None, :]).to(rewards.dtype)
    count = same.sum(1)
    apart = rewards - same @ rewards / count
    if kind == "rloo":
        return apart * count / (count - 1).clamp(min=1)
    return apart / ((same @ apart.square() / count).sqrt() + 1e-6)
