"""The range test of the lesson, and of most tools: one short run whose rate rises until it breaks.

It is here to compare with: one run says little, and no rule reads the best rate off it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leonui.doctor.ending import trouble
from leonui.finding import Finding
from leonui.machine import machine
from leonui.patch import patch
from leonui.range_test import RULES, end, smoothed
from leonui.rate.result import head, place
from leonui.record import Record
from leonui.runs import Began
from leonui.schedule import ramp
from leonui.trial.intervention import Intervention, LearningRate
from leonui.trial.program import Program
from leonui.trial.runner import Runner
from leonui.words import mark

LOW, HIGH, STEPS = 1e-7, 10.0, 100
RAW = ("steepest", "steepest/10")  # rules that read the losses as they are, the others look at a moving average


class Ramp:
    """The range test of a program; ``result`` can be read at any moment."""

    def __init__(self, program: Program, folder: Path):
        self.program, self.folder = program, folder
        self.record = Record()
        self.findings: list[Finding] = []
        self.began = Began()
        self.complete = False

    def go(self, runner: Runner, guide: Any) -> None:
        """Run it."""
        guide.stage(mark("learning rate"), STEPS)
        point = runner.trailhead(0)
        job = Intervention(lr=LearningRate(ramp(LOW, HIGH, STEPS), "absolute"), stop=STEPS)
        trial = runner.branch(point, {"ramp": job})[0]
        runner.release(point)
        self.record = trial.record
        if not self.record.rows and (fault := trouble(trial)):
            self.findings.append(fault)
        self.complete = bool(self.record.rows)

    def result(self) -> dict[str, Any]:
        """Everything as plain values."""
        losses = self.record.losses()
        seen = losses[: end(losses)]
        lrs = [LOW * (HIGH / LOW) ** ((i + 1) / STEPS) for i in range(len(seen))]
        said = {name: rule(lrs, seen if name in RAW else smoothed(seen)) for name, rule in RULES.items()}
        base = self.record.last("trailhead").get("lr") or []
        lr, (file, line) = said["steepest/10"], place(self.record)
        scale = lr / base[0] if lr and base and base[0] else None
        return {
            **head("ramp", str(self.program), self.began),
            "complete": self.complete,
            "lr": lr,
            "scale": scale,
            "per_group": [rate * scale for rate in base] if scale else [],
            "base_lr": base,
            "interval": None,
            "status": "ok" if lr else "not_learning",
            "lost": [],
            "suggestions": said,
            "steps": len(losses),
            "horizon": None,
            "optimizer": self.record.last("optimizer").get("name"),
            "file": file,
            "line": line,
            "patch": patch(file, line, scale),
            "rungs": [],
            "ramp": {"lr": lrs, "loss": seen},
            "findings": [finding.to_json() for finding in self.findings],
            "notes": [],
            "machine": machine(),
        }
