"""Steps of environments under a policy, kept for one update."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from leonui.ppo.moments import Observations, Returns
from leonui.ppo.policy import Actor
from leonui.ppo.worlds import check, finals, mode

Array = np.ndarray


@dataclass
class Rollout:
    """What was seen, done and given; arrays (time, environment, ...).

    observations has one row more: those after the last step. ``acted``: the log-probabilities that the actions
    were drawn with. ``real`` is False where an environment only began anew and the action counted nothing. ``finals``:
    by (time, environment), the scaled observation that was reached, where it is not in the next row.
    """

    observations: Array
    actions: Array
    acted: Array
    rewards: Array
    terminated: Array
    truncated: Array
    real: Array
    finals: dict[tuple[int, int], Array]
    episodes: list[tuple[float, int]] = field(default_factory=list)


class Stage:
    """Environments under way: where each stands, and what its episode has given by now."""

    def __init__(self, envs: VectorEnv, observed: Observations, returns: Returns):
        self.envs, self.observed, self.returns = envs, observed, returns
        self._next_step = mode(envs) is AutoresetMode.NEXT_STEP
        self.steps, self.begun = 0, False

    def begin(self, seed: int | None) -> None:
        """All environments begin anew."""
        given, _ = self.envs.reset(seed=seed)
        check("the observation", np.asarray(given), self.steps)
        self._now = self.observed(given)
        self._over = np.zeros(self.envs.num_envs, dtype=bool)
        self._return, self._length = np.zeros(self.envs.num_envs), np.zeros(self.envs.num_envs, dtype=int)
        self.returns.forget()
        self.begun = True

    def collect(self, actor: Actor, chance: np.random.Generator, length: int) -> Rollout:
        """Walk on for ``length`` steps. Raises FloatingPointError where what is given is not finite."""
        count = self.envs.num_envs
        acts, outs, finals_ = [], [], {}
        seen = np.empty((length + 1, *self._now.shape), np.float32)
        seen[0] = self._now
        rewards, real = np.zeros((length, count), np.float32), np.ones((length, count), bool)
        ended, cut = np.zeros((length, count), bool), np.zeros((length, count), bool)
        episodes: list[tuple[float, int]] = []
        for t in range(length):
            action, out = actor.draw(self._now, chance, t)
            given, reward, terminated, truncated, info = self.envs.step(actor.fitted(action))
            self.steps += count
            given, reward = np.asarray(given), np.asarray(reward, dtype=np.float64)
            check("the observation", given, self.steps)
            check("the reward", reward, self.steps)
            done = terminated | truncated
            if self._next_step:
                real[t] = ~self._over
            self._count(reward, done, real[t], episodes)
            for i, final in ({} if self._next_step else finals(info, done)).items():
                finals_[t, i] = self.observed.scale(final.astype(np.float32).reshape(1, -1))[0]
            rewards[t], ended[t], cut[t] = self.returns(reward, done), terminated, truncated
            self._over = done
            seen[t + 1] = self.observed(given)
            self._now = seen[t + 1]
            acts.append(action)
            outs.append(out)
        actions = np.stack(acts)
        acted = actor.judged(np.stack(outs), actions)
        return Rollout(seen, actions, acted, rewards, ended, cut, real, finals_, episodes)

    def _count(self, reward: Array, done: Array, real: Array, episodes: list[tuple[float, int]]) -> None:
        self._return += reward * real
        self._length += real
        over = done & real
        if over.any():
            episodes += zip(self._return[over].tolist(), self._length[over].tolist(), strict=True)
            self._return[over], self._length[over] = 0.0, 0
