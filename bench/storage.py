"""What smaller state costs in loss: the character transformer under AdamW with fp32, bf16 and 8-bit state, five seeds.

The script is the bundled example, unchanged; the optimizer is swapped by an Intervention, from the same first step, on
the same batches. Bytes are those of the state in memory per weight.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from measure import section, table, write

from leonui import optim
from leonui.trial.intervention import Intervention, Swap
from leonui.trial.program import Program
from leonui.trial.runner import Runner

SCRIPT = Path(__file__).parents[1] / "examples" / "stdlib_transformer.py"
SEEDS = range(5)
LR = 3e-3
TEXT = f"""## Smaller state

`python bench/storage.py`: the character transformer (`examples/stdlib_transformer.py`, unchanged, 300 steps, lr {LR:g})
under AdamW with its state kept in three ways, and under torch's AdamW: the same first step and the same batches by
branching, means over five seeds, difference with its standard error. Bytes: measured on a matrix of 1024 by 1024.

"""
SWAPS = {
    "torch fp32": Swap("AdamW", {"lr": LR}),
    "fp32": Swap("leonui.optim:AdamW", {"lr": LR}),
    "bf16": Swap("leonui.optim:AdamW", {"lr": LR, "state": "bf16"}),
    "8bit": Swap("leonui.optim:AdamW", {"lr": LR, "state": "8bit"}),
}


def bytes_per_weight(state: str) -> float:
    """Bytes of state for each weight of a large matrix."""
    weight = torch.nn.Parameter(torch.randn(1024, 1024))
    weight.grad = torch.randn_like(weight)
    optimizer = optim.AdamW([weight], state=state)
    optimizer.step()
    return sum(x.numel() * x.element_size() for x in optimizer.state[weight].values()) / weight.numel()


def final_losses(steps: int) -> dict[str, list[float]]:
    """The last validation loss of each swap and seed."""
    found: dict[str, list[float]] = {name: [] for name in SWAPS}
    program = Program("script", str(SCRIPT), ("--steps", str(steps)))
    with tempfile.TemporaryDirectory() as folder, Runner(program, Path(folder)) as runner:
        for seed in SEEDS:
            point = runner.trailhead(seed)
            trials = runner.branch(point, {f"{name}-{seed}": Intervention(optimizer=s) for name, s in SWAPS.items()})
            for name, trial in zip(SWAPS, trials, strict=True):
                record = trial.record
                found[name].append(record.validations(record.validation_site)[-1][1])
            runner.release(point)
            print(
                f"seed {seed}: " + ", ".join(f"{name} {losses[-1]:.4f}" for name, losses in found.items()), flush=True
            )
    return found


def row(name: str, losses: list[float], reference: list[float]) -> dict[str, Any]:
    """Mean loss, and the paired difference from fp32 with its standard error, as shares of fp32's loss."""
    shares = [(ours - theirs) / theirs for ours, theirs in zip(losses, reference, strict=True)]
    error = statistics.stdev(shares) / len(shares) ** 0.5
    state = {"state_bytes": bytes_per_weight(name)} if " " not in name else {}
    return {
        "state": name,
        "loss": statistics.mean(losses),
        "difference": statistics.mean(shares),
        "error": error,
    } | state


def main() -> None:
    """Print the table and leave it as JSON."""
    found = final_losses(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
    rows = [row(name, losses, found["fp32"]) for name, losses in found.items()]
    for one in rows:
        held = f"{one['state_bytes']:.2f} bytes a weight" if "state_bytes" in one else ""
        print(f"{one['state']:11} {one['loss']:.4f}  {one['difference']:+.2%} (+- {one['error']:.2%})  {held}")
    write("storage", rows)
    cells = [
        (
            one["state"],
            f"{one.get('state_bytes', 8):.2f}",
            f"{one['loss']:.4f}",
            f"{one['difference']:+.3%} ± {one['error']:.3%}",
        )
        for one in rows
    ]
    section("storage", TEXT + table(("state of AdamW", "bytes a weight", "validation loss", "from fp32"), cells))


if __name__ == "__main__":
    main()
