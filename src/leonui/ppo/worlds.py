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
EXTRA = ("Box2D", "MuJoCo is not installed", "pygame")  # what leonui[rl] brings, as Gymnasium names it


def make(name: str, envs: int, **options: Any) -> VectorEnv:
    """So many environments side by side, by Gymnasium's name of one.

    Raises ValueError for a name that is not registered, with the nearest ones, and where a package is missing.
    """
    try:
        return gymnasium.make_vec(name, num_envs=envs, **options)
    except error.NamespaceNotFound as unknown:
        space = name.partition("/")[0]
        raise ValueError(
            f"Gymnasium has no environments called {space}/...; those of a package are known once it is imported: "
            "put its module before the name, as in ale_py:ALE/Pong-v5"
        ) from unknown
    except error.UnregisteredEnv as unknown:
        near = difflib.get_close_matches(name, list(gymnasium.registry), NEAREST, 0.4)
        offer = f"the nearest are {', '.join(near)}" if near else "gymnasium.pprint_registry() lists all"
        raise ValueError(f"Gymnasium has no environment {name!r}; {offer}") from unknown
    except (error.DependencyNotInstalled, ImportError) as missing:
        raise ValueError(f"{name} cannot be made: {_lacking(missing)}") from missing
    except error.Error as wrong:
        raise ValueError(f"Gymnasium cannot make {name!r}: {wrong}") from wrong


def _lacking(missing: Exception) -> str:
    """What to install for an environment; where leonui's extra does not bring it, Gymnasium says what does."""
    said = str(missing)
    if any(package in said for package in EXTRA):
        return f"{said}; pip install 'leonui[rl]' brings it"
    module = getattr(missing, "name", None)
    return f"it needs the package {module}, which is not here: install it" if module else said


def inputs(space: spaces.Space) -> int:
    """How many numbers an observation has. Raises ValueError for a space that is not a Box of numbers, or of images."""
    if not isinstance(space, spaces.Box):
        raise ValueError(
            f"observations of {space} are not supported; wrap the environment so that they are a Box: "
            "gymnasium.wrappers.FlattenObservation makes one"
        )
    if len(space.shape) == 3 and space.dtype == np.uint8:
        raise ValueError(
            f"observations of shape {space.shape} are images, which these networks do not see; wrap the environment "
            "so that it gives a vector of numbers"
        )
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
