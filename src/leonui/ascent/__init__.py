"""The main job: the script as it is, first checks, its learning rate, the better training, the verdict, the report."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leonui.ascent.changes import changes
from leonui.ascent.regime import WARMUP, recipe
from leonui.ascent.verdict import Measured, Pair, compare, finite_or_none
from leonui.doctor.ending import too_short, trouble
from leonui.doctor.first import first_checks
from leonui.finder import Search, told
from leonui.finder.guide import Guide
from leonui.finder.horizon import AGENT, judging, law
from leonui.finding import Check, Finding
from leonui.machine import machine
from leonui.record import Record
from leonui.runs import Began, shown
from leonui.trial.intervention import Intervention
from leonui.trial.program import Program
from leonui.trial.recipe import Recipe
from leonui.trial.runner import Point, Runner
from leonui.trial.trial import Trial
from leonui.trial.walk import walk
from leonui.words import mark

SEEDS, QUICK = 3, 60.0  # seeds where a baseline takes under so many seconds, else one
JUDGED = 32  # batches on which final weights are compared
UNSAID = ("verdict", "judged_by", "difference", "interval", "level")


@dataclass(frozen=True)
class Wishes:
    """What the user asked for: a budget in steps or seconds, seeds, a metric in the script's output and its goal."""

    steps: int | None = None
    seconds: float | None = None
    seeds: int | None = None
    metric: str | None = None
    goal: str = "min"
    clip: float | None = 1.0


@dataclass
class Climb:
    """A climb under way; ``result`` can be read at any moment and holds what is known by then."""

    program: Program
    folder: Path
    wishes: Wishes = field(default_factory=Wishes)

    def __post_init__(self) -> None:
        self.baseline: Trial | None = None
        self.best: Trial | None = None
        self.found: Search | None = None
        self.checks: list[Check] = []
        self.findings: list[Finding] = []
        self.pairs: list[Pair] = []
        self.notes: list[dict[str, Any]] = []
        self.seeds = 0
        self.began = Began()
        self.complete = False

    def go(self, runner: Runner, guide: Guide) -> None:
        """Do all of it; what stops it early becomes a finding."""
        if not self._baseline(runner, guide):
            return
        for seed in range(self.seeds):
            point = runner.trailhead(seed)
            if self.found is None:
                self.found = self._search(runner, point, guide)
                guide.stage(mark("learning rate"), self.found.planned)
                self.found.go()
            if (scale := self.scale) is None:
                self.findings.append(_all_broke())
                return
            guide.stage(mark("climb"), self.steps * (1 + bool(seed)) + 2 * (JUDGED + 1))
            self.pairs.append(self._pair(runner, point, seed, scale))
            runner.release(point)
        self.complete = True

    def _search(self, runner: Runner, point: Point, guide: Guide) -> Search:
        """Where the script validates, a walk tells how often samples come again, and so whether that judges."""
        assert self.baseline is not None
        own = self.baseline.record
        walked = walk(runner, point).record if own.validation_site else Record()
        judge = judging(walked, None, self.wishes.goal, runner.start)
        how = law(judge, own.last("optimizer").get("name"))
        return Search(runner, point, self.recipe, judge, guide.picture, rate=self.rate or 1.0, law=how)

    def _baseline(self, runner: Runner, guide: Guide) -> bool:
        guide.stage(mark("baseline"), self.wishes.steps)
        began = time.monotonic()
        whole = Intervention(seed=0, stop=self.wishes.steps)
        self.baseline = runner.straight("baseline", whole, keep=True, seconds=self.wishes.seconds)
        took = time.monotonic() - began
        record = self.baseline.record
        runner.patience = 60.0 + 20 * max(record.column("seconds"), default=0.0) + took
        if fault := trouble(self.baseline):
            self.findings.append(fault)
            return False
        self._remark(record, took)
        self.checks = first_checks(record)
        self.findings += [check.finding for check in self.checks if check.finding]
        if fault := too_short(self.steps):
            self.findings.append(fault)
            return False
        head = record.last("trailhead")
        if runner.start == "auto" and head.get("unforkable"):
            runner.start, runner.why = "rerun", head["unforkable"]
        return True

    def _remark(self, record: Record, took: float) -> None:
        assert self.baseline is not None
        self.seeds = self.wishes.seeds or (SEEDS if took < QUICK else 1)
        if self.wishes.seeds is None and self.seeds == 1:
            self._note(
                mark("one seed only, because a baseline takes {seconds:.0f} s; --seeds 3 for more"),
                seconds=took,
            )
        if self.baseline.returncode:
            self._note(mark("the script ended with exit code {code}"), code=self.baseline.returncode)
        if record.acts and not self.wishes.metric:
            self._note(AGENT)
        if len(record.named("optimizer")) > 1:
            words = mark(
                "{count} optimizers train here: all their rates are scaled together, and losses are their mean"
            )
            self._note(words, count=len(record.named("optimizer")))
        if self.baseline.processes > 1:
            words = mark("{count} processes train here: the losses are those of the first")
            self._note(words, count=self.baseline.processes)
        if record.last("end").get("reason") in ("budget", "stopped"):
            self._note(mark("the budget ended the baseline after {steps} steps"), steps=self.steps)

    def _note(self, template: str, **evidence: Any) -> None:
        self.notes.append({"template": template, "evidence": evidence})

    @property
    def steps(self) -> int:
        """The length of one training: what the baseline made."""
        return self.baseline.record.steps if self.baseline else 0

    @property
    def recipe(self) -> Recipe:
        """How the better training goes."""
        return recipe(self.steps, self.wishes.clip)

    @property
    def rate(self) -> float | None:
        """The first rate that the script itself has."""
        rates = self.baseline.record.last("trailhead").get("lr") if self.baseline else None
        return rates[0] if rates else None

    @property
    def scale(self) -> float | None:
        """The factor on the script's rates that was found."""
        found = self.found.estimate() if self.found else None
        return found.scale if found else None

    # the two trainings of a seed, and their final weights on the same batches

    def _pair(self, runner: Runner, point: Point, seed: int, scale: float) -> Pair:
        limited = self.wishes.steps or self.wishes.seconds
        end = Intervention(stop=self.steps if limited else None)
        jobs = {f"climb-{seed}": self.recipe.at(scale, self.steps) & end}
        if seed:
            jobs = {f"baseline-{seed}": end, **jobs}
        trials = runner.branch(point, jobs, keep=True, mute=False)
        before, after = trials if seed else (self.baseline, trials[0])
        assert before is not None
        self.best = self.best or after
        return self._judge(runner, point, seed, before, after)

    def _judge(self, runner: Runner, point: Point, seed: int, before: Trial, after: Trial) -> Pair:
        coast = min(JUDGED, self.steps - 1)
        jobs = {
            f"judge-{trial.name}": Intervention(weights=str(trial.weights), stop=0, coast=coast)
            for trial in (before, after)
            if trial.weights.exists()
        }
        coasted = {trial.name: trial.record.losses("coast") for trial in runner.branch(point, jobs)}
        for trial in (before, after):
            trial.weights.unlink(missing_ok=True)
        return Pair(
            seed,
            *(self._measured(trial, coasted.get(f"judge-{trial.name}", [])) for trial in (before, after)),
        )

    def _measured(self, trial: Trial, coasted: list[float]) -> Measured:
        metric = trial.metric(self.wishes.metric) if self.wishes.metric else None
        return Measured(tuple(coasted), self._validation(trial.record), metric)

    def _validation(self, record: Record) -> float | None:
        passes = record.validations(self.baseline.record.validation_site) if self.baseline else []
        return passes[-1][1] if passes else None

    # what is known

    def result(self) -> dict[str, Any]:
        """Everything as plain values; what is not known yet is None."""
        record = self.baseline.record if self.baseline else Record()
        base = record.last("trailhead").get("lr") or [None]
        rate: float | None = base[0]
        scale = self.scale
        verdict = compare(self.pairs, self.wishes.goal) if self.pairs else None
        said: dict[str, Any] = verdict.to_json() if verdict else dict.fromkeys(UNSAID)
        better = verdict is not None and verdict.word == "better" and scale is not None
        return {
            "command": "climb",
            "program": str(self.program),
            "time": self.began.wall,
            "seconds": self.began.seconds,
            "complete": self.complete,
            **said,
            "goal": self.wishes.goal,
            "metric_pattern": self.wishes.metric,
            "lr": rate * scale if scale and rate is not None else None,
            "scale": scale,
            "base_lr": base,
            "optimizer": record.last("optimizer").get("name"),
            "baseline": _mean([pair.baseline for pair in self.pairs]),
            "climb": _mean([pair.climb for pair in self.pairs]),
            "pairs": [
                {"seed": p.seed, "baseline": p.baseline.to_json(), "climb": p.climb.to_json()} for p in self.pairs
            ],
            "steps": self._cost(),
            "trials": {who: trial and trial.name for who, trial in (("baseline", self.baseline), ("climb", self.best))},
            "changes": changes(record, scale, self.steps, self.wishes.clip) if better and scale else [],
            "search": _finite(told(self.found, rate or 1.0)) if self.found else None,
            "checks": [check.to_json() for check in self.checks],
            "findings": [finding.to_json() | {"file": shown(finding.file or "") or None} for finding in self.findings],
            "notes": self.notes,
            "settings": self._settings(record),
            "machine": machine(),
        }

    def _cost(self) -> dict[str, int]:
        final = self.best.record.steps if self.best else 0
        return {"baseline": self.steps, "search": self.found.spent if self.found else 0, "final": final}

    def _settings(self, record: Record) -> dict[str, Any]:
        head, end = record.last("trailhead"), record.last("end")
        share = float(end.get("probe_seconds", 0)) / max(float(end.get("seconds", 0)), 1e-9)
        said = {
            mark("seeds"): len(self.pairs),
            mark("gradients clipped at norm"): self.wishes.clip,
            mark("share of the steps that warm up"): WARMUP,
            mark("branches start by"): self.best.start if self.best else None,
            mark("because"): self.best.why if self.best else None,
            mark("threads of the baseline"): head.get("threads"),
            mark("share of time the probe took"): f"{share:.2%}",
        }
        return {name: value for name, value in said.items() if value not in (None, "")}


def _mean(measured: list[Measured]) -> dict[str, float | None] | None:
    """The mean of each quantity over seeds."""
    if not measured:
        return None
    columns = {name: [getattr(one, name) for one in measured] for name in ("loss", "validation", "metric")}
    return {
        name: None if None in column else finite_or_none(statistics.fmean(column)) for name, column in columns.items()
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return finite_or_none(value) if isinstance(value, float) else value


def _all_broke() -> Finding:
    words = mark("every learning rate that was tried ended in a loss that is not finite")
    fix = mark("look at the data and the loss first: no rate can mend them")
    return Finding("ALL-BROKE", "is", words, {}, fix)
