"""What the columns of a log are, by the names that people give them."""

from __future__ import annotations

import re
from collections.abc import Iterable

HELD_OUT = {"val", "valid", "validation", "eval", "test", "dev", "heldout", "holdout"}
LOSS = {"loss", "nll", "objective"}
PLAIN = {"train", "training", "total", "loss", "step", "epoch", "batch", "avg", "mean", "running", "smoothed", "iter"}
STEP = ("step", "global_step", "trainer/global_step", "iteration", "iter", "_step", "batch")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def words(name: str) -> set[str]:
    """The words of a column's name.

    >>> sorted(words("trainLoss/epoch"))
    ['epoch', 'loss', 'train']
    """
    return {word.lower() for word in WORD.findall(name)}


def role(name: str) -> str:
    """What a column holds: "loss", "validation", "lr", "grad_norm", "scale", "step"; empty for anything else."""
    said = words(name)
    if name.lower() in STEP:
        return "step"
    if said & {"scale", "scaler"}:
        return "scale"
    if said & LOSS:
        return "validation" if said & HELD_OUT else "loss"
    if "lr" in said or {"learning", "rate"} <= said:
        return "lr"
    if "norm" in said and said & {"grad", "gradient", "gradients", "grads"}:
        return "grad_norm"
    return ""


def main(names: Iterable[str]) -> str | None:
    """Of several losses the one that is trained on; None where several are, as in a GAN."""
    plain = [name for name in names if words(name) <= PLAIN]
    ranked = sorted(plain, key=lambda name: ("epoch" in words(name), "total" not in words(name), len(name)))
    every = list(names)
    return ranked[0] if ranked else every[0] if len(every) == 1 else None
