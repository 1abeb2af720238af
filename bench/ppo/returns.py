"""What PPO reaches with its presets, over seeds; a run that was broken off goes on where it was.

    python bench/ppo/returns.py CartPole-v1 Acrobot-v1 --seeds 5

Each seed leaves a line in bench/results/ppo-returns.jsonl; a line that is there already is not made again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from measure import RESULTS, section, table, write

from leonui.ppo import PPO, Settings
from leonui.ppo.settings import STEPS, preset

LINES = RESULTS / "ppo-returns.jsonl"
EPISODES = 100
# RL Baselines3 Zoo: one run, deterministic; CleanRL: three seeds, while training; Tianshou: ten seeds
PUBLISHED = {
    "CartPole-v1": ("500.0 (100k)", "490.0 (500k)", "-"),
    "Acrobot-v1": ("-73.5 (1M)", "-86.4 (500k)", "-"),
    "LunarLander-v3": ("242.1 (v2, 1M)", "-", "-"),
    "Pendulum-v1": ("-172.2 (100k)", "-", "-"),
    "MountainCar-v0": ("-110.4 (1M)", "-200.0 (500k)", "-"),
    "Hopper-v5": ("2410.4 (v3, 1M)", "2382.9 (v4, 1M)", "2609.3 (v3, 1M)"),
    "HalfCheetah-v5": ("5819.1 (v3, 1M)", "1442.6 (v4, 1M)", "5783.9 (v3, 1M)"),
    "Walker2d-v5": ("3478.8 (v3, 1M)", "2288.0 (v4, 1M)", "3588.5 (v3, 1M)"),
    "InvertedPendulum-v5": ("-", "963.1 (v4, 1M)", "1000.0 (v3, 1M)"),
}
ABOUT = f"""## PPO: returns

The presets, mean ± deviation over seeds: {EPISODES} episodes of the most probable actions after training, and the last
100 while training. What others published is of one run (SB3 zoo), of three seeds while training (CleanRL) and of ten
(Tianshou). The presets are the zoo's for the first five environments and CleanRL's for those of MuJoCo, where the zoo
and Tianshou have settings of their own: on HalfCheetah the zoo takes 20 epochs and networks of 256, and what it reaches
is not to be had from CleanRL's settings.
"""


def done() -> list[dict[str, Any]]:
    """The seeds that were made."""
    return [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []


def settings(row: dict[str, Any]) -> Settings:
    """Those of a seed; what was no setting when it was made has its default."""
    return Settings().but({name: value for part in row["settings"].values() for name, value in part.items()})


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a seed the same as another."""
    return row["environment"], row["seed"], row["steps"], settings(row)


def label(row: dict[str, Any]) -> str:
    """The environment, the steps, and where its settings are others than the preset's."""
    now, its = preset(row["environment"]).flat(), settings(row).flat()
    apart = "".join(f", {name}={its[name]}" for name in now if its[name] != now[name])
    return f"{row['environment']} ({row['steps']:,}){apart}"


def one(environment: str, seed: int, steps: int) -> dict[str, Any]:
    """Train one seed and evaluate it."""
    began, trainer = time.perf_counter(), PPO(environment, seed=seed)
    last = trainer.train(steps)
    seconds = time.perf_counter() - began
    greedy = trainer.evaluate(EPISODES)
    trainer.envs.close()
    return {
        "environment": environment,
        "seed": seed,
        "steps": steps,
        "settings": asdict(trainer.settings),
        "seconds": seconds,
        "training_return": last["return"],
        "greedy": statistics.fmean(greedy),
    }


def lines(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The table: an environment a line."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(label(row), []).append(row)
    return [
        (
            name,
            str(len(seeds)),
            *(spread([row[figure] for row in seeds]) for figure in ("greedy", "training_return")),
            f"{statistics.fmean(row['seconds'] for row in seeds):.0f} s",
            *PUBLISHED.get(seeds[0]["environment"], ("-", "-", "-")),
        )
        for name, seeds in found.items()
    ]


def spread(values: list[float]) -> str:
    """Mean and standard deviation over seeds; one seed has none."""
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.1f}{deviation}"


def main() -> None:
    """Make the seeds that are missing, and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="default: those that the preset was published for")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    for environment in chosen.environments:
        for seed in range(1, chosen.seeds + 1):
            steps, known = chosen.steps or STEPS.get(environment, 1_000_000), {key(row) for row in done()}
            wanted = {"environment": environment, "seed": seed, "steps": steps}
            if key(wanted | {"settings": asdict(preset(environment))}) in known:
                continue
            row = one(environment, seed, steps)
            with LINES.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{environment} seed {seed}: greedy {row['greedy']:.1f}, {row['seconds']:.0f} s", flush=True)
    rows = done()
    head = ("environment (steps)", "seeds", "greedy", "while training", "time a seed", "SB3 zoo", "CleanRL", "Tianshou")
    text = table(head, lines(rows))
    print(text)
    section("ppo-returns", f"{ABOUT}\n{text}")
    write("ppo-returns", rows)


if __name__ == "__main__":
    main()
