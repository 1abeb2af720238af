"""Actor and critic: what the networks give, how probable an action is under it, how one is drawn."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from leonui.ppo.settings import Network

Array = np.ndarray
TINY = np.finfo(np.float32).tiny  # one draw in some ten millions is 0, and has no logarithm


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

    Raises ValueError for another space.
    """

    def __init__(self, inputs: int, space: spaces.Space, settings: Network):
        super().__init__()
        self.kind, self.parts = _kind(space)
        self.net = network((inputs, *settings.hidden, sum(self.parts)), settings.activation, 0.01)
        self.log_std = nn.Parameter(torch.full((sum(self.parts),), settings.log_std)) if self.kind == "box" else None

    def score(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """The log-probability of actions (n, ...) at observations (n, inputs), and the entropy there; (n,) each."""
        return self.judge(self.net(observations), actions)

    def judge(self, out: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """The same, from what the network gave, (n, outputs)."""
        if self.log_std is not None:
            apart = (actions - out) * (-self.log_std).exp()
            constant = 0.5 * math.log(2 * math.pi)
            log_prob = (-0.5 * apart.square() - self.log_std - constant).sum(-1)
            return log_prob, (self.log_std + 0.5 + constant).sum().expand_as(log_prob)
        heads = [logits.log_softmax(-1) for logits in out.split(self.parts, -1)]
        chosen = actions.long().reshape(len(actions), -1)
        picked = [head.gather(1, chosen[:, i : i + 1]).squeeze(1) for i, head in enumerate(heads)]
        entropies = [-(head.exp() * head).sum(-1) for head in heads]
        return torch.stack(picked).sum(0), torch.stack(entropies).sum(0)


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

    def draw(self, observations: Array, chance: np.random.Generator | None) -> tuple[Array, Array]:
        """Actions (n, ...) at observations (n, inputs), and what the network gave; without chance the most probable."""
        out = self.forward(observations)
        return self._drawn(out, chance), out

    def _drawn(self, out: Array, chance: np.random.Generator | None) -> Array:
        if self.policy.log_std is not None:
            if chance is not None:
                deviation = np.exp(self.policy.log_std.detach().numpy())
                out = out + deviation * chance.standard_normal(out.shape, dtype=np.float32)
            return out
        if chance is not None:  # the largest of logits and Gumbel noise is a draw from their softmax
            waits = chance.standard_exponential(out.shape, dtype=np.float32)
            out = out - np.log(np.maximum(waits, TINY))
        parts = np.split(out, np.cumsum(self.policy.parts)[:-1], axis=1) if len(self.policy.parts) > 1 else [out]
        chosen = np.stack([part.argmax(1) for part in parts], 1)
        return chosen if self.policy.kind == "multi" else chosen[:, 0]

    @torch.no_grad()
    def judged(self, outputs: Array, actions: Array) -> Array:
        """The log-probabilities (time, n) that actions had when they were drawn from what the network gave."""
        given, chosen = (torch.from_numpy(x).flatten(0, 1) for x in (outputs, actions))
        return self.policy.judge(given, chosen)[0].numpy().reshape(outputs.shape[:2])

    def fitted(self, actions: Array) -> Array:
        """Actions as the environments take them."""
        if isinstance(self.space, spaces.Box):
            return np.clip(actions, self.space.low, self.space.high).reshape(-1, *self.space.shape)
        start = self.space.start if isinstance(self.space, spaces.Discrete | spaces.MultiDiscrete) else 0
        return actions + start if np.any(start) else actions

    def forward(self, x: Array) -> Array:
        """What the network gives, (n, outputs)."""
        for i, (weight, bias) in enumerate(self._layers):
            x = x @ weight.T + bias
            if i < len(self._layers) - 1:
                x = np.tanh(x) if self._tanh else np.maximum(x, 0.0)
        return x


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
