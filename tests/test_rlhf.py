"""RLHF against closed forms, and against itself: padding, micro-batches, processes and restarts change nothing."""

import math
from contextlib import contextmanager
from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from leonui.ppo import RLHF, Advantage, KLPenalty, Sampling, Update
from leonui.ppo import rlhf as loop
from leonui.ppo.completion import complete, pad_left
from leonui.ppo.logprobs import Policy, logprobs, positions

V = 16


class Table(nn.Module):
    """The smallest language model: the same distribution whatever was said."""

    def __init__(self, logits):
        super().__init__()
        self.table = nn.Parameter(logits.clone())

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.table.expand(*input_ids.shape, -1))


class Reader(nn.Module):
    """A tiny causal model that hears everything: tokens, mask, positions; dropout; a hidden state."""

    def __init__(self, vocabulary=V, width=8, context=24, dropout=0.1):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=width, max_position_embeddings=context, eos_token_id=0)
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.query, self.head = nn.Linear(width, width), nn.Linear(width, vocabulary)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input_ids, attention_mask=None, position_ids=None, **_):
        length = input_ids.shape[1]
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        places = torch.arange(length).expand_as(input_ids) if position_ids is None else position_ids
        x = self.dropout(self.token(input_ids) + self.place(places))
        seen = torch.ones(length, length).tril().bool() & mask[:, None, :].bool()
        weights = (self.query(x) @ x.mT).masked_fill(~seen, -1e9).softmax(2)
        x = x + torch.tanh(weights @ x)
        return SimpleNamespace(logits=3 * self.head(x), hidden_states=(x,))


def reader(seed=0, **settings):
    torch.manual_seed(seed)
    return Reader(**settings)


def low(prompts, completions, ids):
    """A reward of small tokens."""
    return torch.stack([(one < V // 2).double().mean() for one in ids])


PROMPTS = [[1], [2, 3, 4], [5, 6], [7, 8, 9, 10, 11]]


def trainer(model=None, reward=low, **settings):
    settings = {
        "sampling": Sampling(batch=8, length=6),
        "kl": KLPenalty(),
        "update": Update(lr=0.01, epochs=2),
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    } | settings
    return RLHF(model or reader(), reward, **settings)


# the closed form: pi_ref exp(r / beta) / Z


def bandit(form, kind="rloo", target=None, iterations=150, critic=0.1):
    """A policy over one token, trained; its KL by the end, and its regret against the closed form, both exact."""
    torch.manual_seed(1)
    ref, score = torch.randn(V), 0.3 * torch.randn(V)
    model, beta, count = Table(ref), 0.2, 512
    work = RLHF(
        model,
        lambda prompts, completions, ids: score[torch.cat(ids)],
        sampling=Sampling(batch=count, length=1, per_prompt=count, eos=()),
        kl=KLPenalty(form, beta, target),
        advantage=Advantage(kind),
        update=Update(epochs=2, minibatch=256),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.05),
    )
    logs, found = ref.log_softmax(0), []
    for at in range(iterations):
        work.optimizer.param_groups[0]["lr"] = 0.05 * (1 - at / iterations) + 1e-4
        work.step([[0]])
        new = model.table.detach().log_softmax(0)
        found.append(float((new.exp() * (new - logs)).sum()))
    value = lambda these: float((these.exp() * (score - beta * (these - logs))).sum())
    return found, value((logs + score / beta).log_softmax(0)) - value(new), work


@pytest.mark.parametrize("form", ["k1", "k2", "exact"])
def test_it_converges_to_the_closed_form(form):
    _, regret, _ = bandit(form)
    assert 0 <= regret < 1e-3


@pytest.mark.parametrize("form", ["k1", "exact"])
def test_it_holds_a_kl_target(form):
    found, _, work = bandit(form, target=0.3)
    assert sum(found[-50:]) / 50 == pytest.approx(0.3, rel=0.05)
    assert work.beta != 0.2


def test_grpo_keeps_the_closed_form_where_the_price_is_in_the_reward():
    assert bandit("k1", "grpo")[1] < 1e-3


def test_without_a_price_it_goes_elsewhere(monkeypatch):
    monkeypatch.setattr(loop, "kl", lambda new, ref, form: torch.zeros_like(new))
    assert bandit("k1")[1] > 0.1
