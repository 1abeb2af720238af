"""Whether a finding points to a line that a user would look for: the edited one, or the statement that it is about."""

from __future__ import annotations

import re

import oracle
from runs import Row

STATEMENTS = {
    "construction": re.compile(r"optim\.[A-Z]\w*\("),
    "schedule": re.compile(r"lr_scheduler\.\w+\("),
    "step": re.compile(r"\.step\("),
    "backward": re.compile(r"\.backward\("),
    "loss": re.compile(r"(cross_entropy|mse_loss|criterion|cost|kl_div)\("),
    "clip": re.compile(r"clip_grad_\w+\("),
}
MEANT = {
    **dict.fromkeys(("LR-HIGH", "LR-LOW", "WARMUP", "WRONG-PARAMETERS", "NO-STEP", "LOST-UPDATES"), "construction"),
    **dict.fromkeys(("STALE-GRADIENT", "CLEARED-EARLY", "STEP-TWICE", "ACCUMULATION", "EXPLODING"), "step backward"),
    **dict.fromkeys(("LOSS-SIGN", "LOSS-SHAPE", "SOFTMAX-TWICE", "MASK", "LABELS", "COLLAPSED"), "loss"),
    **dict.fromkeys(("OVERFITTING", "LEAKAGE"), "loss"),
    "MODE": "loss step backward",
    "SCHEDULE": "schedule",
    "CLIPPING": "clip",
    "RANKS": "step backward",
    "UNDERFITTING": "construction",
}


def place(row: Row) -> str:
    """Where the first finding of a visit points: "edited", "meant", "elsewhere" or "nowhere"."""
    first = row["findings"][0]
    if not first.get("line"):
        return "nowhere"
    if first["line"] in row["edited"]:
        return "edited"
    text = oracle.script(row["kind"], row["name"], row["workload"]).split("\n")
    kinds = MEANT.get(first["code"], "").split()
    near = text[first["line"] - 1] if first["line"] <= len(text) else ""
    return "meant" if any(STATEMENTS[kind].search(near) for kind in kinds) else "elsewhere"
