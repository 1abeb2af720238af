"""Faults of PPO, each injected into a trainer that is sound, and the code that the doctor must give."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn

from leonui import ppo
from leonui.doctor.live import LiveWatch
from leonui.ppo import PPO, Settings, train
from leonui.ppo.rollout import Rollout
from leonui.record import Record

SOUND = Settings.of(envs=8, length=128, minibatch=256, lr=1e-3, schedule="constant")


class Stale(PPO):
    """Old log-probabilities of the policy before the last update."""

    def _batch(self, rollout: Rollout) -> dict[str, Tensor]:
        seen, before = super()._batch(rollout), getattr(self, "before", self.policy)
        with torch.no_grad():
            seen["old"], _ = before.score(seen["observations"], seen["actions"])
        self.before = copy.deepcopy(self.policy)
        return seen


class Dropout(PPO):
    """A dropout that is on while learning, and off while acting."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        first, *rest = self.policy.net
        self.policy.net = nn.Sequential(first, rest[0], nn.Dropout(0.1), *rest[1:]).train()


class Shifted(PPO):
    """Each action stands beside the observation after its own."""

    def _collect(self) -> Rollout:
        rollout = super()._collect()
        return replace(rollout, actions=np.roll(rollout.actions, 1, axis=0))


class Negative(PPO):
    """The sign of the advantage is turned round."""

    def _batch(self, rollout: Rollout) -> dict[str, Tensor]:
        seen = super()._batch(rollout)
        return seen | {"advantage": -seen["advantage"]}


class Resets(PPO):
    """Steps that only begin an episode are kept."""

    def _collect(self) -> Rollout:
        rollout = super()._collect()
        rollout.real[:] = True
        return rollout


class Frozen(PPO):
    """The critic is never trained."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.critic.requires_grad_(False)


def endless(rewards: Tensor, values: Tensor, after: Tensor, ended: Tensor, over: Tensor, *rest: Any) -> Any:
    """Advantages that take no notice of the end of an episode."""
    return ppo.gae(rewards, values, after, torch.zeros_like(ended), torch.zeros_like(over), *rest)


@dataclass(frozen=True)
class Injection:
    """One fault: the trainer's class, its settings, functions of the trainer that are replaced, the code expected."""

    code: str
    kind: type[PPO] = PPO
    settings: Settings = SOUND
    patched: dict[str, Callable[..., Any]] = field(default_factory=dict)


INJECTIONS = {
    "lr x100": Injection("PPO-KL", settings=SOUND.but({"lr": 100 * SOUND.learn.lr})),
    "stale log-probabilities": Injection("PPO-RATIO", Stale),
    "dropout while learning": Injection("PPO-RATIO", Dropout),
    "actions off by one": Injection("PPO-RATIO", Shifted),
    "advantage negated": Injection("PPO-SIGN", Negative),
    "advantage not normalised": Injection("PPO-ADVANTAGE", patched={"normalize": lambda advantage: advantage}),
    "GAE ignores the end": Injection("PPO-END", patched={"gae": endless}),
    "resets kept": Injection("PPO-RESET", Resets),
    "critic frozen": Injection("PPO-VALUE", Frozen),
}


@contextmanager
def injected(fault: Injection, environment: str, seed: int) -> Iterator[PPO]:
    """A trainer with a fault."""
    with mock.patch.multiple(train, **fault.patched) if fault.patched else mock.patch.object(train, "BEYOND", 1.5):
        trainer = fault.kind(environment, fault.settings, seed=seed)
        yield trainer
        trainer.envs.close()


def record(trainer: PPO, steps: int) -> Record:
    """What a training leaves for the doctor."""
    return Record([*trainer.rows(steps)], [trainer.about()])


def shared(seed: int, scale: float, steps: int) -> Record:
    """A plain loop of one's own on CartPole whose policy and critic share a trunk; rewards are multiplied."""
    torch.manual_seed(seed)
    envs, length = gymnasium.make_vec("CartPole-v1", 8), 128
    trunk = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
    actor, critic = nn.Linear(64, 2), nn.Linear(64, 1)
    every = [*trunk.parameters(), *actor.parameters(), *critic.parameters()]
    optimizer = torch.optim.Adam(every, 1e-3)
    given, _ = envs.reset(seed=seed)
    over, watch = np.zeros(8, bool), LiveWatch(tell=False)
    for update in range(steps // (8 * length)):
        seen, acts, rewards, ended, cut, real = [], [], [], [], [], []
        for _ in range(length):
            with torch.no_grad():
                action = torch.distributions.Categorical(logits=actor(trunk(torch.from_numpy(given)))).sample()
            real.append(~over)
            before = given
            given, reward, terminated, truncated, _ = envs.step(action.numpy())
            over = terminated | truncated
            columns = (seen, acts, rewards, ended, cut)
            for rows, new in zip(columns, (before, action.numpy(), reward, terminated, over), strict=True):
                rows.append(new)
        seen.append(given)
        columns = (torch.from_numpy(np.stack(rows)) for rows in (seen, acts, rewards, ended, cut, real))
        observed, actions, earned, ends, done, mask = columns
        earned = scale * earned.float()
        with torch.no_grad():
            values = critic(trunk(observed)).squeeze(-1)
            old = actor(trunk(observed[:-1])).log_softmax(-1).gather(-1, actions[..., None]).squeeze(-1)
        sides = (x.T for x in (earned, values[:-1], values[1:], ends, done))
        advantage, returns = (x.T for x in ppo.gae(*sides, 0.99, 0.95, mask.T))
        stats, told = [], {}
        for _ in range(16):
            hidden = trunk(observed[:-1])
            choice = actor(hidden).log_softmax(-1)
            log_prob, scaled = choice.gather(-1, actions[..., None]).squeeze(-1), ppo.normalize(advantage, mask)
            loss, stat = ppo.clipped_objective(old, log_prob, scaled, mask=mask)
            value = critic(hidden).squeeze(-1)
            error = 0.5 * ppo.value_loss(value, returns, mask=mask)
            if not stats:
                told = ppo.figures(log_prob, old, scaled, values[:-1], returns, earned, ends, mask)
                weights = [*trunk.parameters()]
                for name, part in (("shared_policy", loss), ("shared_value", error)):
                    gradients = torch.autograd.grad(part, weights, retain_graph=True)
                    told[name] = torch.stack([g.norm() for g in gradients]).norm()
            stats.append(stat)
            optimizer.zero_grad()
            entropy = -(choice.exp() * choice).sum(-1)[mask].mean()
            (loss + error - 0.01 * entropy).backward()
            nn.utils.clip_grad_norm_(every, 0.5)
            optimizer.step()
        watch.policy((update + 1) * 8 * length, stats, **told, entropy=entropy)
    watch.stop()
    envs.close()
    return watch.updates
