"""Faults of the learning rate, its schedule, warm-up and clipping."""

from __future__ import annotations

from catalogue import WORKLOADS
from edits import above, below, drop, each, instead, sub, swap, times
from fault import fault

HIGH = "LR-HIGH EXPLODING NON-FINITE WARMUP"
EPOCHWISE = ("cnn", "regression", "autoencoder", "finetune")
COSINE = ("cnn", "finetune")
MOMENTUM = ("cnn", "regression", "finetune", "parallel")
CLIP = "nn.utils.clip_grad_norm_(model.parameters(), {})"

RATES = [
    *(fault(f"lr-x{n}", HIGH, times("lr", n), WORKLOADS, severity=n) for n in (3, 10, 30, 100, 1000)),
    *(fault(f"lr-/{n}", "LR-LOW", times("lr", 1 / n), WORKLOADS, severity=1 / n) for n in (10, 100, 1000, 10000)),
]

SCHEDULES = [
    fault(
        "schedule-per-batch",
        "SCHEDULE",
        each(drop("scheduler.step()"), below("optimizer.step()", "scheduler.step()")),
        EPOCHWISE,
    ),
    fault(
        "schedule-never-stepped",
        "SCHEDULE",
        drop("scheduler.step()"),
        [*EPOCHWISE, "characters"],
    ),
    fault(
        "schedule-other-optimizer",
        "SCHEDULE",
        sub(r"LR\(optimizer, (.*)\)$", r"LR(torch.optim.SGD(model.parameters(), lr=args.lr), \1)"),
        [*EPOCHWISE, "characters"],
    ),
    fault(
        "schedule-rises-again",
        "SCHEDULE",
        swap("T_max=args.epochs", "T_max=args.epochs // 2"),
        COSINE,
        {"characters": swap("math.pi * step / args.steps", "2 * math.pi * step / args.steps")},
    ),
    fault(
        "schedule-ends-early",
        "SCHEDULE",
        swap("step_size=5, gamma=0.3", "step_size=1, gamma=0.3"),
        ["regression"],
        {
            "autoencoder": swap("gamma=0.8", "gamma=0.2"),
            "tabular": each(
                below("optimizer = ", "scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.3)"),
                above('print(f"epoch', "scheduler.step()"),
            ),
        },
    ),
    fault(
        "warm-up-missing",
        "WARMUP LR-HIGH",
        each(times("lr", 2), swap("min((step + 1) / warmup, cosine(step))", "cosine(step)")),
        ["characters"],
        severity=2,
    ),
    fault(
        "warm-up-missing-x4",
        "WARMUP LR-HIGH",
        each(times("lr", 4), swap("min((step + 1) / warmup, cosine(step))", "cosine(step)")),
        ["characters"],
        severity=4,
    ),
]

CLIPPING = [
    fault("clip-tiny", "CLIPPING LR-LOW", below("loss.backward()", CLIP.format("1e-4")), MOMENTUM),
    fault(
        "clip-after-step",
        "CLIPPING LR-HIGH",
        each(times("lr", 3), drop("nn.utils.clip_grad_norm_"), below("optimizer.step()", CLIP.format("1.0"))),
        ["rows"],
        {"regression": each(times("lr", 5), instead("optimizer.step()", "optimizer.step()", CLIP.format("1.0")))},
    ),
]

FAULTS = [*RATES, *SCHEDULES, *CLIPPING]
