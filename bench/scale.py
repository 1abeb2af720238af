"""What the update half and the Records cost, counted where it can be, and computed from that for larger runs.

    python bench/scale.py           # collectives and bytes of a step on two processes, bytes of a Record's row
    python bench/scale.py --write   # measure nothing, write the tables into docs/results.md

Collectives are counted as they reach the dispatcher, on a network that is sharded by FSDP2 over two gloo processes;
what a step sends does not depend on how fast the machine is.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from measure import RESULTS, section, table, write
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.utils._python_dispatch import TorchDispatchMode

from leonui import optim
from leonui.record import Record

PROCESSES, WIDTH, DEPTH = 2, 128, 4
COLLECTIVES = ("c10d", "_c10d_functional")
SETTINGS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9},
    "AdamW": {},
    "AdamW, clipped": {"clip_norm": 1.0},
    "AdamW, 8-bit state": {"state": "8bit"},
    "Lion": {},
    "LAMB": {},
    "Adafactor": {},
    "Prodigy": {"lr": 1.0},
    "Muon": {},
}
SCRIPTS = {"digits_mlp": ["--epochs", "4"], "stdlib_transformer": ["--steps", "150"]}
# a model of 10^12 weights on 1,000 accelerators: GPUs, their memory's bandwidth (H200: 4.8 TB/s, NVIDIA's data sheet)
WEIGHTS, GPUS, BANDWIDTH = 10**12, 1000, 4.8e12
TOKENS, SPEED = 8e6, 4e14  # of a step; operations a second that a GPU makes of its peak, 40% of 1 PFLOP/s in bfloat16
MOVED = {"AdamW": (28, 8), "AdamW, bfloat16 state": (20, 4), "AdamW, 8-bit state": (16, 2.03), "Lion": (20, 4)}


class Sent(TorchDispatchMode):
    """Counts collectives and the bytes that this process puts into them."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See an operation go by."""
        if func.namespace in COLLECTIVES and "wait" not in func.name():
            tensors = [one for one in torch.utils._pytree.tree_leaves(args) if isinstance(one, torch.Tensor)]
            self.calls[func.name().split("::")[1].split(".")[0].strip("_")] += 1
            self.bytes += max(one.numel() * one.element_size() for one in tensors)
        return func(*args, **(kwargs or {}))


def network() -> nn.Module:
    """Layers of one width, sharded."""
    torch.manual_seed(0)
    made = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)))
    for layer in made:
        fully_shard(layer)
    return fully_shard(made)


def counted(name: str) -> dict[str, Any]:
    """The second step of an optimizer: what it sends."""
    model = network()
    kind, settings = getattr(optim, name.split(",")[0]), SETTINGS[name]
    optimizer = kind(model.parameters(), **({"lr": 1e-3} | settings))
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(4, WIDTH)).square().mean().backward()
        with Sent() as sent:
            optimizer.step()
    weights = sum(p.numel() for p in model.parameters())
    calls = ", ".join(f"{count} {what}" for what, count in sorted(sent.calls.items()))
    return {"what": "step", "optimizer": name, "collectives": calls, "bytes": sent.bytes, "weights": weights}


def work() -> None:
    """One of the processes."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rows = [counted(name) for name in SETTINGS]
    if dist.get_rank() == 0:
        print(json.dumps(rows))
    dist.destroy_process_group()


def recorded(name: str) -> dict[str, Any]:
    """How large the Record of a script is."""
    script = Path(__file__).parents[1] / "examples" / f"{name}.py"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "leonui", "watch", "--runs", folder, str(script), *SCRIPTS[name]]
        subprocess.run(command, check=True, capture_output=True)
        (path,) = Path(folder).glob("*/trials/watch/record.jsonl")
        data, steps = path.read_bytes(), Record.read(path.parent).steps
    return {
        "what": "record",
        "script": name,
        "steps": steps,
        "bytes": len(data) / steps,
        "packed": len(gzip.compress(data)) / steps,
    }


def measure() -> None:
    """Start the processes, watch the scripts, leave what was counted."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={PROCESSES}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, __file__, "--work"], capture_output=True, text=True, env=environment, check=True)
    write("scale", [*json.loads(done.stdout.splitlines()[-1]), *map(recorded, SCRIPTS)])


def report() -> str:
    """The tables: what was counted, and what follows from it."""
    rows = json.loads((RESULTS / "scale.json").read_text())["rows"]
    sent = [(r["optimizer"], r["collectives"] or "none", r["bytes"]) for r in rows if r["what"] == "step"]
    kept = [(r["script"], r["steps"], f"{r['bytes']:.0f}", f"{r['packed']:.0f}") for r in rows if r["what"] == "record"]
    each, training = WEIGHTS / GPUS, 6 * WEIGHTS * TOKENS / GPUS / SPEED
    large = [
        (name, f"{moved * each / 1e9:.0f}", f"{1e3 * moved * each / BANDWIDTH:.1f}",
         f"{moved * each / BANDWIDTH / training:.5%}", f"{state * each / 1e9:.1f}")
        for name, (moved, state) in MOVED.items()
    ]  # fmt: skip
    return TEXT.format(
        weights=DEPTH * WIDTH * (WIDTH + 1),
        sent=table(("optimizer", "collectives of a step", "bytes that one process puts in"), sent),
        kept=table(("script", "steps", "bytes a step", "packed by gzip"), kept),
        large=table(LARGE, large),
        training=training,
    )  # fmt: skip


LARGE = ("rule, float32 weights", "GB moved a GPU and step", "ms at 4.8 TB/s", "of a step's time", "GB of state a GPU")
TEXT = """## At scale

`python bench/scale.py`, what can be counted on two processes; [scale.md](scale.md) says what it means.

What a step of each optimizer sends, {weights} weights sharded over two processes:

{sent}

What a Record takes:

{kept}

Computed from bytes by count, for 10^12 weights sharded over 1,000 GPUs, steps of 8 million tokens in {training:.0f} s:

{large}
"""

if __name__ == "__main__":
    if "--work" in sys.argv:
        work()
    else:
        if "--write" not in sys.argv:
            measure()
        section("scale", report())
        print(report())
