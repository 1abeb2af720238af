"""The probe's own code inside a compiled function: it must not be compiled with it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch._C._dynamo.eval_frame import get_eval_frame_callback


def eager(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, run as plain Python also where torch.compile is at work.

    To leave a compiled region and come back costs several microseconds, so it is only done inside one.
    """
    apart = torch._disable_dynamo(function)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return (function if get_eval_frame_callback() is None else apart)(*args, **kwargs)

    return torch._disable_dynamo(run, recursive=False)
