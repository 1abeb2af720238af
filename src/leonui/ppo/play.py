"""A trained policy at work, as a moving picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gymnasium
import imageio.v3 as imageio
import numpy as np

from leonui.ppo.train import PPO

FRAMES, RATE = 600, 30  # at most; a second


def film(trainer: PPO, path: Path, seed: int = 0) -> float:
    """Write one episode of the most probable actions as a GIF; returns its return.

    Raises gymnasium.error.Error or RuntimeError where the environment cannot be drawn here.
    """
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pictures in memory need no screen, and SDL complains of none
    world: Any = gymnasium.make(trainer.name, render_mode="rgb_array")
    seen, _ = world.reset(seed=seed)
    frames, total, over = [world.render()], 0.0, False
    while not over and len(frames) < FRAMES:
        seen, reward, terminated, truncated, _ = world.step(trainer.act(np.asarray(seen)[None])[0])
        frames.append(world.render())
        total, over = total + float(reward), terminated or truncated
    world.close()
    fps = min(RATE, world.metadata.get("render_fps", RATE))
    imageio.imwrite(path, np.stack(frames), extension=".gif", duration=1000 / fps, loop=0)
    return total
