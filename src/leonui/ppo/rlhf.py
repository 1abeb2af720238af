"""RLHF: a causal language model learns to please a reward, and stays near to what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from leonui.optim import AdamW
from leonui.ppo.advantage import gae, group_advantage, normalize
from leonui.ppo.completion import Completions, complete, pad_left
from leonui.ppo.credit import duplicated, token_rewards
from leonui.ppo.divergence import KLTarget, exact_kl, kl
from leonui.ppo.judging import Reward, judged
from leonui.ppo.logprobs import LanguagePolicy, Scored, entropy, logprobs
from leonui.ppo.objective import Stats, clipped_objective, mean, value_loss
from leonui.ppo.ranks import Means, parallel, rank, summed, world
from leonui.ppo.reference import Reference
from leonui.ppo.rlhf_settings import Advantage, KLPenalty, Sampling, Update, check_together
from leonui.record import Record, Row

OTHER_SEED = 1_000_003


class Sample(NamedTuple):
    """A completion, a text where there is a tokenizer, and what the reward function says of it."""

    completion: Any
    reward: float


class Batch(NamedTuple):
    """Completions with all that an update needs of them, a row each."""

    tokens: Tensor
    mask: Tensor
    real: Tensor
    old: Tensor
    ref: Tensor
    value: Tensor
    advantage: Tensor
    returns: Tensor

    def at(self, rows: Tensor) -> Batch:
        """Some of its rows."""
        return Batch(*(field[rows] for field in self))


class RLHF:
    """PPO on a causal language model with the interface of transformers, and GRPO and RLOO through the same loss.

    ``model`` is any module that is called with ``input_ids``, ``attention_mask``, ``position_ids``, ``use_cache`` and
    gives ``logits`` (with ``past_key_values`` it is sampled faster; with ``hidden_states`` and ``config.hidden_size``
    it can carry a critic). ``reward(prompts, completions, token_ids)`` gives one number a completion: prompts and
    completions are texts where a ``tokenizer`` (``encode``, ``decode``) was given, token ids otherwise; token_ids are
    one tensor a completion, without padding. ``optimizer`` makes one of a list of parameters; default: AdamW.

    The model is put in evaluation mode and stays there: with dropout on, no two log-probabilities agree. What each
    iteration measured is a row of ``record``. Under torchrun, once ``torch.distributed`` is initialised, every process
    samples its own completions, gradients are averaged by DistributedDataParallel and rows are those of the group.

    Source: Ziegler et al. 2019 (arXiv 1909.08593); Huang et al. 2024 (arXiv 2403.17031). Departures: the price of the
    KL moves by dual ascent on its logarithm; completions are cut at ``length`` and then count as complete.
    """

    def __init__(
        self,
        model: nn.Module,
        reward: Reward,
        tokenizer: Any = None,
        *,
        reference: nn.Module | None = None,
        sampling: Sampling | None = None,
        penalty: KLPenalty | None = None,
        advantage: Advantage | None = None,
        update: Update | None = None,
        optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer] | None = None,
    ):
        self.reward, self.tokenizer = reward, tokenizer
        self.sampling, self.penalty = sampling or Sampling(), penalty or KLPenalty()
        self.advantage, self.update = advantage or Advantage(), update or Update()
        check_together(self.penalty, self.advantage, self.sampling)
        self.model = model.eval()
        self.policy = LanguagePolicy(model, critic=self.advantage.kind == "gae")
        self._trained = parallel(self.policy)
        self.reference = Reference(model, reference)  # after that, which gives every process the weights of the first
        self._parameters = [p for p in self.policy.parameters() if p.requires_grad]
        self.optimizer = (optimizer or self._adamw)(self._parameters)
        self.device = self._parameters[0].device
        self.eos = torch.tensor(self._eos(), dtype=torch.long, device=self.device)
        self.price = KLTarget(self.penalty.target, self.penalty.beta) if self.penalty.target else None
        self.generator = self._seeded(self.sampling.seed)
        self.steps, self.record = 0, Record(events=[self._settings()])

    def _adamw(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return AdamW(parameters, lr=self.update.lr, eps=1e-5, weight_decay=0.0)

    def _eos(self) -> list[int]:
        told = self.sampling.eos
        for owner in (self.tokenizer, getattr(self.model, "config", None)):
            told = getattr(owner, "eos_token_id", None) if told is None else told
        return [] if told is None else [told] if isinstance(told, int) else list(told)

    def _seeded(self, seed: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed + OTHER_SEED * rank())

    def _settings(self) -> Row:
        """What those who read the rows must know."""
        dtype = str(self._parameters[0].dtype).removeprefix("torch.")
        groups = {
            "sampling": self.sampling,
            "penalty": self.penalty,
            "advantage": self.advantage,
            "update": self.update,
        }
        told = {name: asdict(group) for name, group in groups.items()}
        return {"event": "rlhf", "dtype": dtype, "target": self.penalty.target, "eos": self.eos.tolist(), **told}

    @property
    def beta(self) -> float:
        """The price of the KL now, in reward per nat."""
        return self.price.beta if self.price else self.penalty.beta

    def train(self, prompts: Sequence[Any], steps: int) -> Iterator[Row]:
        """Iterations on prompts drawn at random, each giving its row; texts where there is a tokenizer, else token ids.

        Stop asking for rows, and it stops training. Raises ValueError for prompts that are empty or too long, at once.
        """
        self._read(prompts)
        return self._iterations(prompts, steps)

    def _iterations(self, prompts: Sequence[Any], steps: int) -> Iterator[Row]:
        for _ in range(steps):
            count = self.sampling.batch // self.sampling.per_prompt
            drawn = torch.randint(len(prompts), (count,), generator=self.generator, device=self.device)
            yield self.step([prompts[at] for at in drawn.tolist()])

    def step(self, prompts: Sequence[Any]) -> Row:
        """One iteration: complete each prompt ``per_prompt`` times, ask the reward, update. Gives what was measured.

        Raises ValueError for prompts that are empty or too long, and for an answer of the reward that cannot be used;
        then, and where the reward itself raises, nothing was updated.
        """
        means = Means()
        repeated = [prompt for prompt in prompts for _ in range(self.sampling.per_prompt)]
        made = self._complete(repeated, self.generator)
        score = self._judge(repeated, made, means)
        self._improve(self._credited(made, score, means), means)
        self.steps += 1
        return self._noted(means)

    def sample(self, prompts: Sequence[Any], seed: int = 0) -> list[Sample]:
        """What the policy says now to each prompt, and its reward; training goes on as if nobody had asked."""
        made = self._complete(prompts, torch.Generator(self.device).manual_seed(seed))
        said = self._said(made)
        return list(map(Sample, said, judged(self.reward, prompts, said, made.ids()).tolist()))

    # completing and judging

    def _read(self, prompts: Sequence[Any]) -> list[Any]:
        """The token ids of each prompt. Raises ValueError for one that is empty, or leaves no room to complete it."""
        ids = [self.tokenizer.encode(one) if self.tokenizer and isinstance(one, str) else one for one in prompts]
        context = getattr(getattr(self.model, "config", None), "max_position_embeddings", None)
        for at, one in enumerate(ids):
            if not len(one):
                raise ValueError(f"prompt {at} is empty; begin it with one token at least")
            if context and len(one) + self.sampling.length > context:
                raise ValueError(
                    f"prompt {at} has {len(one)} tokens; with {self.sampling.length} more that is beyond the model's "
                    f"context of {context}: shorten the prompt or Sampling(length=...)"
                )
        return ids

    def _complete(self, prompts: Sequence[Any], generator: torch.Generator) -> Completions:
        tokens, mask = pad_left(self._read(prompts), self.device)
        return complete(self.model, tokens, mask, self.sampling.length, self.sampling.temperature, self.eos, generator)

    def _said(self, made: Completions) -> list[Any]:
        ids = [row.tolist() for row in made.ids()]
        if not self.tokenizer:
            return ids
        return [self.tokenizer.decode(row[: len(row) - end]) for row, end in zip(ids, made.ended.tolist(), strict=True)]

    def _judge(self, prompts: list[Any], made: Completions, means: Means) -> Tensor:
        ids = made.ids()
        reward = judged(self.reward, prompts, self._said(made), ids).to(self.device)
        score = reward - self.sampling.missing_eos * ~made.ended
        for name, values in (
            ("reward", reward),
            ("reward_square", reward.square()),
            ("length", made.real.sum(1).float()),
            ("no_eos", (~made.ended).float()),
            ("duplicates", duplicated(ids)),
        ):
            means.add(name, values)
        return score

    # crediting

    @torch.no_grad()
    def _credited(self, made: Completions, score: Tensor, means: Means) -> Batch:
        """The batch of an update: scored by the policy that made it and by the reference, advantages and all."""
        real = made.real
        old, value, spread = self._scan(self.policy, made, _heard)
        with self.reference.opened() as model:
            (ref,) = self._scan(lambda *given: logprobs(model, *given), made, lambda one: (one.log_prob,))
        for form, name in (("k1", "kl"), ("k3", "kl_k3")):
            means.add(name, (kl(old, ref, form) * real).sum(1))
        means.add("entropy", spread, real)
        means.add("sampling_ratio", (old - made.log_prob).exp().sub(1).abs(), real)
        price = self.beta * kl(old, ref, "k1") if self.penalty.form == "k1" else torch.zeros_like(old)
        rewards = token_rewards(score, price, real)
        advantage, returns = (
            self._by_critic(rewards, value, real) if self.policy.head else self._by_group(rewards, real)
        )
        return Batch(made.tokens, made.mask, real, old, ref, value, advantage, returns)

    def _scan(self, score: Callable[..., Scored], made: Completions, keep: Callable[[Scored], Any]) -> list[Tensor]:
        """What is to be kept of the scores, each [n, T], a micro-batch at a time."""
        size, parts = self.update.micro_batch or len(made.tokens), []
        for tokens, mask in zip(made.tokens.split(size), made.mask.split(size), strict=True):
            parts.append(keep(score(tokens, mask, made.length, self.sampling.temperature)))
        return [torch.cat(field) for field in zip(*parts, strict=True)]

    def _by_critic(self, rewards: Tensor, value: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        following = torch.cat([value[:, 1:], torch.zeros_like(value[:, :1])], 1)
        last = real & ~torch.cat([real[:, 1:], torch.zeros_like(real[:, :1])], 1)
        gamma, lam = self.advantage.gamma, self.advantage.lam
        advantage, returns = gae(rewards, value, following, last, last, gamma, lam, real)
        # Divided by its spread, it would rescale a price that stands in the loss.
        shown = normalize(advantage, real) if self.penalty.form == "k1" else advantage
        return shown, returns

    def _by_group(self, rewards: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        group = torch.arange(len(rewards), device=self.device) // self.sampling.per_prompt
        advantage = group_advantage(rewards.sum(1), group, self.advantage.kind)
        return advantage[:, None] * real, torch.zeros_like(rewards)

    # improving

    def _improve(self, batch: Batch, means: Means) -> None:
        count = len(batch.tokens)
        size = self.update.minibatch or count
        for epoch in range(self.update.epochs):
            order = torch.randperm(count, generator=self.generator, device=self.device)
            for at, rows in enumerate(order.split(size)):
                self._descend(batch, rows, means, first=not epoch and not at)

    def _descend(self, batch: Batch, rows: Tensor, means: Means, first: bool) -> None:
        """One optimizer step; micro-batches of ``rows`` go through the model, weighed by their shares of the tokens."""
        total = summed(batch.real[rows].sum()) / world()
        chunks = rows.split(self.update.micro_batch or len(rows))
        ddp = self._trained
        for chunk in chunks:
            part = batch.at(chunk)
            later = chunk is not chunks[-1]
            with ddp.no_sync() if later and isinstance(ddp, DistributedDataParallel) else nullcontext():
                (self._loss(part, means, first) * part.real.sum() / total).backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, self.update.clip_norm)
        means.add("grad_norm", norm)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _loss(self, part: Batch, means: Means, first: bool) -> Tensor:
        """The mean over real tokens of what is descended."""
        length = part.real.shape[1]
        new = self._trained(part.tokens, part.mask, length, self.sampling.temperature)
        loss, stats = clipped_objective(
            part.old,
            new.log_prob,
            part.advantage,
            epsilon=self.update.epsilon,
            dual_clip=self.update.dual_clip,
            kind=self.update.kind,
            mask=part.real,
        )
        if first:
            means.add("first_ratio", (new.log_prob - part.old).exp().sub(1).abs(), part.real)
        self._watch(stats, new, part, means)
        if new.value is not None:
            clip = self.advantage.critic_clip
            error = value_loss(new.value, part.returns, part.value, clip, part.real)
            loss = loss + self.advantage.critic * error
        return loss + self.beta * self._divergence(new, part) if self.penalty.form != "k1" else loss

    def _watch(self, stats: Stats, new: Scored, part: Batch, means: Means) -> None:
        means.add("step_kl", stats.kl)
        means.add("clip_fraction", stats.clip_low + stats.clip_high)
        means.add("ess", stats.ess)
        means.peak("ratio_max", stats.ratio_max)
        if new.value is not None:
            means.add("value_error", (new.value - part.returns).square(), part.real)

    def _divergence(self, new: Scored, part: Batch) -> Tensor:
        if self.penalty.form == "k2":
            each = kl(new.log_prob, part.ref, "k2")
        else:
            length = part.real.shape[1]
            with self.reference.opened() as model:
                ref = logprobs(model, part.tokens, part.mask, length, self.sampling.temperature)
            each = exact_kl(new.logits, ref.logits)
        return mean(each, part.real)

    # telling and saving

    def _noted(self, means: Means) -> Row:
        """The row of this iteration; then the price moves."""
        row: Row = {"step": self.steps, "beta": self.beta, **means.numbers()}
        row["reward_std"] = max(row.pop("reward_square") - row["reward"] ** 2, 0.0) ** 0.5
        if self.price:
            self.price.update(row["kl"])
        self.record.add(row)
        return row

    def state_dict(self) -> dict[str, Any]:
        """All that a continuation needs, bit for bit; under torchrun each process saves its own."""
        copy = self.reference.copy
        return {
            "policy": self.policy.state_dict(),
            "reference": copy.state_dict() if copy is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "price": self.price.state_dict() if self.price else None,
            "generator": self.generator.get_state(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where ``state_dict`` was taken, in an RLHF with the same settings."""
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.steps = state["steps"]
        if self.reference.copy is not None:
            self.reference.copy.load_state_dict(state["reference"])
        if self.price:
            self.price.load_state_dict(state["price"])


def _heard(one: Scored) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities, values (0 without a critic) and entropies."""
    value = torch.zeros_like(one.log_prob) if one.value is None else one.value
    return one.log_prob, value, entropy(one.logits)
