"""The race itself: a walk, the same search for each entrant's rate, then whole trainings with fresh seeds.

What is done is written into a journal at once, so that a race that was broken off goes on where it stood.
"""

from __future__ import annotations

import inspect
import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from leonui.finder import Search
from leonui.finder.guide import Guide
from leonui.finding import Finding
from leonui.rate import Contender, Job, Wishes
from leonui.record import Record, Row, Writer
from leonui.trial.intervention import Intervention
from leonui.trial.judge import Judge
from leonui.trial.program import Program
from leonui.trial.runner import Point, Runner
from leonui.trial.trial import Trial
from leonui.words import mark

TRACKS = ("tuned", "defaults", "auto")
SHARES = (0.5, 0.5**0.5, 1.0)  # of the script's steps: the lengths of whole trainings
JUDGED = 32  # batches on which weights are judged where the script does not validate
OWN = "own"  # the optimizer that the script has


@dataclass(frozen=True)
class Plan:
    """What is raced.

    entrants: names of leonui.optim, or module:Class; the script's own optimizer races, too. reference: the entrant
    whose median final loss is the target. track: "tuned" gives each the rate of its own search, "defaults" its
    constructor's, "auto" is tuned with the search counted. seeds: fresh ones, never those of the search.
    """

    entrants: tuple[str, ...]
    seeds: int = 5
    track: str = "tuned"
    reference: str = OWN
    steps: int | None = None
    budget: int | None = None
    metric: str | None = None
    goal: str = "min"

    def __post_init__(self) -> None:
        if self.track not in TRACKS:
            raise ValueError(f"track={self.track!r} is not known; choose one of {', '.join(TRACKS)}")
        if self.seeds < 1:
            raise ValueError(f"seeds={self.seeds} is below 1; give 5, or more")
        if not self.entrants:
            raise ValueError("a race needs an optimizer beside the script's own; name some: -o adamw -o lion")
        for name in self.entrants:
            _known(name)
        if self.reference not in self.field:
            raise ValueError(f"reference={self.reference!r} does not race; choose one of {', '.join(self.field)}")

    @property
    def field(self) -> tuple[str, ...]:
        """All that race: the script's own first."""
        return (OWN, *dict.fromkeys(self.entrants))


def _known(name: str) -> None:
    """Raises ValueError for an optimizer that is not on the shelf."""
    from leonui import optim

    shelf = [one for one in vars(optim) if inspect.isclass(getattr(optim, one))]
    if ":" not in name and name.lower() not in map(str.lower, shelf):
        near = get_close_matches(name.lower(), [one.lower() for one in shelf], 3, 0.4)
        nearest = f"; the nearest are {', '.join(near)}" if near else ""
        raise ValueError(f"leonui.optim has no optimizer {name!r}{nearest}; leonui optimizers lists them")


class Race:
    """A race under way; its ``journal`` is the Record of what was done, and can be read at any moment."""

    def __init__(self, program: Program, folder: Path, plan: Plan):
        self.program, self.folder, self.plan = program, folder, plan
        wishes = Wishes(plan.steps, metric=plan.metric, goal=plan.goal)
        self.job = Job(program, folder, replace(wishes, budget=plan.budget) if plan.budget else wishes)
        self.judge = Judge(plan.metric, plan.goal)
        self.journal = Record.read(folder / "race.jsonl")
        self.findings: list[Finding] = []
        self.complete = False
        self._writer = Writer(folder / "race.jsonl")

    def go(self, runner: Runner, guide: Guide) -> None:
        """Do all of it that the journal does not hold."""
        guide.stage(mark("walk"), self.plan.steps)
        point = runner.trailhead(0)
        if not self.job.look_ahead(runner, point):
            self.findings = self.job.findings
            return
        self._note({"event": "walk", "steps": self.job.steps, "lr": self.job.peaks, "plan": asdict(self.plan)})
        for name in self.plan.field:
            if name not in self.rates:
                self._tune(runner, point, guide, name)
        runner.release(point)
        for seed in range(1, self.plan.seeds + 1):
            self._run(runner, guide, seed)
        self.complete = True

    @property
    def rates(self) -> dict[str, Row]:
        """What the search of each entrant gave."""
        return {event["entrant"]: event for event in self.journal.named("tuned")}

    @property
    def validates(self) -> bool:
        """Whether the script tells by itself how good its weights are: by a metric, or by validation."""
        return bool(self.plan.metric) or self.job.walk.validation_site is not None

    def _note(self, line: Mapping[str, Any]) -> None:
        """Into the journal, and to the disk at once."""
        self.journal.add(dict(line))
        self._writer.add(dict(line))
        self._writer.flush()

    # the rate of each

    def _tune(self, runner: Runner, point: Point, guide: Guide, name: str) -> None:
        """Find the rate of an entrant; on the track of defaults it has one."""
        peak = (self.job.peaks or [1.0])[0]
        if self.plan.track == "defaults":
            scale = 1.0 if name == OWN else default_rate(name) / peak
            self._note({"event": "tuned", "entrant": name, "scale": scale, "lr": scale * peak, "spent": 0})
            return
        search = Search(
            runner, point, contender(name).recipe(self.job.recipe), self.judge, guide.picture,
            self.job.wishes.budget, f"tune-{_slug(name)}-", peak,
        )  # fmt: skip
        guide.stage(name, search.planned)
        search.go()
        told: Row = {"event": "tuned", "entrant": name, "scale": None, "lr": None, "spent": search.spent}
        if found := search.estimate():
            interval = [end * peak for end in found.interval]
            told |= {"scale": found.scale, "lr": found.scale * peak, "interval": interval}
        self._note(told)

    # whole trainings

    def _run(self, runner: Runner, guide: Guide, seed: int) -> None:
        """All that is missing of one seed; who goes first changes with the seed."""
        field = self.plan.field
        order = field[seed % len(field) :] + field[: seed % len(field)]
        done = {(row["entrant"], row["share"]) for row in self.journal.rows if row["seed"] == seed}
        due = [name for name in order if self.rates[name]["scale"] and not {(name, one) for one in SHARES} <= done]
        if not due:
            return
        point = runner.trailhead(seed)
        guide.stage(mark("race"), round(len(due) * sum(SHARES) * self.job.steps))
        for name in due:
            shares = [share for share in SHARES if (name, share) not in done]
            for row in self._trained(runner, point, name, seed, shares):
                self._note(row)
        runner.release(point)

    def _trained(self, runner: Runner, point: Point, name: str, seed: int, shares: list[float]) -> list[Row]:
        """Whole trainings of several lengths, from the same weights, and what became of each."""
        recipe, scale = contender(name).recipe(self.job.recipe), self.rates[name]["scale"]
        steps = {share: max(1, round(share * self.job.steps)) for share in shares}
        jobs = {
            f"{_slug(name)}-{seed}-{steps[share]}": recipe.at(scale, steps[share])
            & Intervention(stop=steps[share], glide=self.validates)
            for share in shares
        }
        trials = runner.branch(point, jobs, mute=self.plan.metric is None, keep=not self.validates)
        losses = self._losses(runner, point, trials)
        return [
            {"entrant": name, "seed": seed, "share": share, "loss": loss, "judged_by": judged} | cost(trial)
            for share, trial, (loss, judged) in zip(shares, trials, losses, strict=True)
        ]

    def _losses(self, runner: Runner, point: Point, trials: list[Trial]) -> list[tuple[float, str]]:
        """How good the last weights of each are, lower is better, and by what that was judged."""
        if self.plan.metric:
            return [(next(iter(self.judge.read(trial)), math.inf), "metric") for trial in trials]
        if self.validates:
            return [(_validation(trial.record, self.job.walk.validation_site), "validation") for trial in trials]
        batches = min(JUDGED, self.job.steps - 1)
        jobs = {
            f"judge-{trial.name}": Intervention(weights=str(trial.weights), stop=0, coast=batches)
            for trial in trials
            if trial.weights.exists()
        }
        coasted = {trial.name: trial.record.losses("coast") for trial in runner.branch(point, jobs)}
        for trial in trials:
            trial.weights.unlink(missing_ok=True)
        return [(_mean(coasted.get(f"judge-{trial.name}", [])), "training") for trial in trials]


def contender(name: str) -> Contender:
    """What an entrant changes about the script."""
    return Contender() if name == OWN else Contender(name)


def default_rate(name: str) -> float:
    """The learning rate that an optimizer's constructor has."""
    from leonui.trial.probe.act import optimizer_class

    kind = optimizer_class(name if ":" in name else f"leonui.optim:{name}")
    rate = inspect.signature(kind).parameters["lr"].default
    if not isinstance(rate, int | float):
        raise ValueError(f"{name} has no learning rate of its own; race it on --track tuned")
    return float(rate)


def cost(trial: Trial) -> Row:
    """What a training took: steps, forward and backward passes, seconds by its median step."""
    rows = [row for row in trial.record.rows if row.get("phase", "train") == "train"]
    seconds = statistics.median([float(row["seconds"]) for row in rows] or [0.0]) * len(rows)
    return {"steps": trial.record.steps, "passes": sum(row.get("micro", 1) for row in rows), "seconds": seconds}


def _validation(record: Record, site: str | None) -> float:
    passes = record.validations(site)
    broke = record.last("end").get("reason") not in (None, "done", "stopped", "budget")
    return passes[-1][1] if passes and not broke and math.isfinite(passes[-1][1]) else math.inf


def _mean(losses: list[float]) -> float:
    return statistics.fmean(losses) if losses and all(map(math.isfinite, losses)) else math.inf


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)
