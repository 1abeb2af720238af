"""What an update measured, over all of its minibatches; read once, at its end."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from leonui.engine import Engine
from leonui.ppo.health import deviation, explained, figures, off
from leonui.ppo.objective import Stats
from leonui.ppo.rollout import Rollout
from leonui.record import Row

Part = dict[str, Tensor]


class Tally:
    """Gathers 0-d tensors, so that no minibatch waits for a number."""

    def __init__(self, seen: Part, rollout: Rollout):
        self.stopped = False
        self._seen, self._rollout = seen, rollout
        self._stats: list[Stats] = []
        self._entropies: list[Tensor] = []
        self._losses: list[tuple[Tensor, Tensor]] = []
        self._steps: list[tuple[float, float, float]] = []
        self._first: tuple[Part, Tensor, Tensor] | None = None
        self._moved = torch.zeros(())

    def see(self, part: Part, log_prob: Tensor, advantage: Tensor, stats: Stats, entropy: Tensor) -> None:
        """What an objective saw of a minibatch, and the entropies there."""
        if self._first is None:
            self._first = part, log_prob.detach(), advantage
        self._stats.append(stats)
        self._entropies.append(entropy.detach().mean())

    def step(self, losses: tuple[Tensor, Tensor], moved: Tensor, actor: Engine, critic: Engine) -> None:
        """A minibatch was learned from: its losses, how far its values had moved until then, and the gradients."""
        self._losses.append((losses[0].detach(), losses[1].detach()))
        self._moved = moved.detach()
        norm = actor.stats.grad_norm
        self._steps.append((norm, critic.stats.grad_norm, float(actor.stats.clip_factor < 1)))

    def summary(self) -> Row:
        """For the record: means, of the KL over the last epoch, where the policy has gone furthest."""
        columns = dict(zip(Stats._fields, map(torch.stack, zip(*self._stats, strict=True)), strict=True))
        losses = [torch.stack(column).mean().item() for column in zip(*self._losses, strict=True)] or [0.0, 0.0]
        steps = [fmean(column) for column in zip(*self._steps, strict=True)] or [0.0, 0.0, 0.0]
        return {
            "minibatches": len(self._losses),
            "kl": columns["kl"][-self._an_epoch() :].mean().item(),
            "kl_max": columns["kl"].max().item(),
            "clipped": (columns["clip_low"] + columns["clip_high"]).mean().item(),
            "ratio_max": columns["ratio_max"].max().item(),
            "ess": columns["ess"].mean().item(),
            "entropy": torch.stack(self._entropies).mean().item(),
            "policy_loss": losses[0],
            "value_loss": losses[1],
            "value_moved": self._moved.abs().mean().item() / max(deviation(self._seen["returns"]).item(), 1e-8),
            **dict(zip(("grad_policy", "grad_value", "grad_clipped"), steps, strict=True)),
            **self._before(),
            **ends(self._rollout, self._seen),
            "stopped": self.stopped,
        }

    def _an_epoch(self) -> int:
        """How many minibatches an epoch has: the KL at the end of an update is that of the last ones."""
        return -(-len(self._seen["old"]) // len(self._first[0]["old"])) if self._first else 1

    def _before(self) -> Row:
        """What held before the first step: the ratios, and the advantages as they were learned from."""
        if self._first is None:
            return {}
        (part, log_prob, advantage), seen = self._first, self._seen
        told = figures(log_prob, part["old"], advantage, part["value"], part["returns"])
        told |= {"ratio_acted": off(seen["old"], seen["acted"]), "advantage_raw": deviation(seen["advantage"])}
        told["explained_variance"] = explained(seen["value"], seen["returns"])
        return {name: value.item() for name, value in told.items()}


def ends(rollout: Rollout, seen: Part) -> Row:
    """How episodes ended, and what was learned from there.

    truncated: the share that a time limit cut off; end_error: by how much, in deviations, returns differ from the
    reward where an episode ended; resets_kept: how many steps were learned from that only began one.
    """
    done, ended = rollout.terminated | rollout.truncated, seen["ended"]
    apart = (seen["returns"] - seen["rewards"]).abs()[ended]
    spread = seen["returns"].std(unbiased=False).item()
    kept = 0 if rollout.finals else int(np.count_nonzero(done[:-1] & rollout.real[1:]))
    return {
        "truncated": int(rollout.truncated.sum()) / max(int(done.sum()), 1),
        "end_error": apart.max().item() / max(spread, 1e-8) if len(apart) else None,
        "resets_kept": kept,
    }
