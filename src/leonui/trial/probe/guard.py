"""What the probe does to a script when it must end it, and what its own faults must not do."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch._C._dynamo.eval_frame import get_eval_frame_callback

from leonui.trial.probe.compiled import uncompiled
from leonui.trial.probe.course import NOTHING

if TYPE_CHECKING:
    from leonui.trial.probe.probe import Probe


class StopTraining(SystemExit):
    """Ends a script cleanly: ``finally`` and atexit run, ``except Exception`` lets it pass, the exit code is 0."""


def guarded(otherwise: Any = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A fault of the probe itself ends the watching, never the training; a trial that has orders fails instead."""

    def guard(method: Callable[..., Any]) -> Callable[..., Any]:
        apart = torch._disable_dynamo(method)

        @functools.wraps(method)
        def see(probe: Probe, *args: Any, **kwargs: Any) -> Any:
            try:
                return (method if get_eval_frame_callback() is None else apart)(probe, *args, **kwargs)
            except Exception as error:
                if probe.course.leg is not NOTHING:
                    raise
                probe.asleep = True
                print(f"leonui: the probe failed, this run is no longer watched: {error!r}", file=sys.stderr)
                return otherwise

        return uncompiled(see)

    return guard
