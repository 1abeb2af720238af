"""The probe: what lives inside the training process, measures it, and applies Interventions."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from leonui.trial.plan import VARIABLE, Plan
from leonui.trial.probe.seeds import shift

if TYPE_CHECKING:
    from leonui.trial.probe.hooks import Hooks
    from leonui.trial.probe.probe import Probe

_active: dict[Probe, tuple[Hooks, Callable[[], None]]] = {}  # and how to leave the process alone again


def install(library: str) -> None:
    """Called in a process that has a Plan: for "random" at its start, for the others when they have been imported."""
    if library == "keras":
        return _welcome()
    plan = Plan.read(os.environ[VARIABLE])
    if library == "random" and plan.tethered:
        from leonui.trial.process import tether

        tether()
    offset = next((leg.seed for leg in plan.route if leg.seed is not None), None)
    if offset is not None:
        shift(library, offset)
    if library == "torch":
        start(plan)
    return None


def _welcome() -> None:
    for hooks, _ in _active.values():
        hooks.welcome()


def start(plan: Plan) -> Probe:
    """Begin to watch this process; torch is imported here."""
    from leonui.trial.probe.probe import Probe

    probe = Probe(plan)
    _attach(probe)
    return probe


def _attach(probe: Probe) -> None:
    from leonui.trial.probe.hooks import Hooks

    hooks = Hooks(probe)
    hooks.attach()
    _active[probe] = hooks, _watch_process(probe)


def end(probe: Probe) -> None:
    """Stop watching: write the last lines, put everything back as it was."""
    probe.close()
    probe.ledger.writer.close()
    if probe not in _active:
        return
    for hooks, leave in reversed(_active.values()):  # newest first
        hooks.detach()
        leave()
    del _active[probe]
    for other in list(_active):
        _attach(other)


def log(**values: Any) -> None:
    """Write numbers of the script's own into the Record; does nothing in a run that is not watched.

    >>> log(val_loss=0.25)
    """
    for probe in _active:
        probe.log(values)


def _watch_process(probe: Probe) -> Callable[[], None]:
    """See the exceptions, the forks and the end of this process, also one by ``os._exit``; returns how to undo it."""
    excepthook, leave = sys.excepthook, os._exit

    def see(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        probe.failed(kind, error, trace)
        excepthook(kind, error, trace)

    def close_and_leave(status: int) -> NoReturn:
        probe.close()
        leave(status)

    def undo() -> None:
        sys.excepthook, os._exit = excepthook, leave
        atexit.unregister(probe.close)

    sys.excepthook, os._exit = see, close_and_leave
    atexit.register(probe.close)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=probe.forked)
    return undo
