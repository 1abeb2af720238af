"""Faults of the data: labels, scale, order, overlap, single samples, too few of them."""

from __future__ import annotations

from catalogue import CLASSIFIERS, LABELLED
from edits import Edit, above, below, default, each, sub, swap
from fault import fault

LOADED = "x_train, y_train, x_val, y_val = load_data()"
UNSORTED = ("tabular", "cnn", "rows", "finetune", "regression")
SCALE = "INPUT-SCALE LR-LOW LR-HIGH"
FORGOTTEN = "self.head(h)"


def loaded(*lines: str) -> Edit:
    """Do this to the data as soon as it is there."""
    return below(LOADED, *lines)


def few(count: int, epochs: int) -> Edit:
    """Train on a few samples, for many epochs."""
    return each(loaded(f"x_train, y_train = x_train[:{count}], y_train[:{count}]"), default("epochs", epochs))


def inputs(expression: str) -> Edit:
    """Train and validate on inputs that were not scaled as they should be."""
    return loaded(f"x_train, x_val = x_train{expression}, x_val{expression}")


LABELS = [
    fault(
        "labels-permuted",
        "LABELS",
        loaded("y_train = y_train[torch.randperm(len(y_train))]"),
        ("tabular", "cnn", "rows", "finetune", "regression"),
        {
            "characters": above("optimizer.zero_grad()", "y = y[torch.randperm(len(y))]"),
            "parallel": loaded(
                "y_train = y_train[torch.randperm(len(y_train), generator=torch.Generator().manual_seed(1))]"
            ),
        },
    ),
    fault(
        "labels-off-by-one",
        "LABELS",
        loaded("y_train = y_train.roll(1)"),
        LABELLED,
        {"characters": above("optimizer.zero_grad()", "y = y.roll(1, 0)")},
    ),
]

SCALES = [
    fault("inputs-x255", SCALE, inputs(" * 255"), LABELLED, severity=255),
    fault("inputs-x0.001", SCALE, inputs(" * 1e-3"), LABELLED, severity=1e-3),
    fault("inputs-offset", SCALE, inputs(" + 100"), LABELLED, severity=100),
    fault(
        "one-input-in-millions",
        SCALE,
        loaded("x_train[..., 3] *= 1e4", "x_val[..., 3] *= 1e4"),
        ["tabular", "regression", "rows", "finetune", "parallel"],
    ),
]

ORDER = [
    fault(
        "sorted-by-class",
        "ORDER",
        each(
            loaded("order = y_train.argsort()", "x_train, y_train = x_train[order], y_train[order]"),
            swap("batch_size=args.batch_size, shuffle=True", "batch_size=args.batch_size"),
        ),
        UNSORTED,
        {
            "parallel": each(
                loaded("order = y_train.argsort()", "x_train, y_train = x_train[order], y_train[order]"),
                swap(
                    "DistributedSampler(train_set, seed=args.seed)",
                    "DistributedSampler(train_set, seed=args.seed, shuffle=False)",
                ),
            )
        },
    ),
    fault(
        "validation-in-training",
        "LEAKAGE",
        loaded("x_train, y_train = torch.cat([x_train, x_val]), torch.cat([y_train, y_val])"),
        LABELLED,
        {
            "autoencoder": below("x_train, x_val = load_data()", "x_train = torch.cat([x_train, x_val])"),
            "characters": below("train, val = load_data()", "train = torch.cat([train, val])"),
        },
        misleads=True,
    ),
]

SAMPLES = [
    fault(
        "nan-in-one-sample",
        "NON-FINITE",
        loaded('x_train[7] = float("nan")'),
        LABELLED,
        {"autoencoder": below("x_train, x_val = load_data()", 'x_train[7, 20] = float("nan")')},
    ),
    fault(
        "huge-sample",
        "BAD-BATCH EXPLODING OUTLIER",
        loaded("x_train[5] *= 1e5"),
        CLASSIFIERS,
        {
            "regression": loaded("y_train[5] *= 1e5"),
            "autoencoder": below("x_train, x_val = load_data()", "x_train[5] *= 1e3"),
        },
    ),
    fault(
        "huge-batch",
        "BAD-BATCH EXPLODING OUTLIER",
        above("optimizer.zero_grad()", "if epoch == 4 and running == 0:", "    x = x * 1e4"),
        ["tabular", "cnn", "rows", "finetune", "parallel"],
        {"regression": above("optimizer.zero_grad()", "if epoch == 4 and running == 0:", "    y = y * 1e3")},
    ),
]

GENERALISATION = [
    fault(
        "few-samples",
        "OVERFITTING",
        few(32, 320),
        ["tabular", "cnn", "rows"],
        {
            "regression": few(50, 300),
            "finetune": few(25, 250),
            "autoencoder": each(
                below("x_train, x_val = load_data()", "x_train = x_train[:32]"),
                default("epochs", 300),
                swap("gamma=0.8", "gamma=0.99"),
            ),
            "characters": each(below("train, val = load_data()", "train = train[:400]"), default("steps", 500)),
        },
    ),
    fault(
        "decay-huge",
        "UNDERFITTING",
        swap("lr=args.lr, momentum=0.9", "lr=args.lr, momentum=0.9, weight_decay=0.3"),
        ["regression", "finetune", "parallel"],
        {
            "cnn": swap("weight_decay=5e-4", "weight_decay=0.3"),
            "tabular": swap("weight_decay=0.1", "weight_decay=300.0"),
            "rows": swap("lr=args.lr)", "lr=args.lr, weight_decay=0.1)"),
            "autoencoder": swap("lr=args.lr)", "lr=args.lr, weight_decay=0.1)"),
            "characters": swap("lr=args.lr)", "lr=args.lr, weight_decay=30.0)"),
        },
    ),
    fault(
        "dropout-0.95",
        "UNDERFITTING",
        sub(r"Dropout\(0\.\d\)", "Dropout(0.95)"),
        ["tabular", "parallel"],
        {
            name: swap(FORGOTTEN, "self.head(F.dropout(h, 0.95, self.training))")
            for name in ("cnn", "rows", "finetune", "regression", "autoencoder")
        }
        | {"characters": swap("dropout=0.0", "dropout=0.95")},
    ),
]

FAULTS = [*LABELS, *SCALES, *ORDER, *SAMPLES, *GENERALISATION]
