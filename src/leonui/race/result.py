"""What a race's journal says: who is best, who cannot be told from the best, what each needs to reach the target."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from leonui.finder.guide import Silent
from leonui.machine import machine
from leonui.race.heat import MEMORY
from leonui.race.protocol import OWN, SHARES, Plan, Race
from leonui.race.reason import noted, worst
from leonui.race.statistics import LEVEL, Comparison, holm, paired, reached
from leonui.record import Record, Row, number
from leonui.runs import create
from leonui.trial.program import Given, Program
from leonui.trial.runner import Runner
from leonui.words import mark

CLOCKS = ("steps", "passes", "seconds")
Losses = dict[str, dict[int, dict[float, float]]]  # entrant, seed, share of the steps


class RaceResult:
    """What came of a race: a ``verdict`` in one word, who is ``tied``, and a ``table``, the best first."""

    def __init__(self, told: Mapping[str, Any]):
        self._told = dict(told)

    @property
    def verdict(self) -> str:
        """One of "winner", "indistinguishable", "one_seed" and "none"."""
        return self._told["verdict"]

    @property
    def best(self) -> str | None:
        """The entrant with the lowest mean loss; a winner only if the verdict says so."""
        return self._told["best"]

    @property
    def tied(self) -> tuple[str, ...]:
        """All that cannot be told from the best one."""
        return tuple(self._told["tied"])

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row for each entrant, the best first."""
        return self._told["entrants"]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return self._told

    def __repr__(self) -> str:
        return f"RaceResult({self.verdict}: {', '.join(self.tied) or self.best})"


def compare(program: Given, *entrants: str, start: str = "auto", **plan: Any) -> RaceResult:
    """Race optimizers on a program: on a script with its arguments, ``-m module``, ``module:function`` or a function.

    ``plan`` are the fields of Plan: seeds, track, reference, metric ... Raises ValueError for what cannot be raced.

        result = leonui.compare("train.py --epochs 3", "adamw", "lion", seeds=5)
        print(result.verdict, result.tied)
    """
    program = Program.of(program)
    job = Race(program, create("race"), Plan(entrants, **plan))
    with Runner(program, job.folder, start=start) as runner:
        job.go(runner, Silent())
    return RaceResult(result(job))


def result(job: Race) -> dict[str, Any]:
    """Everything that is known of a race as plain values; what is not known yet is None."""
    return {
        "command": "race",
        "program": str(job.program),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "run": str(job.folder),
        "complete": job.complete,
        **standings(job.journal, job.plan),
        "goal": job.plan.goal,
        "findings": [finding.to_json() for finding in job.findings],
        "machine": machine(),
    }


def standings(journal: Record, plan: Plan) -> dict[str, Any]:
    """The judgement of a journal: only seeds that every entrant has run to the full length are compared."""
    losses, tuned = read(journal), {event["entrant"]: event for event in journal.named("tuned")}
    whole = {name: {seed: at[1.0] for seed, at in seeds.items() if 1.0 in at} for name, seeds in losses.items()}
    seeds = sorted(set.intersection(*map(set, whole.values()))) if whole else []
    ends = {name: [whole[name][seed] for seed in seeds] for name in plan.field if name in whole}
    ordered = sorted(ends, key=lambda name: statistics.fmean(ends[name]) if seeds else 0.0)
    best = ordered[0] if seeds and math.isfinite(statistics.fmean(ends[ordered[0]])) else None
    against = compared(ends, ordered) if best else {}
    target = statistics.median(ends[plan.reference]) if seeds and plan.reference in ends else math.inf
    alive = [name for name in ordered if any(map(math.isfinite, ends[name]))]  # who always breaks ties with nobody
    tied = [name for name in alive if name == best or (name in against and against[name][1] > LEVEL)]
    rows = {name: _entrant(name, ends[name], tuned[name], against.get(name)) for name in ordered}
    for name, row in rows.items():
        spent = tuned[name]["spent"] if plan.track == "auto" else 0
        row |= _to_target(journal, name, {seed: losses[name][seed] for seed in seeds}, target, spent)
        row |= {kind: _held(journal, name, seeds, kind) for kind in MEMORY}
        row["why"] = worst(one["why"] for one in _whole(journal, name, seeds) if "why" in one)
    entrants = [*rows.values(), *(_untrained(name, tuned) for name in plan.field if name not in rows)]
    return {
        "verdict": _word(best, tied, len(seeds)),
        "best": best,
        "tied": tied if len(seeds) > 1 else [],
        "entrants": entrants,
        "judged_by": journal.rows[-1]["judged_by"] if journal.rows else None,
        "target": _known(target),
        "reference": plan.reference,
        "track": plan.track,
        "seeds": len(seeds),
        "horizon": journal.last("walk").get("steps"),
        "curves": {name: _curve(journal, losses[name], seeds) for name in ordered} if seeds else {},
        "search": sum(event["spent"] for event in tuned.values()),
        "notes": noted(entrants) + _notes(ends, len(seeds), plan),
    }


def compared(ends: Mapping[str, list[float]], ordered: list[str]) -> dict[str, tuple[Comparison, float]]:
    """Every entrant beside the first: how far behind it is, and p corrected for all pairs, as none was named before."""
    pairs = {
        (a, b): paired([_apart(x, y) for x, y in zip(ends[a], ends[b], strict=True)])
        for a, b in combinations(ordered, 2)
    }
    p = holm({pair: said.p for pair, said in pairs.items()})
    return {b: (said, p[a, b]) for (a, b), said in pairs.items() if a == ordered[0]}


def _apart(before: float, after: float) -> float:
    """After minus before; nothing where both broke."""
    return 0.0 if before == after else after - before


def read(journal: Record) -> Losses:
    """The losses of a journal; infinite where a training broke. A row that is there twice counts once."""
    losses: Losses = {}
    for row in journal.rows:
        loss = number(row["loss"])
        at = losses.setdefault(row["entrant"], {}).setdefault(row["seed"], {})
        at.setdefault(row["share"], loss if math.isfinite(loss) else math.inf)
    return losses


def _word(best: str | None, tied: list[str], seeds: int) -> str:
    if best is None:
        return "none"
    return "one_seed" if seeds == 1 else "winner" if len(tied) == 1 else "indistinguishable"


def _entrant(name: str, ends: list[float], tuned: Mapping[str, Any], against: Any) -> dict[str, Any]:
    known = [loss for loss in ends if math.isfinite(loss)]
    mean = paired(known) if known else None
    return {
        "entrant": name,
        "lr": tuned["lr"],
        "scale": tuned["scale"],
        "interval": tuned.get("interval"),
        "spent": tuned["spent"],
        "losses": [_known(loss) for loss in ends],
        "broke": len(ends) - len(known),
        "mean": _known(statistics.fmean(ends)) if ends else None,
        "spread": mean and mean.interval,
        "behind": _known(against[0].difference) if against else None,
        "behind_interval": against[0].interval if against else None,
        "p": against[1] if against else None,
        "why": tuned.get("why"),
    }


def _untrained(name: str, tuned: Mapping[str, Any]) -> dict[str, Any]:
    """An entrant without a training: no rate could be found for it, or its turn has not come."""
    event = tuned.get(name, {"lr": None, "scale": None, "spent": 0})
    return _entrant(name, [], event, None) | dict.fromkeys((*CLOCKS, *MEMORY, "arrived", "faster"))


def _to_target(
    journal: Record, name: str, losses: dict[int, dict[float, float]], target: float, spent: int
) -> dict[str, Any]:
    """What it takes to the target by each clock, the median over seeds, None if infinite; how many ``arrived``."""
    costs: dict[str, list[float]] = {clock: [] for clock in CLOCKS}
    horizon = journal.last("walk").get("steps") or 1
    for seed, at in losses.items():
        shares = [share for share in SHARES if share in at]
        steps = reached([share * horizon for share in shares], [at[share] for share in shares], target)
        rates = _rates(journal, name, seed)
        for clock in CLOCKS:
            costs[clock].append((steps + spent) * rates[clock])
    medians = {clock: _known(statistics.median(values)) if values else None for clock, values in costs.items()}
    arrived = sum(map(math.isfinite, costs["steps"]))
    faster = horizon / medians["steps"] if medians["steps"] else None
    return medians | {"arrived": arrived, "faster": faster}


def _rates(journal: Record, name: str, seed: int) -> dict[str, float]:
    """What a step takes by each clock, in the longest training of a seed."""
    row = _longest(journal, name, seed)
    return {clock: row[clock] / max(row["steps"], 1) for clock in CLOCKS}


def _held(journal: Record, name: str, seeds: list[int], kind: str) -> float | None:
    """The bytes of one kind of memory in the longest training, the median over seeds; None where nobody counted."""
    told = [_longest(journal, name, seed).get(kind) for seed in seeds]
    counted = [one for one in told if one is not None]
    return statistics.median(counted) if counted else None


def _whole(journal: Record, name: str, seeds: list[int]) -> list[Row]:
    """The rows of an entrant's longest trainings, as far as they are compared."""
    return [row for row in journal.rows if row["entrant"] == name and row["seed"] in seeds and row["share"] == 1.0]


def _longest(journal: Record, name: str, seed: int) -> Row:
    rows = [row for row in journal.rows if row["seed"] == seed and row["entrant"] == name]
    return max(rows, key=lambda row: row["share"])


def _curve(journal: Record, losses: Any, seeds: list[int]) -> dict[str, list[float | None]]:
    """The final loss over the length of a training: mean over seeds and its interval."""
    horizon = journal.last("walk").get("steps") or 1
    found: dict[str, list[float | None]] = {"steps": [], "mean": [], "low": [], "high": []}
    for share in SHARES:
        known = [losses[seed][share] for seed in seeds if math.isfinite(losses[seed].get(share, math.inf))]
        if known:
            told = paired(known)
            low, high = told.interval or (None, None)
            for key, value in (("steps", share * horizon), ("mean", told.difference), ("low", low), ("high", high)):
                found[key].append(value)
    return found


def _notes(ends: Mapping[str, list[float]], seeds: int, plan: Plan) -> list[dict[str, Any]]:
    notes = []
    if seeds > 1 and any(len(set(losses)) == 1 and math.isfinite(losses[0]) for losses in ends.values()):
        words = mark("the script comes to the same end with every seed: it sets none, or draws nothing")
        notes.append({"template": words, "evidence": {}})
    if 1 < seeds < 5:
        words = mark("{seeds} seeds: with fewer than 5 hardly any difference can be told from chance")
        notes.append({"template": words, "evidence": {"seeds": seeds}})
    if plan.reference != OWN:
        words = mark("the target is the median final loss of {reference}")
        notes.append({"template": words, "evidence": {"reference": plan.reference}})
    return notes


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
