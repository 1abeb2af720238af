"""A learning-rate schedule that does not do what it is there for."""

from __future__ import annotations

from typing import Any

from leonui.doctor.fault import About, Fault, found, place
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.schedule import cosine
from leonui.trial.intervention import Intervention, LearningRate
from leonui.words import mark

RISES = 1.5  # by what factor the rate may be above its lowest again
ON_PURPOSE = ("CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR", "ReduceLROnPlateau", "SequentialLR", "LambdaLR")


def look(record: Record) -> Check | None:
    """Whether the scheduler steps, on the optimizer that steps, and does not turn round."""
    made = record.last("scheduler")
    if not made or not record.rows:
        return None
    evidence = {"name": made["name"], "count": record.last("end").get("scheduler", 0), "steps": record.steps}
    said = mark("{name} was stepped {count} times in {steps} steps")
    wrong = _idle(record, made, evidence) or _elsewhere(record, made, evidence) or _rises(record, made)
    return Check("SCHEDULE", said, evidence, wrong)


def _idle(record: Record, made: dict[str, Any], evidence: dict[str, Any]) -> Finding | None:
    if evidence["count"] or record.last("end").get("reason") != "done" or made["name"] == "SWALR":
        return None
    words = mark("{name} was made but never stepped: the learning rate stayed as it was for {steps} steps")
    fix = mark("call scheduler.step() once in each step or each epoch, as its numbers are meant")
    return found(FAULT.code, words, evidence, fix, place(record, "scheduler"))


def _elsewhere(record: Record, made: dict[str, Any], evidence: dict[str, Any]) -> Finding | None:
    stepping = {row.get("optimizer", 0) for row in record.rows}
    if made.get("optimizer", -1) in stepping or made.get("optimizer", -1) < 0:
        return None
    words = mark("{name} changes the rate of an optimizer that never steps")
    fix = mark("make the scheduler with the optimizer that trains, after that one is final")
    return found(FAULT.code, words, evidence, fix, place(record, "scheduler"))


def _rises(record: Record, made: dict[str, Any]) -> Finding | None:
    """A cosine that is stepped beyond its end goes up again."""
    if made["name"] != "CosineAnnealingLR":
        return None
    rates = [max(row["lr"]) for row in record.rows if row.get("lr")]
    low = min(range(len(rates)), key=rates.__getitem__)
    if low < 2 or max(rates[low:]) <= RISES * max(rates[low], 0.01 * max(rates)) or rates[-1] <= rates[low]:
        return None
    evidence = {"name": made["name"], "step": record.rows[low]["step"], "low": rates[low], "high": max(rates[low:])}
    evidence["steps"] = record.steps
    words = mark("{name} goes up again: the rate is lowest at step {step} ({low:.2g}) and then rises to {high:.2g}")
    fix = mark("set T_max to the number of times that scheduler.step() is called in the whole run")
    return found(FAULT.code, words, evidence, fix, place(record, "scheduler"))


def _once(finding: Finding) -> Intervention:
    """One that goes up again: the same cosine over the whole run. What was never stepped nobody knows."""
    steps = finding.evidence["steps"]
    return Intervention(lr=LearningRate(cosine(steps), "base")) if "low" in finding.evidence else Intervention()


FAULT = Fault(
    "SCHEDULE",
    About(
        mark(
            "The schedule is never stepped, is stepped too often or too seldom, goes on beyond its end, or belongs to"
            " another optimizer."
        ),
        mark(
            "Steps of scheduler and optimizer are counted, the rate of each step is read; where the rate dies early, "
            "the run is replayed at its first rate."
        ),
        mark("A deliberate decay to 0, warm restarts, cycles."),
        mark(
            "Step it as often as its numbers are meant: once an epoch or once a batch, T_max the number of calls in "
            "the whole run."
        ),
        ("https://github.com/huggingface/accelerate/issues/963",),
    ),
    look,
    _once,
    fixes=("scheduler.step()",),
)
