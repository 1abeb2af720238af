"""Whether memory stays flat over a long training: steps a second, and the slope of what the process holds.

    python bench/ppo/soak.py --minutes 10

CartPole-v1 on Gymnasium's own vector environment, 64 side by side, checkpoints and Record written as in a run. Memory
is what Linux tells as resident and private, after each update; the slope is that of a line through the second half.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from measure import section, table, write

from leonui.ppo import PPO, Settings
from leonui.record import Writer

SETTINGS = Settings.of(envs=64, length=128, minibatch=2048, schedule="constant", normalize=True, target_kl=0.05)
STEPS = 10_000_000


def private() -> float:
    """MiB that are this process's own."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def soaked(minutes: float, folder: Path) -> tuple[list[int], list[float], float]:
    """Steps and memory after each update, for so many minutes or 10M steps; and the seconds it took."""
    trainer, writer = PPO("CartPole-v1", SETTINGS, folder=folder), Writer(folder / "record.jsonl")
    steps, held, began = [], [], time.perf_counter()
    for row in trainer.rows(STEPS):
        writer.add(row)
        writer.flush()
        steps.append(trainer.steps)
        held.append(private())
        if time.perf_counter() - began > 60 * minutes:
            break
    writer.close()
    return steps, held, time.perf_counter() - began


def slope(steps: list[int], held: list[float]) -> float:
    """KiB a million steps, over the second half."""
    half = len(steps) // 2
    return float(np.polyfit(np.asarray(steps[half:]) / 1e6, np.asarray(held[half:]) * 1024, 1)[0])


def main() -> None:
    """Measure, print, and write the section of docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        steps, held, seconds = soaked(parser.parse_args().minutes, Path(folder))
    half = len(steps) // 2
    found = {
        "steps": steps[-1],
        "updates": len(steps),
        "seconds": seconds,
        "steps_per_second": steps[-1] / seconds,
        "first_mib": held[0],
        "half_mib": held[half],
        "last_mib": held[-1],
        "most_mib": max(held),
        "slope_kib_a_million_steps": slope(steps, held),
    }
    head = ("steps", "steps a second", "MiB after the first update", "half way", "at the end", "KiB a million steps")
    line = (
        f"{found['steps']:,}",
        f"{found['steps_per_second']:,.0f}",
        *(f"{found[name]:.1f}" for name in ("first_mib", "half_mib", "last_mib")),
        f"{found['slope_kib_a_million_steps']:+.1f}",
    )
    text = table(head, [line])
    print(text)
    about = (
        "## PPO: memory over a long run\n\n64 environments, one thread: `python bench/ppo/soak.py`; private memory, "
    )
    about += "and its slope over the second half.\n"
    section("ppo-soak", f"{about}\n{text}")
    write("ppo-soak", [found])


if __name__ == "__main__":
    main()
