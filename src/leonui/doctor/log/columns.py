"""What the columns of a log are, by the names that people give them."""

from __future__ import annotations

import re
from collections.abc import Iterable

HELD_OUT = {"val", "valid", "validation", "eval", "evaluation", "test", "dev", "heldout", "holdout"}
LOSS = {"loss", "nll", "objective", "xent", "criterion"}
PLAIN = {"train", "training", "trn", "total", "loss", "step", "epoch", "batch", "avg", "mean", "running", "smoothed"}
PLAIN |= {"iter", "minibatch"}
SCORE = {"acc", "accuracy", "auc", "auroc", "bleu", "rouge", "iou", "miou", "dice", "map", "top"}
GRADIENT = {"grad", "gradient", "gradients", "grads"}
# of these, one number stands for many: no curve of a training
DERIVED = {"min", "max", "best", "std", "var", "delta", "ratio", "weight", "coef", "lambda"}
GAME = {"policy", "actor", "critic", "reward", "rewards", "return", "returns", "episode", "advantage", "ep"}
STEP = ("step", "global_step", "trainer/global_step", "iteration", "iter", "_step", "train/global_step", "num_updates")
STEP += ("train_step", "steps", "iterations", "update", "updates")
TIME = ("wall_time", "_timestamp")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def words(name: str) -> set[str]:
    """The words of a column's name.

    >>> sorted(words("trainLoss/epoch"))
    ['epoch', 'loss', 'train']
    """
    return {word.lower() for word in WORD.findall(name)}


def role(name: str) -> str:
    """What a column holds: "loss", "validation", "lr", "norm", "scale", "step", "time", "score"; or nothing known.

    >>> [role(name) for name in ("eval_loss", "lr-AdamW", "val_acc", "best_loss")]
    ['validation', 'lr', 'score', '']
    """
    said, low = words(name), name.lower().strip()
    if low in STEP:
        return "step"
    if low in TIME:
        return "time"
    if "scale" in said and (said & (LOSS | GRADIENT | {"amp", "fp", "scaler"}) or low == "scale"):
        return "scale"
    if "gnorm" in said or ("norm" in said and said & GRADIENT) or low in ("total_norm", "grad_total_norm"):
        return "norm"
    if said & DERIVED:
        return ""
    if said & LOSS:
        return "validation" if said & HELD_OUT else "loss"
    if "lr" in said or {"learning", "rate"} <= said:
        return "lr"
    return "score" if said & SCORE or {"f", "1"} <= said else ""


def main(names: Iterable[str]) -> str | None:
    """Of several losses the one that is trained on, the first named of equals; None where several are, as in a GAN."""
    every = list(names)
    plain = [name for name in every if words(name) <= PLAIN]
    ranked = sorted(plain, key=lambda name: ("epoch" in words(name), "total" not in words(name), len(name)))
    alone = every[0] if len(every) == 1 else None
    return ranked[0] if ranked else alone


def plays(names: Iterable[str]) -> bool:
    """Whether a log is that of a game: what an agent's losses do says little of how well it learns."""
    return any(words(name) & GAME for name in names)
