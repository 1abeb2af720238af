"""Completes prompts by sampling from the policy itself: no top-k, no top-p, no penalty, so that it can be scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from leonui.ppo.logprobs import positions, widened


class Completions(NamedTuple):
    """Prompts padded on the left, completions of at most T tokens on the right.

    ``tokens`` and ``mask`` are [n, prompt + T]; ``log_prob`` [n, T] is that of each token as it was sampled; ``ended``
    [n] tells whether the end-of-text token came.
    """

    tokens: Tensor
    mask: Tensor
    log_prob: Tensor
    ended: Tensor

    @property
    def length(self) -> int:
        """T, of the longest completion."""
        return self.log_prob.shape[1]

    @property
    def real(self) -> Tensor:
        """Which tokens of the completions are real, [n, T]."""
        return self.mask[:, -self.length :].bool()

    def ids(self) -> list[Tensor]:
        """The tokens of each completion, its end-of-text token included, padding not."""
        return list(self.tokens[:, -self.length :][self.real].split(self.real.sum(1).tolist()))


def pad_left(prompts: Sequence[Sequence[int] | Tensor], device: Any = None) -> tuple[Tensor, Tensor]:
    """Tokens and mask, [n, longest]; padding is token 0, which the mask hides, so no padding token is needed.

    >>> pad_left([[5], [6, 7]])
    (tensor([[0, 5],
            [6, 7]]), tensor([[0, 1],
            [1, 1]]))
    """
    width = max(len(prompt) for prompt in prompts)
    rows = [prompt.tolist() if isinstance(prompt, Tensor) else prompt for prompt in prompts]
    tokens = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    return tokens, mask


# Tensors made in inference mode cannot be saved for a backward pass, and these tokens go through one.
@torch.no_grad()
def complete(
    model: Any, tokens: Tensor, mask: Tensor, length: int, temperature: float, eos: Tensor, generator: torch.Generator
) -> Completions:
    """Sample up to ``length`` tokens for each prompt, until one of ``eos``; ``tokens`` and ``mask`` from ``pad_left``.

    A model that hands back ``past_key_values`` is fed one token at a time, another the whole text. What transformers'
    ``generate`` takes from a model's generation settings (top-k, penalties, forced tokens) would make the samples
    those of another distribution than the one that is scored.
    """
    alive = torch.ones(len(tokens), dtype=torch.bool, device=tokens.device)
    cache, logs = None, []
    for _ in range(length):
        fed = tokens if cache is None else tokens[:, -1:]
        where = positions(mask)[:, -fed.shape[1] :]
        out = model(input_ids=fed, attention_mask=mask, position_ids=where, past_key_values=cache, use_cache=True)
        cache = getattr(out, "past_key_values", None)
        log_prob = widened(out.logits[:, -1], temperature).log_softmax(1)
        choice = torch.multinomial(log_prob.exp(), 1, generator=generator)
        logs.append(log_prob.gather(1, choice))
        tokens = torch.cat([tokens, choice * alive[:, None]], 1)
        mask = torch.cat([mask, alive[:, None].long()], 1)
        alive = alive & ~torch.isin(choice.squeeze(1), eos)
        if not alive.any():
            break
    return Completions(tokens, mask, torch.cat(logs, 1), ~alive)
