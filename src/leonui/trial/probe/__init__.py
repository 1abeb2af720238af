"""The probe: what lives inside the training process, measures it, and applies Interventions."""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any

from leonui.trial.plan import VARIABLE, Plan
from leonui.trial.probe.seeds import shift

if TYPE_CHECKING:
    from leonui.trial.probe.hooks import Hooks
    from leonui.trial.probe.probe import Probe

_active: dict[Probe, Hooks] = {}


def install(library: str) -> None:
    """Called in a process that has a Plan: for "random" at its start, for numpy and torch when they are imported."""
    plan = Plan.read(os.environ[VARIABLE])
    if library == "random" and plan.tethered:
        from leonui.trial.process import tether

        tether()
    offset = next((leg.seed for leg in plan.route if leg.seed is not None), None)
    if offset is not None:
        shift(library, offset)
    if library == "torch":
        start(plan)


def start(plan: Plan) -> Probe:
    """Begin to watch this process; torch is imported here."""
    from leonui.trial.probe.hooks import Hooks
    from leonui.trial.probe.probe import Probe

    probe = Probe(plan)
    hooks = Hooks(probe)
    hooks.attach()
    _active[probe] = hooks
    _watch_process(probe)
    return probe


def end(probe: Probe) -> None:
    """Stop watching: write the last lines, put torch's functions back."""
    probe.close()
    _active.pop(probe).detach()


def log(**values: Any) -> None:
    """Write numbers of the script's own into the Record; does nothing in a run that is not watched.

    >>> log(val_loss=0.25)
    """
    for probe in _active:
        probe.log(values)


def _watch_process(probe: Probe) -> None:
    before = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        probe.failed(kind, error, trace)
        before(kind, error, trace)

    sys.excepthook = excepthook
    atexit.register(probe.close)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=probe.forked)
