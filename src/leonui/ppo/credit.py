"""Which token of a completion gets which credit: scores at the end, the price of divergence on the way."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor


def token_rewards(score: Tensor, price: Tensor, real: Tensor) -> Tensor:
    """The reward of each token, [n, T]: less its ``price`` [n, T], and the ``score`` [n] on the last real one.

    >>> real = torch.tensor([[True, True], [True, False]])
    >>> token_rewards(torch.tensor([1.0, 2.0]), torch.full((2, 2), 0.25), real)
    tensor([[-0.2500,  0.7500],
            [ 1.7500, -0.0000]])
    """
    last = real.sum(1, keepdim=True) - 1
    return (-price * real).scatter_add(1, last, score.to(price.dtype)[:, None])


def duplicated(ids: list[Tensor]) -> Tensor:
    """Which completions stand among them more than once, [n] of 0 and 1."""
    texts = [tuple(row.tolist()) for row in ids]
    times = Counter(texts)
    return torch.tensor([float(times[text] > 1) for text in texts])
