"""All that is known of a search, as the plain values that ``leonui lr --json`` prints."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from leonui.finder import Estimate, told
from leonui.finder.estimate import SURE
from leonui.machine import machine
from leonui.patch import patch
from leonui.rate.notes import remarks
from leonui.record import Record
from leonui.runs import Began, shown
from leonui.words import mark

if TYPE_CHECKING:
    from leonui.rate.job import Job

SETS_PEAK = ("OneCycleLR", "CyclicLR")  # schedulers that are told the rate which the optimizer then has


def result(job: Job) -> dict[str, Any]:
    """Everything as plain values; what is not known yet is None."""
    search, rates, (file, line) = job.search, job.peaks, place(job.walk)
    rate = rates[0] if rates else None
    return {
        **head("branches", str(job.program), job.began),
        "complete": job.complete,
        **_answer(job, rates),
        "base_lr": rates,
        "steps": sum(one.spent for one in job.searches),
        "horizon": job.steps,
        "epochs": None if math.isnan(job.walk.epochs) else job.walk.epochs,
        "judged_by": job.judge.kind,
        "goal": job.wishes.goal,
        "metric_pattern": job.wishes.metric,
        "optimizer": job.winner.optimizer or job.walk.last("optimizer").get("name"),
        "schedule": job.winner.schedule,
        "weight_decay": job.winner.weight_decay,
        "contenders": _contenders(job, rate) if len(job.contenders) > 1 else [],
        "file": file,
        "line": line,
        "patch": patch(file, line, None if job.winner.optimizer else job.scale),
        "start_loss": statistics.fmean(search.start) if search and search.start else None,
        **(told(search, rate or 1.0) if search else {"rungs": [], "ramp": None}),
        "curvature": job.sharp.named("curvature"),
        "findings": [finding.to_json() for finding in job.findings],
        "notes": remarks(job),
        "settings": _settings(job),
        "machine": machine(),
    }


def head(method: str, program: str, began: Began) -> dict[str, Any]:
    """What every search begins with."""
    return {
        "command": "lr",
        "method": method,
        "program": program,
        "time": began.wall,
        "seconds": began.seconds,
    }


def peaks(walk: Record) -> list[float]:
    """The highest rate that each group has in a run, optimizer by optimizer."""
    highest: dict[int, list[float]] = {}
    for row in walk.rows:
        held = highest.setdefault(row["optimizer"], list(row["lr"]))
        highest[row["optimizer"]] = [max(pair) for pair in zip(held, row["lr"], strict=False)]
    return [rate for index in sorted(highest) for rate in highest[index]]


def place(walk: Record) -> tuple[str | None, int | None]:
    """Where the rate stands: in the scheduler that sets its peak, else where the optimizer is made."""
    scheduler = walk.last("scheduler")
    source = scheduler if scheduler.get("name") in SETS_PEAK else walk.last("optimizer")
    file, _, line = str(source.get("place", "")).rpartition(":")
    return shown(file) or None, int(line) if line.isdigit() else None


def _answer(job: Job, rates: list[float]) -> dict[str, Any]:
    found: Estimate | None = job.search.estimate() if job.search else None
    scale, rate, ends = job.scale, rates[0] if rates else None, job.interval
    return {
        "lr": rate * scale if scale and rate else None,
        "scale": scale,
        "per_group": [peak * scale for peak in rates] if scale else [],
        "interval": [rate * end for end in ends] if rate and ends else None,
        "level": SURE,
        "status": job.status,
        "lost": [{"factor": by, "low": low, "high": high} for by, low, high in found.lost] if found else [],
        "slope": found.slope if found else None,
    }


def _contenders(job: Job, rate: float | None) -> list[dict[str, Any]]:
    """Each with the rate that was found for it, and the loss of its last rung's best."""
    rows = []
    for contender, search in zip(job.contenders, job.searches, strict=False):
        found = search.estimate()
        lr = found.scale * rate if found and rate else None
        rows.append({"name": str(contender), "lr": lr, "loss": min(search.rungs[-1].loss) if found else None})
    return rows


def _settings(job: Job) -> dict[str, Any]:
    said = {mark("branches start by"): job.start, mark("steps of the whole run"): job.steps}
    return {name: value for name, value in said.items() if value}
