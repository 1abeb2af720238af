"""All that is known of a landscape, as the plain values that ``leonui landscape --json`` prints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from leonui.machine import machine
from leonui.record import number
from leonui.survey import judge
from leonui.words import mark

if TYPE_CHECKING:
    from leonui.survey.job import Survey


def result(survey: Survey) -> dict[str, Any]:
    """Everything as plain values; what is not known is None."""
    record, rates = survey.watched, _rates(survey)
    events = record.named("curvature")
    curved = judge.curvature([event for event in events if event.get("optimizer") == 0], rates)
    losses, strained = record.losses(), judge.strain(curved)
    return {
        "command": "landscape",
        "program": str(survey.program),
        "time": survey.began.wall,
        "seconds": survey.began.seconds,
        "complete": survey.complete,
        "verdict": judge.verdict(losses, strained) if survey.trail else "none",
        "strain": strained,
        "lr": next((rate for rate in reversed(rates.values()) if rate), None),
        "optimizer": record.last("optimizer").get("name"),
        "steps": record.steps,
        "path": _path(survey, losses),
        "plane": _plane(survey),
        "explained": survey.trail.explained if survey.trail else None,
        "curvature": curved,
        "findings": [finding.to_json() for finding in survey.findings],
        "notes": [{"template": template, "evidence": evidence} for template, evidence in _remarks(survey, events)],
        "settings": {
            mark("branches start by"): survey.start,
            mark("batches a place"): survey.batches if survey.along else None,
            mark("places on each side"): survey.points or None,
            mark("kept weights"): len(survey.trail.steps) if survey.trail else None,
        },
        "machine": machine(),
        "trials": {"watch": "watch"},
    }


def _rates(survey: Survey) -> dict[int, float]:
    """The first optimizer's first rate at each step."""
    rows = [row for row in survey.watched.rows if row.get("optimizer", 0) == 0 and row.get("lr")]
    return {row["step"]: number(row["lr"][0]) for row in rows}


def _path(survey: Survey, losses: list[float]) -> list[list[float | None]]:
    """x, y, loss and steps made at each kept place: the loss on the batches of all places, or else the training's."""
    trail = survey.trail
    if trail is None:
        return []
    own = dict(enumerate(losses))  # the loss of a step is that of the weights before it
    told = survey.along or own
    return [[x, y, _finite(told.get(made)), made] for (x, y), made in zip(trail.places, trail.steps, strict=True)]


def _plane(survey: Survey) -> dict[str, Any]:
    x, y = survey.axes
    grid = [[_finite(survey.around.get((row, column))) for column in range(len(x))] for row in range(len(y))]
    asked = len(x) * len(y)
    return {"x": x, "y": y, "loss": grid, "places": len(survey.around), "asked": asked, "batches": survey.batches}


def _finite(loss: float | None) -> float | None:
    return loss if loss is not None and math.isfinite(loss) else None


def _remarks(survey: Survey, events: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    trail, record = survey.trail, survey.watched
    if trail and survey.start == "rerun":
        words = mark(
            "the loss around the path would take a run from the beginning for each place: {why}; "
            "--points 5 does so 25 times"
        )
        yield (mark("each place was a run from the beginning: {why}") if survey.along else words), {"why": survey.why}
    if survey.start == "rewind":
        words = mark("each place saw other batches, because the process was put back in place: {why}")
        yield words, {"why": survey.why}
    if trail and trail.left_out:
        words = mark("{count} of the kept weights were left out: not finite, or of another shape than at the start")
        yield words, {"count": trail.left_out}
    if trail and trail.explained[1] == 0:
        yield mark("the path is straight: the second direction is a random one"), {}
    if error := next((event["error"] for event in events if "error" in event), ""):
        yield mark("the curvature could not be measured: {error}"), {"error": error}
    if len(record.named("optimizer")) > 1:
        words = mark("{count} optimizers train here: the path is that of all weights, the curvature that of the first")
        yield words, {"count": len(record.named("optimizer"))}
