"""What an update measured, over all of its minibatches; read once, at its end."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from leonui.engine import Engine
from leonui.ppo.health import deviation, explained, figures, off
from leonui.ppo.objective import Stats, observed
from leonui.ppo.rollout import Rollout
from leonui.record import Row

Part = dict[str, Tensor]


class Tally:
    """Gathers 0-d tensors, so that no minibatch waits for a number."""

    def __init__(self, seen: Part, rollout: Rollout, clip: float):
        self.stopped = False
        self._seen, self._rollout, self._clip = seen, rollout, clip
        self._first: Part = {}
        self._scores: list[tuple[Tensor, Tensor, Tensor]] = []
        self._entropies: list[Tensor] = []
        self._losses: list[tuple[Tensor, Tensor]] = []
        self._steps: list[tuple[float, float, float]] = []
        self._values: tuple[Tensor, Tensor] | None = None

    def see(self, part: Part, log_prob: Tensor, advantage: Tensor, entropy: Tensor) -> None:
        """A minibatch, what its policy and its advantage are (n,), and the mean entropy there."""
        self._first = self._first or part
        self._scores.append((log_prob.detach(), part["old"], advantage))
        self._entropies.append(entropy.detach())

    def step(self, losses: tuple[Tensor, Tensor], values: tuple[Tensor, Tensor], actor: Engine, critic: Engine) -> None:
        """A minibatch was learned from: its losses, its values until then and before the update, and the gradients."""
        self._losses.append((losses[0].detach(), losses[1].detach()))
        self._values = values[0].detach(), values[1]
        norm = actor.stats.grad_norm
        self._steps.append((norm, critic.stats.grad_norm, float(actor.stats.clip_factor < 1)))

    def summary(self) -> Row:
        """For the record: means, of the KL over the last epoch, where the policy has gone furthest."""
        stats = self._stats()
        losses = [torch.stack(column).mean().item() for column in zip(*self._losses, strict=True)] or [0.0, 0.0]
        steps = [fmean(column) for column in zip(*self._steps, strict=True)] or [0.0, 0.0, 0.0]
        return {
            "minibatches": len(self._losses),
            "kl": stats.kl[-self._an_epoch() :].mean().item(),
            "kl_max": stats.kl.max().item(),
            "clipped": (stats.clip_low + stats.clip_high).mean().item(),
            "ratio_max": stats.ratio_max.max().item(),
            "ess": stats.ess.mean().item(),
            "entropy": torch.stack(self._entropies).mean().item(),
            "policy_loss": losses[0],
            "value_loss": losses[1],
            "value_moved": self._moved() / max(deviation(self._seen["returns"]).item(), 1e-8),
            **dict(zip(("grad_policy", "grad_value", "grad_clipped"), steps, strict=True)),
            **self._before(),
            **ends(self._rollout, self._seen),
            "stopped": self.stopped,
        }

    def _an_epoch(self) -> int:
        """How many minibatches an epoch has: the KL at the end of an update is that of the last ones."""
        return -(-len(self._seen["old"]) // len(self._first["old"]))

    def _stats(self) -> Stats:
        """What the objective saw, a number for each minibatch; all at once, as each alone takes as long as they do."""
        new, old, advantage = (pad_sequence([*column], batch_first=True) for column in zip(*self._scores, strict=True))
        lengths = torch.tensor([len(log_prob) for log_prob, _, _ in self._scores])
        return observed(new - old, advantage, self._clip, torch.arange(new.shape[1]) < lengths[:, None], rows=True)

    def _moved(self) -> float:
        """How far the values of the last minibatch had moved from those before the update."""
        return (self._values[0] - self._values[1]).abs().mean().item() if self._values else 0.0

    def _before(self) -> Row:
        """What held before the first step: the ratios, and the advantages as they were learned from."""
        (log_prob, old, advantage), seen = self._scores[0], self._seen
        told = figures(log_prob, old, advantage, self._first["value"], self._first["returns"])
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
