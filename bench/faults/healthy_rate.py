"""Healthy recipes of the optimizer: rates, schedules, clipping, accumulation, groups, averages, precision."""

from __future__ import annotations

from edits import Edit, above, below, default, drop, each, instead, sub, swap, times
from loop_faults import accumulated
from recipe import Recipe

CLIP = below("loss.backward()", "nn.utils.clip_grad_norm_(model.parameters(), 1.0)")
OPTIMIZER = "optimizer = "
SCHEDULER = "scheduler = torch.optim.lr_scheduler."


def stepped(line: str, per: str = 'print(f"epoch') -> Edit:
    """A schedule for a script that has none, stepped above another line; per epoch by default."""
    return each(below(OPTIMIZER, SCHEDULER + line), above(per, "scheduler.step()"))


def replaced(old: str, new: str) -> Edit:
    """Another optimizer, its arguments after the parameters included."""
    return sub(rf"torch\.optim\.{old}\((.*), lr=args\.lr.*\)$", rf"torch.optim.{new}")


def summed(loss: str, batch: int) -> Edit:
    """A loss that is summed over the batch, and a rate that much lower."""
    old = f"loss = F.{loss}(model(x), y)"
    return each(swap(old, old[:-1] + ', reduction="sum")'), times("lr", 1 / batch))


ONE_CYCLE = "OneCycleLR(optimizer, max_lr=args.lr, epochs=args.epochs, steps_per_epoch=len(loader))"
TRAPEZE = "LambdaLR(optimizer, lambda epoch: min((epoch + 1) / 3, 1.0, (args.epochs - epoch) / 4))"
AVERAGE = each(
    above("import torch.nn.functional", "from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn"),
    below(OPTIMIZER, "average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.95), use_buffers=True)"),
    below("optimizer.step()", "average.update_parameters(model)"),
    above('print(f"epoch', "val_loss = evaluate(average, x_val, y_val)"),
)
CLOSURE = each(
    default("batch-size", 1100),
    default("lr", 0.3),
    drop("scheduler ="),
    drop("scheduler.step()"),
    replaced("SGD", r"LBFGS(\1, lr=args.lr, max_iter=20)"),
    instead("optimizer.zero_grad()", "def closure(x=x, y=y):", "    optimizer.zero_grad()"),
    instead("loss = F.mse_loss", "    loss = F.mse_loss(model(x), y)"),
    instead("loss.backward()", "    loss.backward()", "    return loss", ""),
    instead("optimizer.step()", "loss = optimizer.step(closure)"),
)
FULL_BATCH = each(
    default("batch-size", 1100),
    default("epochs", 300),
    default("lr", 0.3),
    replaced("SGD", r"SGD(\1, lr=args.lr)"),
    drop("scheduler ="),
    drop("scheduler.step()"),
)
# Only the main loop is scaled: what is trained before it, in one of the workloads, is not.
SCALED = each(
    below(OPTIMIZER, 'scaler = torch.amp.GradScaler("cpu")'),
    instead(
        "loss = F.cross_entropy",
        'with torch.autocast("cpu", dtype=torch.bfloat16):',
        "    loss = F.cross_entropy(model(x), y)",
    ),
    instead("loss.backward()", "scaler.scale(loss).backward()"),
    instead("optimizer.step()", "scaler.step(optimizer)", "scaler.update()"),
)
AUTOCAST = instead(
    "loss = F.cross_entropy",
    'with torch.autocast("cpu", dtype=torch.bfloat16):',
    "    loss = F.cross_entropy(model(x), y)",
)


def groups(*modules: str) -> Edit:
    """Two groups of parameters, the second at a third of the rate."""
    first = ", ".join(f"*model.{name}.parameters()" for name in modules)
    second = '{"params": model.head.parameters(), "lr": args.lr / 3}'
    return swap("(model.parameters(), lr", f'([{{"params": [{first}]}}, {second}], lr')


WARM = "CosineAnnealingWarmRestarts(optimizer, T_0=args.epochs // 2)"
RESTARTS = swap("CosineAnnealingLR(optimizer, T_max=args.epochs)", WARM)
RECIPES = [
    Recipe("full-batch-edge", {"regression": FULL_BATCH}),
    Recipe("warm-restarts", {"cnn": RESTARTS, "finetune": RESTARTS}),
    Recipe("long-warm-up", {"characters": swap("warmup = 32", "warmup = 128")}),
    Recipe("plain-sgd-0.1", {"tabular": each(default("lr", 0.1), replaced("AdamW", r"SGD(\1, lr=args.lr)"))}),
    Recipe(
        "accumulated",
        {
            "tabular": accumulated(4, 8, divided=True),
            "finetune": accumulated(5, 5, divided=True),
            "regression": accumulated(5, 10, divided=True),
        },
    ),
    Recipe(
        "summed-loss",
        {"cnn": summed("cross_entropy", 32), "regression": summed("mse_loss", 50)},
    ),
    Recipe("clip-1", {"cnn": CLIP, "characters": CLIP, "finetune": CLIP, "parallel": CLIP}),
    Recipe(
        "cosine-to-zero",
        {
            "tabular": stepped("CosineAnnealingLR(optimizer, T_max=args.epochs)"),
            "rows": stepped("CosineAnnealingLR(optimizer, T_max=args.epochs)"),
        },
    ),
    Recipe("trapeze", {"tabular": stepped(TRAPEZE), "rows": stepped(TRAPEZE)}),
    Recipe(
        "one-cycle",
        {"tabular": stepped(ONE_CYCLE, "running += "), "rows": stepped(ONE_CYCLE, "running += ")},
    ),
    Recipe(
        "adam",
        {
            "regression": each(default("lr", 1e-2), replaced("SGD", r"Adam(\1, lr=args.lr)")),
            "cnn": each(default("lr", 1e-2), replaced("SGD", r"Adam(\1, lr=args.lr)")),
            "finetune": each(default("lr", 1e-2), replaced("SGD", r"Adam(\1, lr=args.lr)")),
        },
    ),
    Recipe("averaged-weights", {"tabular": AVERAGE, "cnn": AVERAGE}),
    Recipe("lbfgs", {"regression": CLOSURE}),
    Recipe("autocast", {"tabular": AUTOCAST, "finetune": AUTOCAST}),
    Recipe("scaled-gradients", {"cnn": SCALED, "rows": each(SCALED, drop("nn.utils.clip_grad_norm_"))}),
    Recipe(
        "two-groups",
        {"tabular": groups("body"), "cnn": groups("conv1", "norm1", "conv2", "norm2"), "rows": groups("body")},
    ),
]
