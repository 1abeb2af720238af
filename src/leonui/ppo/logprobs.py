"""The one log-probability of a language model: of the old policy, the new one and the reference alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Scored(NamedTuple):
    """What a policy says of completions of T tokens: log pi of each token, all logits over temperature, values.

    ``log_prob`` and ``value`` are [n, T], ``logits`` is [n, T, V], in float32 or wider; ``value`` is None without a
    critic. ``value[:, t]`` is that of the text before token t.
    """

    log_prob: Tensor
    logits: Tensor
    value: Tensor | None = None


def positions(mask: Tensor) -> Tensor:
    """The position of each token in its own text, 0 for the padding on its left."""
    return mask.long().cumsum(1).sub(1).clamp(min=0)


def widened(logits: Tensor, temperature: float) -> Tensor:
    """Logits over temperature, in float32 at least: what is sampled from, and what is scored."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature


def logprobs(
    model: Any, tokens: Tensor, mask: Tensor, length: int, temperature: float = 1.0, head: nn.Module | None = None
) -> Scored:
    """The log-probability of the last ``length`` tokens of each row, given all that stands before them.

    ``tokens`` and ``mask`` are [n, prompt + completion], the prompts padded on the left, the completions on the right;
    ``mask`` is 1 for a real token. Positions are counted from the first real token and given to the model, so padding
    changes nothing. The model's mode is left as it is: dropout must be off, or no two calls agree.

    >>> from types import SimpleNamespace
    >>> def uniform(input_ids, **_):
    ...     return SimpleNamespace(logits=torch.zeros(*input_ids.shape, 4))
    >>> tokens = torch.tensor([[3, 1, 2]])
    >>> logprobs(uniform, tokens, torch.ones_like(tokens), length=2).log_prob
    tensor([[-1.3863, -1.3863]])
    """
    asked = {"output_hidden_states": True} if head else {}
    out = model(input_ids=tokens, attention_mask=mask, position_ids=positions(mask), use_cache=False, **asked)
    logits = widened(out.logits[:, -length - 1 : -1], temperature)
    chosen = logits.gather(2, tokens[:, -length:, None]).squeeze(2)
    value = head(_last_hidden(model, out)[:, -length - 1 : -1]).squeeze(2).to(logits.dtype) if head else None
    return Scored(chosen - logits.logsumexp(2), logits, value)


def _last_hidden(model: Any, out: Any) -> Tensor:
    states = getattr(out, "hidden_states", None)
    if not states:  # seen of a transformers model that was unpickled whole
        raise ValueError(
            f"{type(model).__name__} gives no hidden_states, so its critic has nothing to judge by; "
            'make the model anew and load its state_dict, or use Advantage("rloo"), which needs no critic'
        )
    return states[-1]


def entropy(logits: Tensor) -> Tensor:
    """The entropy of each distribution, in nats: [n, T] of logits [n, T, V]."""
    logs = logits.log_softmax(2)
    return -(logs.exp() * logs).sum(2)


class LanguagePolicy(nn.Module):
    """A language model, and a critic on its last hidden state that begins by saying 0 of everything.

    Raises ValueError where a critic is asked for and the model does not tell its ``config.hidden_size``.
    """

    def __init__(self, model: nn.Module, critic: bool = True):
        super().__init__()
        self.model = model
        self.head = _head(model) if critic else None

    def forward(self, tokens: Tensor, mask: Tensor, length: int, temperature: float) -> Scored:
        """As ``logprobs``."""
        return logprobs(self.model, tokens, mask, length, temperature, self.head)


def _head(model: nn.Module) -> nn.Linear:
    width = getattr(getattr(model, "config", None), "hidden_size", None)
    if width is None:
        raise ValueError(
            f"{type(model).__name__} tells no config.hidden_size, so a critic cannot be put on it; "
            'set it, or use Advantage("rloo"), which needs no critic'
        )
    like = next(model.parameters())
    head = nn.Linear(width, 1, device=like.device, dtype=like.dtype)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head
