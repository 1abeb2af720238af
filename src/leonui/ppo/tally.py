"""What an update measured, over all of its minibatches; read once, at its end."""

from __future__ import annotations

import torch
from torch import Tensor

from leonui.ppo.objective import Stats
from leonui.ppo.rollout import Rollout
from leonui.record import Row


class Tally:
    """Gathers 0-d tensors, so that no minibatch waits for a number."""

    def __init__(self, advantage: Tensor, rollout: Rollout):
        self.stopped = False
        self._stats: list[Stats] = []
        self._entropies: list[Tensor] = []
        self._losses: list[tuple[Tensor, Tensor]] = []
        self._advantage = advantage
        done = rollout.terminated | rollout.truncated
        self._resets = int((~rollout.real).sum())
        self._cut = int(rollout.truncated.sum()) / max(int(done.sum()), 1)

    def see(self, stats: Stats, entropy: Tensor) -> None:
        """What an objective saw of a minibatch, and the entropies there."""
        self._stats.append(stats)
        self._entropies.append(entropy.mean())

    def lost(self, policy: Tensor, value: Tensor) -> None:
        """The losses of a minibatch that was learned from."""
        self._losses.append((policy, value))

    def summary(self, optimizers: list[torch.optim.Optimizer]) -> Row:
        """For the record; the KL is the highest of all minibatches, the other figures are means."""
        columns = dict(zip(Stats._fields, map(torch.stack, zip(*self._stats, strict=True)), strict=True))
        first = self._stats[0]
        losses = [torch.stack(column).mean().item() for column in zip(*self._losses, strict=True)] or [0.0, 0.0]
        return {
            "kl": columns["kl"].max().item(),
            "clipped": (columns["clip_low"] + columns["clip_high"]).mean().item(),
            "ratio_first": max(first.ratio_max.item() - 1, abs(first.ess.item() - 1)),
            "ratio_max": columns["ratio_max"].max().item(),
            "ess": columns["ess"].mean().item(),
            "entropy": torch.stack(self._entropies).mean().item(),
            "policy_loss": losses[0],
            "value_loss": losses[1],
            "advantage_std": self._advantage.std(unbiased=False).item(),
            "truncated": self._cut,
            "resets": self._resets,
            "stopped": self.stopped,
            "minibatches": len(self._losses),
        }


def explained(value: Tensor, returns: Tensor) -> float | None:
    """The share of the returns' variance that the critic's values explain; None where there is none."""
    spread = returns.var(unbiased=False)
    return None if spread.item() == 0 else 1 - ((returns - value).var(unbiased=False) / spread).item()
