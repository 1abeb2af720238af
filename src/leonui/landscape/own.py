"""A surface of the user's own: a Python function, named as ``file.py:function``."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from leonui.landscape.surface import Surface

WINDOW = (-5.0, 5.0)


def own(place: str) -> Surface:
    """The surface ``file.py:function``; the file is run, as any script is.

    The function takes one or two float64 tensors and returns their losses in torch operations. Where to look and to
    start may stand on it: ``function.window = ((-2, 2), (-1, 3))``, ``function.start = (-1.5, 2)``; else -5 to 5.
    ValueError where there is no such function, or it is no surface.
    """
    function = _found(place)
    return _surface(place, function)


def owned(place: str) -> dict[str, Surface]:
    """The surfaces of a file by their places: all public functions of ``file.py``, or one, ``file.py:function``."""
    if Path(place).suffix != ".py":
        return {place: own(place)}
    module = _module(place)
    names = [name for name, it in vars(module).items() if inspect.isfunction(it) and it.__module__ == module.__name__]
    places = {f"{place}:{name}": getattr(module, name) for name in names if not name.startswith("_")}
    if not places:
        raise ValueError(f"{place} defines no function; write one such as def valley(x, y): return x**2 + 50 * y**2")
    return {place: _surface(place, function) for place, function in places.items()}


def _surface(place: str, function: Callable[..., Any]) -> Surface:
    count = len(inspect.signature(function).parameters)
    if count not in (1, 2):
        raise ValueError(f"{place} takes {count} arguments; a surface takes one or two: def {function.__name__}(x, y)")
    window = tuple((float(a), float(b)) for a, b in getattr(function, "window", [WINDOW] * count))
    start = tuple(float(x) for x in getattr(function, "start", [0.7 * low + 0.3 * high for low, high in window]))
    if len(window) != count or len(start) != count:
        raise ValueError(f"{place} has {count} arguments, but a window of {len(window)} and a start of {len(start)}")
    words = (inspect.getdoc(function) or "").partition("\n")[0]
    surface = Surface(Path(place).name, function.__name__, words, function, window, start)
    _try(surface, place)
    return surface


def _found(place: str) -> Callable[..., Any]:
    path, colon, name = place.rpartition(":")
    if not colon or not Path(path).is_file():
        raise ValueError(f"{place!r} names no file and function; give it as file.py:function")
    function = getattr(_module(path), name, None)
    if not callable(function):
        raise ValueError(f"{path} has no function {name!r}; write def {name}(x, y): ...")
    return function


def _module(path: str) -> ModuleType:
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}; give the path of a Python file with a surface in it")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file; give one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    return module


def _try(surface: Surface, place: str) -> None:
    """Losses of one and of many points, and a gradient: all that a climb will ask for."""
    try:
        _, losses = surface.grid(3)
        slope = surface.gradient(torch.tensor(surface.start, dtype=torch.float64))
    except Exception as error:
        raise ValueError(f"{place} is no surface in torch operations: {type(error).__name__}: {error}") from error
    if losses.shape != (3,) * surface.dimensions or losses.dtype != torch.float64:
        raise ValueError(
            f"{place} must return one float64 for each point; it returned {losses.dtype} {[*losses.shape]}"
        )
    if not bool(slope.isfinite().all()):
        raise ValueError(f"{place} has no finite gradient at its start {surface.start}; set {surface.title}.start")
