"""An offset on every seed that the script sets, so that one script gives many runs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

SEEDERS = {
    "random": [("random", "seed")],
    "numpy": [("numpy.random", "seed"), ("numpy.random", "default_rng")],
    "torch": [("torch", "manual_seed"), ("torch.cuda", "manual_seed"), ("torch.cuda", "manual_seed_all")],
}
_outermost = [True]


def shift(library: str, offset: int) -> None:
    """Begin the library's generator at ``offset``, and add it to each seed that the script gives from now on."""
    for module, function in SEEDERS[library]:
        owner = import_module(module)
        setattr(owner, function, _shifted(getattr(owner, function), offset))
    module, function = SEEDERS[library][0]
    getattr(import_module(module), function)(0)


def _shifted(seeder: Callable[..., Any], offset: int) -> Callable[..., Any]:
    def seed_shifted(seed: Any = None, *args: Any, **kwargs: Any) -> Any:
        move = _outermost[0] and isinstance(seed, int)  # torch.manual_seed calls the seeders of torch.cuda
        _outermost[0], before = False, _outermost[0]
        try:
            return seeder(seed + offset if move else seed, *args, **kwargs)
        finally:
            _outermost[0] = before

    return seed_shifted
