"""Point leonui at a PyTorch training script: it finds the learning rate, trains it better, and shows the climb.

The names below are the whole public surface; each is imported when it is first used: ``import leonui`` is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from leonui import clip as clip
    from leonui import landscape as landscape
    from leonui import optim as optim
    from leonui import ppo as ppo
    from leonui import range_test as range_test
    from leonui import rules as rules
    from leonui import schedule as schedule
    from leonui.ascent.found import ClimbFinding as ClimbFinding
    from leonui.command.climb import climb as climb
    from leonui.doctor.diagnosis import Diagnosis as Diagnosis
    from leonui.doctor.live import watch as watch
    from leonui.doctor.visit import diagnose as diagnose
    from leonui.finding import Finding as Finding
    from leonui.race.result import RaceResult as RaceResult
    from leonui.race.result import compare as compare
    from leonui.rate.found import LRFinding as LRFinding
    from leonui.rate.job import find_lr as find_lr
    from leonui.record import Record as Record
    from leonui.schedule.phase import Schedule as Schedule
    from leonui.survey.found import LossLandscape as LossLandscape
    from leonui.survey.job import draw_landscape as draw_landscape
    from leonui.trial.intervention import Intervention as Intervention
    from leonui.trial.probe import log as log
    from leonui.trial.program import Program as Program
    from leonui.trial.runner import Runner as Runner
    from leonui.trial.trial import Trial as Trial

_HOMES = {
    "ClimbFinding": "ascent.found",
    "Diagnosis": "doctor.diagnosis",
    "Finding": "finding",
    "Intervention": "trial.intervention",
    "LRFinding": "rate.found",
    "LossLandscape": "survey.found",
    "Program": "trial.program",
    "RaceResult": "race.result",
    "Record": "record",
    "Runner": "trial.runner",
    "Schedule": "schedule.phase",
    "Trial": "trial.trial",
    "climb": "command.climb",
    "compare": "race.result",
    "diagnose": "doctor.visit",
    "draw_landscape": "survey.job",
    "find_lr": "rate.job",
    "log": "trial.probe",
    "watch": "doctor.live",
}
_ROOMS = ("clip", "landscape", "optim", "ppo", "range_test", "rules", "schedule")
__all__ = [
    "ClimbFinding",
    "Diagnosis",
    "Finding",
    "Intervention",
    "LRFinding",
    "LossLandscape",
    "Program",
    "RaceResult",
    "Record",
    "Runner",
    "Schedule",
    "Trial",
    "climb",
    "clip",
    "compare",
    "diagnose",
    "draw_landscape",
    "find_lr",
    "landscape",
    "log",
    "optim",
    "ppo",
    "range_test",
    "rules",
    "schedule",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"leonui.{_HOMES[name]}"), name)
    if name in _ROOMS:
        return import_module(f"leonui.{name}")
    raise AttributeError(f"leonui has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
