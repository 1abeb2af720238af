"""Where in the script something happens."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import Any

import torch

# where a script's own lines are not: torch, and those parts of leonui that a script calls or runs under
_LIBRARIES = tuple(
    str(place)
    for place in (
        Path(torch.__file__).parent,
        Path(__file__).parent,
        *(Path(__file__).parents[2] / part for part in ("engine", "optim", "clip.py")),
        "<",
    )
)


# what is installed, and not the user's to change: a trainer that is a package stands between the script and the step
_INSTALLED = tuple({f"{sysconfig.get_path(key)}{os.sep}" for key in ("stdlib", "platstdlib", "purelib", "platlib")})


def own_place(skip: int) -> str:
    """The nearest place in the stack that is the user's own, as ``file:line``; where none is, the nearest."""
    near = places(skip + 1, sys.getrecursionlimit())
    return next((place for place in near if not place.startswith(_INSTALLED)), near[0])


def caller(skip: int) -> str:
    """The package between the script and this call: of those in the stack the one that the user's own line called.

    Empty where the user's own line is the nearest, or there is none.
    """
    near = places(skip + 1, sys.getrecursionlimit())
    own = next((at for at, place in enumerate(near) if not place.startswith(_INSTALLED)), 0)
    between = [place.removeprefix(root) for place in near[max(0, own - 1) : own] for root in _INSTALLED]
    return next(iter(Path(min(between, key=len, default="")).parts), "")


def places(skip: int, depth: int) -> list[str]:
    """The nearest ``depth`` places in the stack, as ``file:line``, that are neither torch's nor leonui's."""
    found: list[str] = []
    frame = sys._getframe(skip)
    while frame is not None and len(found) < depth:
        name = frame.f_code.co_filename
        if not name.startswith(_LIBRARIES):
            found.append(f"{name}:{frame.f_lineno}")
        frame = frame.f_back
    return found or [""]


def raised(trace: Any) -> str:
    """Where an exception came from, as ``file:line``: the innermost place that is not torch's."""
    frames = [f for f in traceback.extract_tb(trace) if not f.filename.startswith(str(Path(torch.__file__).parent))]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
