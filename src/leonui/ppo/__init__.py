"""Constrained optimisation: more reward, within a bound on how far a policy moves. PPO, classic and RLHF.

The functions are pure and know masks; ``PPO`` trains on environments, ``RLHF`` language models.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from leonui.ppo.advantage import gae as gae
from leonui.ppo.advantage import group_advantage as group_advantage
from leonui.ppo.advantage import normalize as normalize
from leonui.ppo.divergence import KLTarget as KLTarget
from leonui.ppo.divergence import exact_kl as exact_kl
from leonui.ppo.divergence import kl as kl
from leonui.ppo.health import figures as figures
from leonui.ppo.objective import Stats as Stats
from leonui.ppo.objective import clipped_objective as clipped_objective
from leonui.ppo.objective import value_loss as value_loss
from leonui.ppo.rlhf import RLHF as RLHF
from leonui.ppo.rlhf_settings import Advantage as Advantage
from leonui.ppo.rlhf_settings import KLPenalty as KLPenalty
from leonui.ppo.rlhf_settings import Sampling as Sampling
from leonui.ppo.rlhf_settings import Update as Update
from leonui.ppo.settings import PRESETS as PRESETS
from leonui.ppo.settings import Settings as Settings

if TYPE_CHECKING:
    from leonui.ppo.train import PPO as PPO

_NEEDS = {"PPO": ("train", "gymnasium", "rl")}  # the trainers: where they live, and what they need that may be missing


def __getattr__(name: str) -> Any:
    if name not in _NEEDS:
        raise AttributeError(f"leonui.ppo has no {name!r}")
    module, package, extra = _NEEDS[name]
    try:
        return getattr(import_module(f"leonui.ppo.{module}"), name)
    except ModuleNotFoundError as missing:
        if missing.name != package:
            raise
        raise ModuleNotFoundError(
            f"leonui.ppo.{name} needs {package}, which is not here: pip install 'leonui[{extra}]'", name=package
        ) from missing
