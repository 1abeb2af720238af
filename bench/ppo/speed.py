"""Steps a second of three trainers at equal settings, in turn in one run, and of ours on many environments.

    python bench/ppo/speed.py --cleanrl path/to/cleanrl/ppo.py

CartPole-v1, 4 environments x 128 steps, 4 epochs x 4 minibatches, one thread, 2 x 64 tanh; each in a process of its
own, that first trains a little, so that nobody's imports and first calls count. CleanRL's script tells its own speed.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import section, table, write

STEPS = 40_960
OURS = """
import time, sys, torch
torch.set_num_threads(1)
import gymnasium
from leonui.ppo import PPO, Settings
envs, length, minibatch, native, steps = map(int, sys.argv[1:])
mode = "vector_entry_point" if native else "sync"
made = gymnasium.make_vec("CartPole-v1", num_envs=envs, vectorization_mode=mode)
trainer = PPO(made, Settings.of(envs=envs, length=length, minibatch=minibatch, value_clip=0.2))
batch = envs * length
trainer.train(4 * batch)
began = time.perf_counter()
trainer.train(trainer.steps + steps)
print("SPS:", steps / (time.perf_counter() - began))
"""
SB3 = """
import time, sys, torch
torch.set_num_threads(1)
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
envs, length, minibatch, _, steps = map(int, sys.argv[1:])
linear = lambda left: 2.5e-4 * left
model = PPO("MlpPolicy", make_vec_env("CartPole-v1", envs), learning_rate=linear, n_steps=length, batch_size=minibatch,
            n_epochs=4, clip_range_vf=0.2, ent_coef=0.01, device="cpu")
model.learn(4 * envs * length)
began = time.perf_counter()
model.learn(steps, reset_num_timesteps=False)
print("SPS:", steps / (time.perf_counter() - began))
"""


def measured(command: list[str], folder: str) -> float:
    """The speed that a process tells last."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    told = re.findall(r"^SPS: ([0-9.]+)$", done.stdout, re.MULTILINE)
    if done.returncode or not told:
        raise SystemExit(f"{command[1]} failed:\n{done.stderr[-2000:]}")
    return float(told[-1])


def commands(cleanrl: str | None) -> dict[str, list[str]]:
    """What is compared, by name."""
    equal = ["4", "128", "128", "0", str(STEPS)]
    found = {"leonui": [sys.executable, "-c", OURS, *equal]}
    if cleanrl:
        found["CleanRL"] = [sys.executable, str(Path(cleanrl).resolve()), "--total-timesteps", str(STEPS)]
    found["Stable-Baselines3"] = [sys.executable, "-c", SB3, *equal]
    native = ["4", "128", "128", "1", str(STEPS)]
    many = ["64", "128", "2048", "1", str(8 * STEPS)]
    return found | {
        "leonui, Gymnasium's own vector environment": [sys.executable, "-c", OURS, *native],
        "leonui, 64 of these, minibatches of 2048": [sys.executable, "-c", OURS, *many],
    }


def rows(rounds: int, cleanrl: str | None) -> list[dict[str, Any]]:
    """The speeds of all rounds; in each all take turns."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name, command in commands(cleanrl).items():
                found.setdefault(name, []).append(measured(command, folder))
                print(f"{number + 1}/{rounds} {name:45} {found[name][-1]:9.0f} steps/s", flush=True)
    ours = found["leonui"]
    return [
        {
            "trainer": name,
            "steps_per_second": speeds,
            "median": statistics.median(speeds),
            "leonui_over_it": statistics.median(one / other for one, other in zip(ours, speeds, strict=True)),
        }
        for name, speeds in found.items()
    ]


def main() -> None:
    """Measure, print, and write the section of docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cleanrl", help="where CleanRL's ppo.py lies; it is left out otherwise")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    found = rows(chosen.rounds, chosen.cleanrl)
    lines = [(row["trainer"], f"{row['median']:,.0f}", f"{row['leonui_over_it']:.2f}x") for row in found]
    text = table(("trainer", "steps a second, median", "leonui is faster by"), lines)
    print(text)
    about = f"## PPO: speed\n\nCartPole-v1, one thread, {chosen.rounds} rounds in turn: `python bench/ppo/speed.py`.\n"
    section("ppo-speed", f"{about}\n{text}")
    write("ppo-speed", found)


if __name__ == "__main__":
    main()
