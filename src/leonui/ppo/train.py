"""PPO on environments: collect, compare with what was expected, update; again and again."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor

from leonui import optim
from leonui.engine import Engine
from leonui.ppo.advantage import gae, normalize
from leonui.ppo.checkpoint import load, save
from leonui.ppo.divergence import kl
from leonui.ppo.moments import Observations, Returns
from leonui.ppo.objective import gains, value_loss
from leonui.ppo.policy import Actor, Policy, critic
from leonui.ppo.rollout import Rollout, Stage
from leonui.ppo.settings import Settings, preset
from leonui.ppo.tally import Part, Tally
from leonui.ppo.worlds import inputs, make
from leonui.record import Row
from leonui.schedule import parse

RECENT = 100  # episodes over which the return is told
EVERY = 10_000  # steps of each environment between checkpoints: after one, all begin anew, as in a run that resumes
BEYOND = 1.5  # times the target that a KL may be
LEARNED = ("observations", "actions", "old", "advantage", "value", "returns")
EPS = 1e-5  # of Adam, as in OpenAI's baselines


class PPO:
    """Trains a policy on environments by proximal policy optimisation.

    envs: a Gymnasium vector environment, or the name of one; settings: by default those published for it; seed: of
    weights, actions and environments; folder: where checkpoints go, none by default. ``train`` goes on until so many
    steps have been made in all, and ``rows`` yields what each update measured. Raises ValueError for an environment
    that is not known or whose spaces are not supported.

    Source: Schulman et al. 2017; details of Huang et al. 2022 ("The 37 implementation details"). Departures: old
    log-probabilities and values are computed once after a rollout, on the path that training takes, so that the ratio
    is exactly 1 before the first step; actor and critic are clipped apart; steps that only begin an episode anew are
    left out, and a time limit is no end of the return.

        trainer = PPO("CartPole-v1", seed=1)
        for row in trainer.rows(100_000):
            print(row["step"], row["return"])
    """

    def __init__(
        self,
        envs: VectorEnv | str,
        settings: Settings | None = None,
        *,
        seed: int = 0,
        folder: str | Path | None = None,
    ):
        self.name = envs if isinstance(envs, str) else getattr(envs.spec, "id", type(envs).__name__)
        self.settings = s = settings or preset(self.name)
        self.envs = make(envs, s.collect.envs) if isinstance(envs, str) else envs
        self.seed, self.folder = seed, Path(folder) if folder else None
        size, space = inputs(self.envs.single_observation_space), self.envs.single_action_space
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy, self.critic = Policy(size, space, s.network), critic(size, s.network)
        self._weights: list[list[Tensor]] = [[*net.parameters()] for net in (self.policy, self.critic)]
        self.optimizers = [optimizer(s.learn.optimizer, its, s.learn.lr, s.bound.max_norm) for its in self._weights]
        self.actor = Actor(self.policy, space)
        self.observed = Observations(size, s.collect.normalize)
        self.stage = Stage(self.envs, self.observed, Returns(self.envs.num_envs, s.collect.gamma, s.collect.normalize))
        self._schedule, self._clips = parse(s.learn.schedule), parse(s.bound.clip_schedule)
        self._chance, self._order = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self.updates = 0
        self._episodes: deque[float] = deque(maxlen=RECENT)

    @property
    def steps(self) -> int:
        """Steps of environments so far."""
        return self.stage.steps

    def rows(self, total: int) -> Iterator[Row]:
        """Train until ``total`` steps have been made; yields a row of numbers after each update."""
        batch = self.settings.collect.length * self.envs.num_envs
        between = -(-EVERY // self.settings.collect.length)
        began, before = time.perf_counter(), self.steps
        while self.steps + batch <= total or not self.updates:
            if self.updates % between == 0 or not self.stage.begun:
                self.checkpoint()
                self.stage.begin(self.seed * 1_000_003 + self.updates)
            share = self.steps / total, (self.steps + batch) / total
            row = self._update(self._collect(), share)
            row["speed"] = (self.steps - before) / (time.perf_counter() - began)
            yield row
        self.checkpoint()

    def train(self, total: int, tell: Callable[[Row], None] = lambda row: None) -> Row:
        """Train until ``total`` steps have been made, and return what the last update measured."""
        row: Row = {}
        for row in self.rows(total):
            tell(row)
        return row

    def about(self) -> Row:
        """The event that says what kind of run a Record is of."""
        s, parts = self.settings, self.policy.parts
        batch = s.collect.envs * s.collect.length
        return {
            "event": "ppo",
            "environment": self.name,
            "uniform": None if self.policy.kind == "box" else sum(map(math.log, parts)),
            "dtype": "float32",
            "target_kl": s.bound.target_kl,
            "epochs": s.learn.epochs,
            "minibatches": -(-batch // s.learn.minibatch),
            "bootstrap": True,
        }

    def evaluate(self, episodes: int = 20, envs: VectorEnv | None = None) -> list[float]:
        """The returns of so many episodes, side by side, of the most probable actions; no moments are learned."""
        envs = envs or make(self.name, episodes)
        given, _ = envs.reset(seed=self.seed + 1)
        returns, over = np.zeros(envs.num_envs), np.zeros(envs.num_envs, dtype=bool)
        while not over.all():
            given, reward, terminated, truncated, _ = envs.step(self.act(given))
            returns += np.asarray(reward) * ~over
            over |= terminated | truncated
        return returns.tolist()

    def act(self, observations: np.ndarray) -> np.ndarray:
        """The most probable actions (n, ...) at observations (n, ...), as environments give and take them.

        They are those of the averaged weights, where the optimizer walks with two (Schedule-Free).
        """
        rows = np.asarray(observations, dtype=np.float32).reshape(len(observations), -1)
        with self.optimizers[0].averaged():
            return self.actor.fitted(self.actor.draw(self.observed.scale(rows), None)[0])

    # one update

    def _collect(self) -> Rollout:
        return self.stage.collect(self.actor, self._chance, self.settings.collect.length)

    def _update(self, rollout: Rollout, share: tuple[float, float]) -> Row:
        """Learn from a rollout, which goes from one ``share`` of the training to another."""
        s, seen = self.settings, self._batch(rollout)
        lr = s.learn.lr * self._schedule.along(*share)
        clip = s.bound.clip * self._clips.along(*share)
        for one in self.optimizers:
            for group in one.param_groups:
                group["lr"] = lr
        tally = Tally(seen, rollout, clip)
        for part in self._parts(seen):
            if not self._learn(part, clip, tally):
                break
        self.updates += 1
        self._episodes.extend(value for value, _ in rollout.episodes)
        return self._row(rollout, tally, lr)

    def _parts(self, seen: Part) -> Iterator[Part]:
        """The samples of each step, in each epoch in another order; one alone has no advantage over others."""
        for _ in range(self.settings.learn.epochs):
            order = torch.randperm(len(seen["old"]), generator=self._order)
            columns = [seen[name][order].split(self.settings.learn.minibatch) for name in LEARNED]
            for part in zip(*columns, strict=True):
                if len(part[0]) > 1:
                    yield dict(zip(LEARNED, part, strict=True))

    def _learn(self, part: Part, clip: float, tally: Tally) -> bool:
        """One step on some samples; False, and no step, where the policy has moved too far."""
        s = self.settings
        log_prob, entropies = self.policy.score(part["observations"], part["actions"])
        advantage, entropy = normalize(part["advantage"]), entropies.mean()
        tally.see(part, log_prob, advantage, entropy)
        if s.bound.target_kl is not None and kl(part["old"], log_prob).mean().item() > BEYOND * s.bound.target_kl:
            tally.stopped = True
            return False
        value = self.critic(part["observations"]).squeeze(1)
        error = value_loss(value, part["returns"], part["value"], s.bound.value_clip)
        loss = -gains(log_prob - part["old"], advantage, clip).mean()
        self._descend(loss - s.learn.entropy * entropy + s.learn.value * error)
        tally.step((loss, error), (value, part["value"]), *self.optimizers)
        return True

    def _descend(self, loss: Tensor) -> None:
        """A step of actor and critic, each clipped apart."""
        for weight in chain(*self._weights):
            weight.grad = None
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()

    @torch.no_grad()
    def _batch(self, rollout: Rollout) -> Part:
        """The samples that count, with what each update compares them to; on the path that training takes."""
        s, seen = self.settings, torch.from_numpy(rollout.observations)
        value = self.critic(seen).squeeze(-1)
        following = value[1:].clone()
        if rollout.finals:
            at = tuple(zip(*rollout.finals, strict=True))
            following[at] = self.critic(torch.from_numpy(np.stack([*rollout.finals.values()]))).squeeze(-1)
        real, rewards = torch.from_numpy(rollout.real), torch.from_numpy(rollout.rewards)
        ended = torch.from_numpy(rollout.terminated)
        over = ended | torch.from_numpy(rollout.truncated)
        advantage, returns = gae(
            rewards.T, value[:-1].T, following.T, ended.T, over.T, s.collect.gamma, s.collect.lam, real.T
        )
        actions = torch.from_numpy(rollout.actions)
        kept = {"observations": seen[:-1][real], "actions": actions[real], "value": value[:-1][real]}
        kept |= {"advantage": advantage.T[real], "returns": returns.T[real]}
        kept |= {"ended": ended[real], "rewards": rewards[real]}
        kept["old"], _ = self.policy.score(kept["observations"], kept["actions"])
        kept["acted"] = torch.from_numpy(rollout.acted)[real]
        return kept

    def _row(self, rollout: Rollout, tally: Tally, lr: float) -> Row:
        known, told = self._episodes, tally.summary()
        gaussian = self.policy.log_std is not None
        return {
            "step": self.steps,
            "update": self.updates,
            "return": sum(known) / len(known) if known else None,
            "episodes": len(rollout.episodes),
            "lr": [lr],
            **told,
            **({"std": self.policy.deviation(told["entropy"])} if gaussian else {}),
            **({"observations_cut": self.observed.cut / max(self.observed.seen, 1)} if self.observed.moments else {}),
        }

    # the state

    def state_dict(self) -> dict[str, Any]:
        """What a run needs to go on as if it had never stopped, from an update where its environments begin anew."""
        returns = self.stage.returns.moments
        return {
            "name": self.name,
            "settings": self.settings.flat(),
            "seed": self.seed,
            "steps": self.steps,
            "updates": self.updates,
            "policy": self.policy.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "observations": self.observed.moments.state() if self.observed.moments else None,
            "returns": returns.state() if returns else None,
            "chance": self._chance.bit_generator.state,
            "order": self._order.get_state(),
            "episodes": [*self._episodes],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state_dict``."""
        self.policy.load_state_dict(state["policy"])
        self.critic.load_state_dict(state["critic"])
        for optimizer, its in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(its)
        if self.observed.moments:
            self.observed.moments.load(state["observations"])
        if self.stage.returns.moments:
            self.stage.returns.moments.load(state["returns"])
        self._chance.bit_generator.state = state["chance"]
        self._order.set_state(state["order"])
        self.updates, self.stage.steps = state["updates"], state["steps"]
        self._episodes = deque(state["episodes"], maxlen=RECENT)

    @classmethod
    def resume(cls, path: str | Path, envs: VectorEnv | None = None) -> PPO:
        """A trainer from a checkpoint, or the newest of a folder. Raises ValueError where that is not whole."""
        state = load(Path(path))
        folder = Path(path) if Path(path).is_dir() else Path(path).parent
        trainer = cls(envs or state["name"], Settings.of(**state["settings"]), seed=state["seed"], folder=folder)
        trainer.load_state_dict(state)
        return trainer

    def sound(self) -> bool:
        """Whether all weights are finite."""
        return all(bool(weight.isfinite().all()) for net in (self.policy, self.critic) for weight in net.parameters())

    def checkpoint(self) -> None:
        """Keep the state, where there is a folder and anything to keep."""
        if self.folder and self.updates:
            save(self.folder, self.state_dict())


def optimizer(name: str, weights: list[Tensor], lr: float, max_norm: float) -> Engine:
    """One of leonui.optim for a network; Adam's epsilon is the baselines'. Raises ValueError for an unknown name."""
    made = getattr(optim, name, None)
    if not (isinstance(made, type) and issubclass(made, Engine)):
        raise ValueError(f"optimizer={name!r} is none of leonui.optim; leonui optimizers lists them")
    settings: dict[str, Any] = {"lr": lr, "clip_norm": max_norm} | ({"eps": EPS} if name in ("Adam", "AdamW") else {})
    return made(weights, **settings)
