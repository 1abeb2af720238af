"""The report: what stands in it, in which order, in both languages, and that nothing from a script gets out of its place."""

from __future__ import annotations

import math
import random

from leonui.record import Record


def losses(seed: int, steps: int, floor: float, speed: float) -> list[float]:
    """A noisy way down from 2.3, as a small classifier's."""
    noise = random.Random(seed)
    return [
        (floor + (2.3 - floor) * math.exp(-step / speed)) * noise.lognormvariate(0, 0.18)
        for step in range(steps)
    ]


def record(seed: int, lrs: list[float], floor: float, speed: float, every: int = 45) -> Record:
    """A run with a validation pass after ``every`` steps."""
    ways = zip(losses(seed, len(lrs), floor, speed), lrs, strict=True)
    rows = [
        {"step": i, "loss": loss, "lr": [lr], "seconds": 0.001 * i} for i, (loss, lr) in enumerate(ways, 1)
    ]
    passes = range(every, len(lrs) + 1, every)
    events = [_validation(step, 0.02 + floor + (2.3 - floor) * math.exp(-step / speed)) for step in passes]
    return Record(rows, events)


def _validation(step: int, loss: float) -> dict:
    return {"event": "validation", "step": step, "site": "digits_mlp.py:51", "loss": loss}


STEPS = 450
BASELINE = record(1, [0.01] * STEPS, 0.45, 130.0)
CLIMB = record(2, [0.31 * min(i / 22, (STEPS - i) / (STEPS - 22)) for i in range(1, STEPS + 1)], 0.03, 40.0)


def rung(steps: int, lrs: list[float], depth: float) -> dict:
    """A U-shaped rung of the search; the largest learning rates diverge."""
    way = [None if lr > 3 else 0.05 + 2.2 / (1 + (depth * lr) ** 1.3) + (lr / 1.2) ** 2 for lr in lrs]
    errors = [None if loss is None else 0.06 * loss for loss in way]
    return {"steps": steps, "lr": lrs, "loss": way, "se": errors, "best": 0.3}


GRID = [0.0001 * 10 ** (i / 2) for i in range(10)]
FINE = [0.05, 0.1, 0.2, 0.31, 0.5, 0.8]

RESULT = {
    "leonui": "0.1.0",
    "command": "climb",
    "program": "examples/digits_mlp.py --lr 0.01",
    "time": "2026-11-22T21:00:00",
    "seconds": 31.2,
    "lang": "en",
    "complete": True,
    "verdict": "better",
    "judged_by": "validation",
    "goal": "min",
    "metric_pattern": "val acc ([0-9.]+)",
    "lr": 0.31,
    "scale": 31.0,
    "base_lr": [0.01],
    "optimizer": "SGD",
    "baseline": {"loss": 0.571, "validation": 0.599, "metric": 0.8778},
    "climb": {"loss": 0.0312, "validation": 0.092, "metric": 0.975},
    "pairs": [
        {"seed": 0, "baseline": {"validation": 0.601}, "climb": {"validation": 0.094}},
        {"seed": 1, "baseline": {"validation": 0.622}, "climb": {"validation": 0.101}},
        {"seed": 2, "baseline": {"validation": 0.574}, "climb": {"validation": 0.081}},
    ],
    "difference": -0.507,
    "interval": [-0.56, -0.45],
    "level": 0.95,
    "steps": {"baseline": 450, "search": 1620, "final": 450},
    "changes": [
        {
            "file": "examples/digits_mlp.py",
            "line": 28,
            "from": 'parser.add_argument("--lr", type=float, default=0.01)',
            "to": 'parser.add_argument("--lr", type=float, default=0.31)',
        }
    ],
    "search": {
        "ramp": {
            "lr": [0.0001 * 10 ** (i / 20) for i in range(100)],
            "loss": [
                2.3
                - 1.9 / (1 + (0.08 / (0.0001 * 10 ** (i / 20))) ** 1.5)
                + (0.0001 * 10 ** (i / 20) / 3) ** 3
                for i in range(100)
            ],
        },
        "rungs": [rung(45, GRID, 6), rung(135, GRID[4:], 20), rung(405, FINE, 60)],
    },
    "findings": [
        {
            "code": "EVAL-TRAIN",
            "class": "is",
            "template": "the model is in eval mode during {count} of {steps} training steps",
            "message": "the model is in eval mode during 45 of 450 training steps",
            "fix": "call model.train() before the loop over the batches",
            "fix_template": "call model.train() before the loop over the batches",
            "evidence": {"count": 45, "steps": 450},
            "file": "examples/digits_mlp.py",
            "line": 33,
        }
    ],
    "checks": [
        {"code": "LEARNED", "template": "the loss fell by {x:.3g}", "evidence": {"x": 1.7312}, "ok": True},
        {
            "code": "GRADIENTS",
            "template": "every parameter has a gradient ({n} tensors)",
            "evidence": {"n": 6},
            "ok": True,
        },
        {"code": "SHUFFLED", "template": "the batches of two epochs differ", "evidence": {}, "ok": False},
    ],
    "notes": [{"template": "{n} branches ran side by side, one thread each", "evidence": {"n": 2}}],
    "settings": {"seeds": 3, "budget": "1.0", "metric": "val acc ([0-9.]+)", "goal": "min"},
    "machine": {"python": "3.11.7", "torch": "2.13.0", "cpu": "2 cores", "system": "Linux"},
    "report": ".leonui/run/report.html",
}
