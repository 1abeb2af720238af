"""Faults of the training loop, of the loss, of what is optimised, and of several processes."""

from __future__ import annotations

from catalogue import CLASSIFIERS, WORKLOADS
from edits import Edit, above, below, default, drop, each, instead, sub, swap, times
from fault import fault

SINGLE = tuple(name for name in WORKLOADS if name != "parallel")
MAKES = {
    "finetune": below("optimizer = ", "model = Net()"),
    "parallel": below("optimizer = ", "model = DistributedDataParallel(Net())"),
}
EVERY_FOURTH = (
    "if count % {parts} == {parts} - 1:",
    "    optimizer.step()",
    "    optimizer.zero_grad()",
)
ENUMERATED = swap("for x, y in loader:", "for count, (x, y) in enumerate(loader):")
AS_LEAF = "torch.tensor(model(x).tolist(), requires_grad=True)"


def accumulated(parts: int, batch: int, divided: bool) -> Edit:
    """Gradients of several small batches summed up before a step, divided by their number or not."""
    scaled = [sub(r"^( *)loss\.backward\(\)", rf"\1(loss / {parts}).backward()")] if divided else []
    gathered = (line.format(parts=parts) for line in EVERY_FOURTH)
    edits = [drop("optimizer.zero_grad()"), instead("optimizer.step()", *gathered)]
    return each(default("batch-size", batch), ENUMERATED, *edits, *scaled)


LOOP = [
    fault("zero-grad-missing", "STALE-GRADIENT", drop("optimizer.zero_grad()"), WORKLOADS),
    fault(
        "zero-grad-after-backward",
        "CLEARED-EARLY",
        each(drop("optimizer.zero_grad()"), below("loss.backward()", "optimizer.zero_grad()")),
        WORKLOADS,
    ),
    fault("step-missing", "NO-STEP HAND-WRITTEN", drop("optimizer.step()"), WORKLOADS),
    fault("step-twice", "STEP-TWICE", below("optimizer.step()", "optimizer.step()"), WORKLOADS),
    fault(
        "step-five-times",
        "STEP-TWICE",
        instead("optimizer.step()", "for _ in range(5):", "    optimizer.step()"),
        ["cnn", "regression", "finetune", "parallel"],
        severity=5,
    ),
    fault(
        "accumulated-undivided",
        "ACCUMULATION LR-HIGH",
        accumulated(8, 4, divided=False),
        ["tabular", "cnn", "regression", "finetune", "parallel", "rows"],
    ),
    fault(
        "validates-in-train-mode",
        "MODE",
        drop("model.eval()"),
        ["tabular", "cnn", "autoencoder", "parallel"],
        misleads=True,
    ),
    fault("never-trains-again", "MODE", drop("model.train()"), ["tabular", "cnn", "autoencoder", "parallel"]),
]

OPTIMISED = [
    fault("optimizer-of-another-copy", "WRONG-PARAMETERS", below("optimizer = ", "model = Net()"), SINGLE, MAKES),
    fault(
        "body-left-out",
        "WRONG-PARAMETERS",
        swap("(model.parameters(), lr", "(model.head.parameters(), lr"),
        ["tabular", "cnn", "characters", "regression", "rows", "autoencoder"],
        {
            "parallel": swap("(model.parameters(), lr", "(model.module.head.parameters(), lr"),
            "finetune": swap("in model.parameters() if", "in model.head.parameters() if"),
        },
    ),
    fault("detached-inside", "NO-GRADIENT", swap("self.head(h)", "self.head(h.detach())"), SINGLE),
    fault(
        "loss-cut-off",
        "NO-GRADIENT",
        swap("loss = F.cross_entropy(model(x), y)", f"loss = F.cross_entropy({AS_LEAF}, y)"),
        ["tabular", "cnn", "rows", "finetune"],
        {
            "regression": swap("loss = F.mse_loss(model(x), y)", f"loss = F.mse_loss({AS_LEAF}, y)"),
            "autoencoder": swap("loss = F.mse_loss(model(x), x)", f"loss = F.mse_loss({AS_LEAF}, x)"),
        },
    ),
]

SMOOTHED = (
    "target = F.one_hot(y, model(x).shape[1]).float()",
    "loss = (target * (torch.log(target) - F.log_softmax(model(x), dim=1))).sum(1).mean()",
)
LOSS = [
    fault("loss-sign", "LOSS-SIGN", sub(r"^( *)loss = F", r"\1loss = -F"), WORKLOADS),
    fault(
        "softmax-twice",
        "SOFTMAX-TWICE",
        swap("self.head(h)", "F.softmax(self.head(h), dim=-1)"),
        [*CLASSIFIERS, "characters"],
    ),
    fault("column-against-row", "LOSS-SHAPE", swap("self.head(h).squeeze(1)", "self.head(h)"), ["regression"]),
    fault(
        "column-against-row-by-hand",
        "LOSS-SHAPE",
        each(
            swap("self.head(h).squeeze(1)", "self.head(h)"),
            swap("loss = F.mse_loss(model(x), y)", "loss = ((model(x) - y) ** 2).mean()"),
            swap("F.mse_loss(model(x_val), y_val)", "F.mse_loss(model(x_val)[:, 0], y_val)"),
        ),
        ["regression"],
    ),
    fault(
        "log-of-zero",
        "NON-FINITE",
        instead("loss = F.cross_entropy", *SMOOTHED),
        CLASSIFIERS,
        {"autoencoder": instead("loss = F.mse_loss", "loss = (x * (torch.log(x) - F.logsigmoid(model(x)))).mean()")},
    ),
    fault(
        "all-ignored",
        "MASK NON-FINITE",
        above("loss = F.cross_entropy", "y = torch.where(y >= 0, -100, y)"),
        [*CLASSIFIERS, "characters"],
    ),
    fault(
        "mask-inverted",
        "MASK",
        above("loss = F.cross_entropy", "y = torch.where(y > 0, -100, y)  # the ends of lines do not count"),
        ["characters"],
    ),
]

RANKS = [
    fault(
        "parallel-bypassed",
        "RANKS",
        swap("loss = F.cross_entropy(model(x), y)", "loss = F.cross_entropy(model.module(x), y)"),
        ["parallel"],
    ),
    fault(
        "rate-of-one-rank",
        "RANKS",
        below("model.train()", "if rank == 0 and epoch == 3:", '    optimizer.param_groups[0]["lr"] *= 3'),
        ["parallel"],
    ),
    fault(
        "clip-on-one-rank",
        "RANKS",
        below("loss.backward()", "if rank == 0:", "    nn.utils.clip_grad_norm_(model.parameters(), 0.05)"),
        ["parallel"],
    ),
    fault(
        "same-shard",
        "SAME-SHARD",
        swap(
            "sampler = DistributedSampler(train_set, seed=args.seed)",
            "sampler = DistributedSampler(train_set, num_replicas=4, rank=0, seed=args.seed)",
        ),
        ["parallel"],
    ),
]


def halved(first: str) -> Edit:
    """Parameters of 16 bits, and a rate at which many of their updates are smaller than their last bit."""
    cast = [swap(first, first.replace("(x)", "(x.bfloat16())"))] if first else []
    float32 = swap("self.head(h)", "self.head(h).float()")
    return each(times("lr", 0.05), swap("model = Net()", "model = Net().bfloat16()"), float32, *cast)


PRECISION = [
    fault(
        "bfloat16-parameters",
        "LOST-UPDATES LR-LOW",
        halved("self.body(x)"),
        ["tabular", "regression", "rows", "autoencoder"],
        {"cnn": halved("self.conv1(x)"), "characters": halved("")},
    ),
]

FAULTS = [*LOOP, *OPTIMISED, *LOSS, *RANKS, *PRECISION]
