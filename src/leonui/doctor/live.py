"""Checks while a loop of one's own is running, in a notebook or a script: each fault is told once, when it shows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

from leonui.doctor.faults import FAULTS, overfitting
from leonui.doctor.policy.judge import judge_policy
from leonui.finding import Finding
from leonui.record import Record, Writer
from leonui.trial.live import Watch
from leonui.words import language, mark, translate

FIRST = 4  # steps; then at twice as many, and so on
SHARE = 0.005  # of the time that has passed: what looking may cost
PROVE = mark("leonui doctor SCRIPT proves it by replay")


class LiveWatch(Watch):
    """A watch that tells what it finds; ``findings`` are all until now.

    >>> import torch
    >>> with LiveWatch(tell=False) as seen:
    ...     w = torch.ones(3, requires_grad=True)
    ...     optimizer = torch.optim.SGD([w], lr=0.1)
    ...     for _ in range(8):
    ...         w.square().sum().backward()  # and nothing clears the gradients
    ...         optimizer.step()
    >>> [finding.code for finding in seen.findings]
    ['STALE-GRADIENT']
    """

    def __init__(self, folder: str | Path | None = None, tell: bool = True):
        super().__init__(folder)
        from torch.optim.optimizer import register_optimizer_step_post_hook

        self.findings: list[Finding] = []
        self.updates = Record()
        self._written = Writer(self.folder / "policy.jsonl")
        self._tell, self._steps, self._due = tell, 0, FIRST
        self._began, self._cost = perf_counter(), 0.0
        self._hook = register_optimizer_step_post_hook(self._stepped)

    def stop(self) -> None:
        """Stop watching, and look once more."""
        self._hook.remove()
        super().stop()
        self._written.close()
        self.look()

    def policy(self, step: int, stats: Sequence[Any] = (), **figures: Any) -> None:
        """Tell of an update of a policy that learns by reward; the doctor's signatures PPO-... then judge it, too.

        ``step``: steps of environments so far; ``stats``: those of its minibatches, as ``leonui.ppo.clipped_objective``
        gives them; ``figures``: numbers by their names, as ``leonui.ppo.figures`` gives them, and others that the
        signatures know: entropy, std, grad_policy, grad_value, resets_kept, truncated, return.

            with leonui.watch() as seen:
                ...
                seen.policy(step, stats, **leonui.ppo.figures(...), entropy=entropy.mean())
        """
        row = {"step": step, **_joined(stats), **{name: _plain(value) for name, value in figures.items()}}
        self.updates.add(row)
        self._written.add(row)
        self._written.flush()

    def look(self) -> list[Finding]:
        """Look now; returns what was not known before."""
        began = perf_counter()
        known = {finding.code for finding in self.findings}
        seen = [*shown(self.record), *(check.finding for check in judge_policy(self.updates) if check.finding)]
        new = [finding for finding in seen if finding.code not in known]
        self.findings += new
        for finding in new if self._tell else []:
            self._say(finding)
        self._cost = perf_counter() - began
        return new

    def _stepped(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._steps += 1
        if self._steps >= self._due and self._cost <= SHARE * (perf_counter() - self._began):
            self._due = 2 * self._steps
            self.look()

    @staticmethod
    def _say(finding: Finding) -> None:
        lang = language()
        where = f"{finding.place}: " if finding.place else ""
        told = f"leonui: {where}{finding.code} {finding.say(lang)}\n  {finding.remedy(lang)}\n"
        sys.stderr.write(f"{told}  {translate(PROVE, lang)}\n")
        sys.stderr.flush()


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _joined(stats: Sequence[Any]) -> dict[str, float]:
    """The figures of an update: means over its minibatches, of the KL over the last quarter, where it is largest."""
    if not stats:
        return {}
    columns = [(_plain(one.kl), _plain(one.clip_low) + _plain(one.clip_high), _plain(one.ess)) for one in stats]
    kls, clipped, sizes = zip(*columns, strict=True)
    return {"kl": fmean(kls[-max(1, len(kls) // 4) :]), "clipped": fmean(clipped), "ess": fmean(sizes)}


def shown(record: Record) -> list[Finding]:
    """What a Record shows by exact checks, and that validation gets worse."""
    looks = [(fault, check.finding) for fault in (*FAULTS, overfitting.FAULT) if (check := fault.seen(record))]
    return [one for fault, one in looks if one and (one.verdict == "is" or fault.fact or not fault.repair)]


def watch(folder: str | Path | None = None, tell: bool = True) -> LiveWatch:
    """Watch what this process trains from now on, and tell each fault of the loop once, when it shows.

    The Record is written to ``folder``, by default a new run under ``.leonui``; with ``tell=False`` nothing is said,
    and ``findings`` hold what was found.
    """
    return LiveWatch(folder, tell)
