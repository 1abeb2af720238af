"""The probe's own code inside a compiled function: it must not be compiled with it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch._C._dynamo.eval_frame import get_eval_frame_callback

_apart: list[Callable[..., Any]] = []  # functions whose frames the compiler does not know yet as not its own


def uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself; the compiler leaves its frame alone, and may compile what it calls.

    torch's own way to say so puts two frames before each call, and the compiler is not loaded before it is needed.
    """
    function._torchdynamo_disable = True  # type: ignore[attr-defined]  # where a compiled function calls it
    _apart.append(function)
    settle()
    return function


def settle() -> None:
    """Tell the compiler, where it has been loaded: torch loads it with the first optimizer."""
    if _apart and (compiler := sys.modules.get("torch._dynamo.eval_frame")):
        while _apart:
            compiler.skip_code(_apart.pop().__code__)


def eager(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, run as plain Python also where torch.compile is at work.

    To leave a compiled region and come back costs several microseconds, so it is only done inside one.
    """
    apart = torch._disable_dynamo(function)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return (function if get_eval_frame_callback() is None else apart)(*args, **kwargs)

    return uncompiled(run)
