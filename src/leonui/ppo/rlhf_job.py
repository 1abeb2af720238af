"""What a file for ``leonui rlhf`` defines."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from torch import nn

from leonui.ppo.rlhf_settings import Advantage, KLPenalty, Sampling, Update

NEEDED = ("model", "prompts", "reward")
MAY = ("tokenizer", "reference", "sampling", "penalty", "advantage", "update", "optimizer")
KINDS = {
    "model": nn.Module,
    "sampling": Sampling,
    "penalty": KLPenalty,
    "advantage": Advantage,
    "update": Update,
}
HOW = (
    "a file for leonui rlhf defines model, prompts and reward at its top, with a tokenizer (or encode and decode) for "
    "texts, or a function job() that returns them as a dict"
)


def load(target: str) -> dict[str, Any]:
    """What ``train.py``, ``train.py:function`` or ``module:function`` defines: ``prompts``, and what RLHF takes.

    Raises ValueError where there is no such file, module or function, or where something is missing.
    """
    place, _, function = (target, "", "") if target.endswith(".py") else target.rpartition(":")
    space = _space(place or target)
    if not function and "model" not in space and callable(space.get("job")):
        function = "job"
    if function and not callable(space.get(function)):
        raise ValueError(f"{place} has no function {function!r}; {HOW}")
    made: Mapping[str, Any] = space[function]() if function else space
    if not isinstance(made, Mapping):
        raise ValueError(f"{target} gave {type(made).__name__}; {HOW}")
    if missing := [name for name in NEEDED if name not in made]:
        raise ValueError(f"{target} lacks {', '.join(missing)}; {HOW}")
    # a file that has imported all of leonui.ppo has its modules among its names
    job = {name: made[name] for name in (*NEEDED, *MAY) if name in made and not isinstance(made[name], ModuleType)}
    if "tokenizer" not in job and {"encode", "decode"} <= made.keys():
        job["tokenizer"] = SimpleNamespace(encode=made["encode"], decode=made["decode"])
    for name, kind in KINDS.items():
        if name in job and not isinstance(job[name], kind):
            raise ValueError(f"{target}: {name} is {type(job[name]).__name__}; it must be a {kind.__name__}")
    if not len(job["prompts"]):
        raise ValueError(f"{target} has no prompts; give one at least")
    return job


def _space(place: str) -> Mapping[str, Any]:
    sys.path.insert(0, str(Path(place).resolve().parent if place.endswith(".py") else Path.cwd()))
    if not place.endswith(".py"):
        try:
            return vars(import_module(place))
        except ModuleNotFoundError as error:
            if error.name != place.split(".")[0] and error.name != place:
                raise
            raise ValueError(f"there is no module {place!r} here; {HOW}") from error
    if not Path(place).is_file():
        raise ValueError(f"there is no file {place}; {HOW}")
    return runpy.run_path(place, run_name="leonui_rlhf")
