"""Environments: made by name, side by side, and what a step of them means."""

from __future__ import annotations

import difflib
from typing import Any

import gymnasium
import numpy as np
from gymnasium import error, spaces
from gymnasium.vector import AutoresetMode, VectorEnv

Array = np.ndarray
NEAREST = 5


def make(name: str, envs: int, **options: Any) -> VectorEnv:
    """So many environments side by side, by Gymnasium's name of one.

    Raises ValueError for a name that is not registered, with the nearest ones, and where a package is missing.
    """
    try:
        return gymnasium.make_vec(name, num_envs=envs, **options)
    except error.UnregisteredEnv as unknown:
        near = difflib.get_close_matches(name, list(gymnasium.registry), NEAREST, 0.4)
        offer = f"the nearest are {', '.join(near)}" if near else "gymnasium.pprint_registry() lists all"
        raise ValueError(f"Gymnasium has no environment {name!r}; {offer}") from unknown
    except (error.DependencyNotInstalled, ImportError) as missing:
        raise ValueError(f"{name} needs a package that is not here: {missing}; pip install 'leonui[rl]'") from missing


def inputs(space: spaces.Space) -> int:
    """How many numbers an observation has. Raises ValueError for a space that is not a Box of numbers."""
    if not isinstance(space, spaces.Box):
        raise ValueError(f"observations of {space} are not supported; wrap the environment so that they are a Box")
    return int(np.prod(space.shape))


def mode(envs: VectorEnv) -> AutoresetMode:
    """When its environments begin anew. Raises ValueError where they do not by themselves."""
    found = envs.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
    if found not in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        raise ValueError(f"autoreset_mode={found} is not supported; make the environments with NEXT_STEP or SAME_STEP")
    return found


def finals(info: dict[str, Any], done: Array) -> dict[int, Array]:
    """Where environments begin anew in the same step: the observations that their episodes ended with."""
    seen = info.get("final_obs")
    return {} if seen is None else {int(i): np.asarray(seen[i]) for i in np.flatnonzero(done)}


def check(what: str, values: Array, step: int) -> None:
    """Raises FloatingPointError that names the step and the environment where a number is not finite."""
    if not np.isfinite(values).all():
        which = int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(1))[0])
        raise FloatingPointError(f"{what} of environment {which} is not finite at step {step}: {values[which]}")
