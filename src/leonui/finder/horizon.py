"""From a short training to the whole run: what judges it, and how the best factor falls with the length of a run.

Where samples come again and again, what trains best learns them by heart: the script's own validation is asked. How far
a training goes counts there, rate times steps, so that the best rate falls as the steps rise.
"""

from __future__ import annotations

from dataclasses import dataclass

from leonui.record import Record
from leonui.trial.judge import Judge
from leonui.words import mark

REPEATS = 2.0  # epochs: beyond, validation is looked at, too
OFTEN, SOON = 4, 10.0  # passes of validation on the way, else the seconds in which a walk is through
MANY_EPOCHS = 10.0  # beyond, validation alone counts; where there is none, nothing tells what overfits least


@dataclass(frozen=True)
class Law:
    """The best factor falls with the length of a run to the power of minus ``slope``, give or take ``sd``."""

    slope: float
    sd: float = 0.25


# Tuned on the development tasks of bench/lr, then frozen. The field's slope is 0.32 for long runs of language models
# (Bjorck et al., ICLR 2025), more where a run is short for what it must learn.
FIELD = Law(0.45)
SIGNS = Law(0.65)  # updates by sign do not shrink as gradients become noise: only the rate makes them small
DISTANCE = Law(1.1, 0.15)
BY_SIGN = ("lion", "sign")  # in the name of an optimizer

AGENT = mark(
    "an agent learns here, and its loss does not say how well it acts: name what the script prints, as in "
    "--metric 'return=(.+)' --goal max"
)


def judging(walk: Record, metric: str | None, goal: str, start: str) -> Judge:
    """By what short trainings are judged, by how the whole run goes; ``start``: how they begin.

    A process that rewinds cannot go on to a validation, and one that comes late in a long run is waited for too long.
    """
    near = len(walk.validations(walk.validation_site)) >= OFTEN or float(walk.last("end").get("seconds", 0)) < SOON
    looks = walk.epochs > REPEATS and near and not metric and start != "rewind"
    site = walk.validation_site if looks else None
    return Judge(metric, goal, site, "validation" if site and walk.epochs > MANY_EPOCHS else "training")


def law(judge: Judge, optimizer: str | None) -> Law:
    """How the best factor falls, by what judges and by the name of the optimizer."""
    if judge.by == "validation":
        return DISTANCE
    return SIGNS if any(part in (optimizer or "").lower() for part in BY_SIGN) else FIELD
