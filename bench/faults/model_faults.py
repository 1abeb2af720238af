"""Faults of the model: its first weights, dead and saturated units, samples that are mixed, what normalises."""

from __future__ import annotations

from catalogue import WORKLOADS
from edits import Edit, below, drop, each, swap, times
from fault import fault

BUILT = tuple(name for name in WORKLOADS if name != "finetune")  # there it would undo the pretraining
ILL = "INIT EXPLODING VANISHING LR-LOW LR-HIGH"


def begun(line: str) -> Edit:
    """Do this to every parameter of the new model."""
    return below("model = ", "for p in model.parameters():", f"    {line}")


def chain(width: int, depth: int) -> str:
    """Source of many layers that end in a sigmoid."""
    return f"*(f for _ in range({depth}) for f in (nn.Linear({width}, {width}), nn.Sigmoid()))"


INIT = [
    fault("init-zero", "INIT", begun("nn.init.zeros_(p)"), BUILT),
    fault("init-constant", "INIT", begun("nn.init.constant_(p, 0.05)"), BUILT),
    *(fault(f"init-x{n}", ILL, begun(f"p.data.mul_({n})"), BUILT, severity=n) for n in (10, 0.1, 0.01)),
]

UNITS = [
    fault(
        "relu-dead",
        "DEAD-UNITS",
        below(
            "model = ",
            "for m in model.modules():",
            "    if isinstance(m, nn.Linear):",
            "        nn.init.constant_(m.bias, -10.0)",
        ),
        ["tabular", "regression", "parallel", "finetune"],
        {
            "cnn": below(
                "model = ",
                "for m in model.modules():",
                "    if isinstance(m, nn.BatchNorm2d):",
                "        nn.init.constant_(m.bias, -10.0)",
            ),
            "autoencoder": below("model = ", "nn.init.constant_(model.body[1].bias, -10.0)"),
        },
    ),
    fault(
        "sigmoid-chain",
        "VANISHING",
        swap("nn.Linear(64, 64), nn.ReLU()", chain(64, 8)),
        ["tabular", "regression"],
        {
            "parallel": swap("nn.Linear(64, 64), nn.ReLU(), nn.Dropout", f"{chain(64, 8)}, nn.Dropout"),
            "finetune": swap("nn.Sequential(nn.Linear(96, 48)", f"nn.Sequential({chain(96, 8)}, nn.Linear(96, 48)"),
            "autoencoder": swap("nn.ReLU(), nn.Linear(64, 8)", f"{chain(64, 8)}, nn.Linear(64, 8)"),
        },
    ),
    fault(
        "recurrence-explodes",
        "EXPLODING",
        each(
            swap("nn.LSTM(8, 48, batch_first=True)", 'nn.RNN(8, 48, nonlinearity="relu", batch_first=True)'),
            drop("nn.utils.clip_grad_norm_"),
            times("lr", 0.2),
            below("model = ", "model.body.weight_hh_l0.data.mul_(8)"),
        ),
        ["rows"],
    ),
    fault(
        "deep-explodes",
        "EXPLODING",
        each(
            swap("nn.Linear(64, 64), nn.ReLU()", "*(f for _ in range(8) for f in (nn.Linear(64, 64), nn.ReLU()))"),
            begun("p.data.mul_(4)"),
        ),
        ["tabular", "regression"],
    ),
]

MIXING = [
    fault(
        "batch-first-forgotten",
        "BATCH-MIXING",
        swap("nn.LSTM(8, 48, batch_first=True)", "nn.LSTM(8, 48)"),
        ["rows"],
        {
            "characters": each(
                swap("dropout=0.0, batch_first=True", "dropout=0.0"), swap("CONTEXT - 1, 256)", "CONTEXT - 1, 16)")
            )
        },
    ),
    fault(
        "view-for-transpose",
        "BATCH-MIXING",
        each(
            swap("nn.LSTM(8, 48, batch_first=True)", "nn.LSTM(8, 48)"),
            swap("self.body(x)", "self.body(x.view(8, -1, 8))"),
            swap("states[:, -1]", "states[-1]"),
        ),
        ["rows"],
        {
            "cnn": swap("h = h.flatten(1)", "h = h.transpose(0, 1).reshape(len(x), -1)"),
            "tabular": swap("self.body(x)", "self.body(x.view(x.shape[1], x.shape[0]).t())"),
            "regression": swap("self.body(x)", "self.body(x.view(x.shape[1], x.shape[0]).t())"),
            "parallel": swap("self.body(x)", "self.body(x.view(x.shape[1], x.shape[0]).t())"),
            "finetune": swap("return self.head(h)", "return self.head(h.view(h.shape[1], h.shape[0]).t())"),
        },
    ),
]

ONE = "nn.Unflatten(1, (64, 1)), nn.LayerNorm(1), nn.Flatten(), "  # each feature less itself
STATISTICS = [
    fault(
        "norm-of-one",
        "COLLAPSED",
        swap("nn.Linear(64, 64), nn.ReLU()", f"{ONE}nn.Linear(64, 64), nn.ReLU()"),
        ["tabular", "regression"],
    ),
    fault(
        "norm-momentum-tiny",
        "NORM-STATISTICS",
        each(
            swap("BatchNorm2d(12)", "BatchNorm2d(12, momentum=1e-4)"),
            swap("BatchNorm2d(24)", "BatchNorm2d(24, momentum=1e-4)"),
        ),
        ["cnn"],
        {"autoencoder": swap("BatchNorm1d(64)", "BatchNorm1d(64, momentum=1e-4)")},
    ),
]

FAULTS = [*INIT, *UNITS, *MIXING, *STATISTICS]
