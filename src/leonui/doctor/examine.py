"""What is seen of a script beside its run: a walk through its data, a close look at some steps, a post-mortem."""

from __future__ import annotations

import math

from leonui.doctor.case import Case
from leonui.record import Record, Row, read_all
from leonui.trial.intervention import Intervention
from leonui.trial.trial import Trial

SAME = 1e-3  # relative: two runs of the same that differ by more are not the same
BEGIN = 3  # steps that are compared: later, rounding may have grown
LOOKED = tuple(range(2, 10))  # the first step's forward pass is over when the trailhead is reached


def examined(case: Case) -> Record:
    """The case's record, with what was seen in branches as events: "walk", "look" and, after a NaN, "post-mortem"."""
    runner, stop = case.runner, Intervention(stop=LOOKED[-1])
    at = tuple(case.before + step for step in LOOKED)
    walk = runner.branch(case.point, {"walk": case.repaired & Intervention(stop=0, glide=True)})[0]
    closely = {"look": at} | ({"slope": at[:1]} if plain(case.record) else {})
    look = runner.branch(case.point, {"look": case.repaired & stop}, closely=closely)[0].record
    case.spent += look.steps
    seen = look.last("end").get("look", {}) | {"paired": _paired(case.record, look)}
    events = [{"event": "walk", **_said(walk.record), "ranks": _ranks(walk)}, {"event": "look", **seen}]
    if nudged := look.last("end").get("look", {}).get("slope"):
        events.append({"event": "slope", **_measured(case, nudged)})
    if first := next((row["step"] for row in case.record.rows if row.get("nonfinite")), None):
        events.append({"event": "post-mortem", **post_mortem(case, first)})
    return Record(case.record.rows, [*case.record.events, *events])


def plain(record: Record) -> bool:
    """Whether what an optimizer steps along is the gradient of one loss: not clipped, scaled, added up, or old."""
    rows = record.rows[:BEGIN]
    if any(row.get(key) for row in rows for key in ("stale", "emptied")):
        return False
    scaled = any(row.get("phase") == "skipped" or "clip_scaled" in row for row in record.rows)
    alone = len({row.get("optimizer") for row in record.rows}) == 1 and all(row.get("micro") == 1 for row in rows)
    return alone and not scaled and not record.last("clip")


def _measured(case: Case, nudged: Row) -> Row:
    """By how much the loss of the same batch changes along the gradient, over ways of different length."""
    jobs = {f"nudge-{way}": Intervention(weights=path, stop=0, coast=1) for way, path in nudged["files"].items()}
    trials = case.runner.branch(case.point, jobs)
    losses = {float(way): t.record.losses("coast") for way, t in zip(nudged["files"], trials, strict=True)}
    ways = sorted({abs(way) for way in losses}, reverse=True)
    if not all(len(one) == 1 for one in losses.values()):
        return {}
    measured = [(losses[way][0] - losses[-way][0]) / (2 * way) for way in ways]
    return {"expected": nudged["expected"], "measured": measured}


def _paired(run: Record, branch: Record) -> bool:
    """Whether a branch begins as the run itself did: else the script begins otherwise each time."""
    pairs = zip(run.losses()[:BEGIN], branch.losses()[:BEGIN], strict=False)
    return all(abs(a - b) <= SAME * max(abs(a), 1e-12) for a, b in pairs if math.isfinite(a) and math.isfinite(b))


def _said(walk: Record) -> Row:
    told = ("samples", "distinct", "sites", "odd", "batches")
    return {key: value for key, value in walk.last("end").items() if key in told}


def _ranks(walk: Trial) -> list[list[float]]:
    """The first batches of the other ranks."""
    return [record.last("end").get("batches", []) for record in others(walk)]


def others(trial: Trial) -> list[Record]:
    """The records of all ranks but the chief."""
    every = read_all(trial.folder).items()
    return [record for name, record in every if "rank" in name and not name.endswith("rank0.jsonl")]


def post_mortem(case: Case, step: int) -> Row:
    """Which operation made the first number that was not finite: the run again up to that step, and a look at it."""
    at = {"look": (step,)}
    if step > case.before + 1:
        job = {"post-mortem": case.repaired & Intervention(stop=step - case.before)}
        trial = case.runner.branch(case.point, job, closely=at)[0]
    else:
        trial = case.runner.straight("post-mortem", case.repaired & Intervention(stop=step), mute=True, closely=at)
    case.spent += trial.record.steps
    return trial.record.last("end").get("look", {}).get("culprit", {})
