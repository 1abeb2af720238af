"""Actor and critic: what the networks give, how probable an action is under it, how one is drawn."""

from __future__ import annotations

import math
from functools import reduce
from itertools import pairwise

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from leonui.ppo.settings import Network

Array = np.ndarray
TINY = np.finfo(np.float32).tiny  # one draw in some ten millions is 0, and has no logarithm
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
LEAST = 1e-6  # variance of an action where no feature is at work


def network(sizes: tuple[int, ...], activation: str, last: float) -> nn.Sequential:
    """A chain of layers with orthogonal weights: gain sqrt(2), and ``last`` for the last one (Huang et al. 2022)."""
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        linear = nn.Linear(inputs, outputs)
        nn.init.orthogonal_(linear.weight, math.sqrt(2) if i < len(sizes) - 2 else last)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh() if activation == "tanh" else nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Policy(nn.Module):
    """The actor for a space of actions: Discrete, MultiDiscrete or Box (a Gaussian, cut at the bounds when it acts).

    With ``settings.sde`` the Gaussian's noise is a linear function of the last hidden layer, whose weights are drawn
    (Raffin et al. 2021, "Smooth Exploration for Robotic Reinforcement Learning"): at features h an action has the
    variance h^2 @ sigma^2, sigma (features, actions) being learned and h not. Raises ValueError for another space.
    """

    def __init__(self, inputs: int, space: spaces.Space, settings: Network):
        super().__init__()
        self.kind, self.parts = _kind(space)
        self.sde = settings.sde
        if self.sde and self.kind != "box":
            raise ValueError(f"sde={self.sde} is noise for actions of a Box, and these are {space}; leave it out")
        count = sum(self.parts)
        self.net = network((inputs, *settings.hidden, count), settings.activation, 0.01)
        shape = ((inputs, *settings.hidden)[-1], count) if self.sde else (count,)
        self.log_std = nn.Parameter(torch.full(shape, settings.log_std)) if self.kind == "box" else None

    def forward(self, observations: Tensor) -> Tensor:
        """What is known at observations (n, inputs): logits or means, and with sde log-deviations after them."""
        if not self.sde or self.log_std is None:
            return self.net(observations)
        features = self.net[:-1](observations)
        variance = features.detach().square() @ (2 * self.log_std).exp() + LEAST
        return torch.cat((self.net[-1](features), 0.5 * variance.log()), -1)

    def score(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """The log-probability of actions (n, ...) at observations (n, inputs), and the entropy there; (n,) each."""
        return self.judge(self(observations), actions)

    def judge(self, out: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """The same, from what the policy gave, (n, outputs)."""
        if self.log_std is not None:
            mean, log_std = out.chunk(2, -1) if self.sde else (out, self.log_std)
            apart = (actions - mean) * (-log_std).exp()
            log_prob = (-0.5 * apart.square() - log_std - HALF_LOG_2PI).sum(-1)
            return log_prob, (log_std + 0.5 + HALF_LOG_2PI).sum(-1).expand_as(log_prob)
        heads = [logits.log_softmax(-1) for logits in (out.split(self.parts, -1) if self.kind == "multi" else (out,))]
        chosen = actions.long().reshape(len(actions), -1).split(1, -1)
        picked = [head.gather(1, its).squeeze(1) for head, its in zip(heads, chosen, strict=True)]
        entropies = [-(head.exp() * head).sum(-1) for head in heads]
        return reduce(torch.add, picked), reduce(torch.add, entropies)

    def deviation(self, entropy: float) -> float:
        """The deviation of a Gaussian's actions, their geometric mean, by its entropy in nats."""
        return math.exp(entropy / sum(self.parts) - 0.5 - HALF_LOG_2PI)


class Actor:
    """Draws a policy's actions in numpy, from its weights as they are: a step is too small for torch's overhead."""

    def __init__(self, policy: Policy, space: spaces.Space):
        self.policy, self.space = policy, space
        self._layers = [
            (layer.weight.detach().numpy(), layer.bias.detach().numpy())
            for layer in policy.net
            if isinstance(layer, nn.Linear)
        ]
        self._tanh = any(isinstance(layer, nn.Tanh) for layer in policy.net)
        self._log_std = None if policy.log_std is None else policy.log_std.detach().numpy()
        self._noise = np.zeros(0, np.float32)
        self._start = getattr(space, "start", 0)  # of Discrete and MultiDiscrete: their first action
        self._shifted = bool(np.any(self._start))

    def draw(self, observations: Array, chance: np.random.Generator | None, step: int = 0) -> tuple[Array, Array]:
        """Actions (n, ...) at observations (n, inputs), and what the policy gave; without chance the most probable.

        ``step`` of a rollout: noise that is held is drawn anew at its first.
        """
        features = self._features(observations)
        out = self._given(features)
        if chance is None:
            return self._best(out), out
        if self._log_std is None:  # the largest of logits and Gumbel noise is a draw from their softmax
            waits = chance.standard_exponential(out.shape, dtype=np.float32)
            return self._best(out - np.log(np.maximum(waits, TINY))), out
        return self._best(out) + self._moved(features, chance, step), out

    def _moved(self, features: Array, chance: np.random.Generator, step: int) -> Array:
        """How far from their means actions (n, actions) are."""
        assert self._log_std is not None
        count, deviation = len(features), np.exp(self._log_std)
        if not self.policy.sde:
            return deviation * chance.standard_normal((count, *deviation.shape), dtype=np.float32)
        if step % self.policy.sde == 0:
            self._noise = deviation * chance.standard_normal((count, *deviation.shape), dtype=np.float32)
        return np.einsum("nh,nha->na", features, self._noise)

    def _best(self, out: Array) -> Array:
        """The most probable actions."""
        if self.policy.kind == "box":
            return out[:, : self.policy.parts[0]]
        if self.policy.kind == "discrete":
            return out.argmax(1)
        parts = np.split(out, np.cumsum(self.policy.parts)[:-1], axis=1)
        return np.stack([part.argmax(1) for part in parts], 1)

    @torch.no_grad()
    def judged(self, outputs: Array, actions: Array) -> Array:
        """The log-probabilities (time, n) that actions had when they were drawn from what the policy gave."""
        given, chosen = (torch.from_numpy(x).flatten(0, 1) for x in (outputs, actions))
        return self.policy.judge(given, chosen)[0].numpy().reshape(outputs.shape[:2])

    def fitted(self, actions: Array) -> Array:
        """Actions as the environments take them."""
        if isinstance(self.space, spaces.Box):
            return np.clip(actions, self.space.low, self.space.high).reshape(-1, *self.space.shape)
        return actions + self._start if self._shifted else actions

    def _features(self, x: Array) -> Array:
        """The last hidden layer, (n, features)."""
        for weight, bias in self._layers[:-1]:
            x = x @ weight.T + bias
            x = np.tanh(x) if self._tanh else np.maximum(x, 0.0)
        return x

    def _given(self, features: Array) -> Array:
        """What the policy gives, as its ``forward``."""
        weight, bias = self._layers[-1]
        out = features @ weight.T + bias
        if not self.policy.sde or self._log_std is None:
            return out
        variance = features**2 @ np.exp(2 * self._log_std) + np.float32(LEAST)
        return np.concatenate((out, 0.5 * np.log(variance)), 1)


def critic(inputs: int, settings: Network) -> nn.Sequential:
    """The network that predicts returns."""
    return network((inputs, *settings.hidden, 1), settings.activation, 1.0)


def _kind(space: spaces.Space) -> tuple[str, tuple[int, ...]]:
    if isinstance(space, spaces.Discrete):
        return "discrete", (int(space.n),)
    if isinstance(space, spaces.MultiDiscrete) and len(space.shape) == 1:
        return "multi", tuple(int(n) for n in space.nvec)
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return "box", (int(np.prod(space.shape)),)
    raise ValueError(f"actions of {space} are not supported; Discrete, MultiDiscrete of one axis and Box of floats are")
