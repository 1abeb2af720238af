"""The job of ``leonui lr``: walk the script once without training, search, judge what was found."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leonui.doctor.ending import too_short, trouble
from leonui.finder import Search
from leonui.finder.guide import Guide, Silent
from leonui.finder.horizon import Law, judging, law
from leonui.finder.search import LONGEST
from leonui.finder.status import REFUSED, status
from leonui.finding import Finding
from leonui.rate.found import LRFinding
from leonui.rate.result import peaks, result
from leonui.rate.space import TRIALS, Contender, contenders, lowest, tune_decay
from leonui.record import Record
from leonui.runs import Began, create
from leonui.trial.intervention import Intervention
from leonui.trial.judge import Judge
from leonui.trial.program import Given, Program
from leonui.trial.recipe import Recipe, compressed, seen, warmed
from leonui.trial.runner import Point, Runner
from leonui.trial.walk import WALK, walk
from leonui.words import mark


@dataclass(frozen=True)
class Wishes:
    """What the user asked for.

    steps: the length of the run, if it is known; walk: seconds that may be spent to find it out; budget: steps that
    the search may take; metric: a number that the script prints, as a regular expression, and its goal, "min" or
    "max"; optimizers, schedules, weight_decay: what to try instead of the script's own, weight_decay also "auto".
    """

    steps: int | None = None
    walk: float = WALK
    budget: int = LONGEST
    metric: str | None = None
    goal: str = "min"
    optimizers: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    weight_decay: float | str | None = None

    def __post_init__(self) -> None:
        if self.weight_decay is not None and not self.optimizers:
            raise ValueError("weight_decay is tried with an optimizer that is named; give optimizers, or -o, too")
        if self.goal not in ("min", "max"):
            raise ValueError(f"goal={self.goal!r} is not known; choose min or max")

    @property
    def contenders(self) -> list[Contender]:
        """What to try, before a weight decay is searched."""
        decay = None if self.weight_decay == "auto" else self.weight_decay
        return contenders(self.optimizers, self.schedules, decay if decay is None else float(decay))


@dataclass
class Job:
    """A search for the learning rate of a program; ``result`` can be read at any moment."""

    program: Program
    folder: Path
    wishes: Wishes = field(default_factory=Wishes)

    def __post_init__(self) -> None:
        self.walk: Record = Record()
        self.searches: list[Search] = []
        self.contenders = self.wishes.contenders
        self.factor = 1.0  # on the rate that was found, where a weight decay was searched with it
        self.sharp: Record = Record()
        self.warm: bool = False
        self.findings: list[Finding] = []
        self.began = Began()
        self.complete = False
        self.start = ""

    def go(self, runner: Runner, guide: Guide) -> None:
        """Do all of it; what stops it early becomes a finding."""
        guide.stage(mark("walk"), self.wishes.steps)
        point = runner.trailhead(0)
        if not self.look_ahead(runner, point):
            return
        judge, rate = self.judge, (self.peaks or [1.0])[0]
        searches = [
            Search(
                runner,
                point,
                one.recipe(self.recipe),
                judge,
                guide.picture,
                self.wishes.budget,
                rate=rate,
                law=self.law(one),
            )
            for one in self.contenders
        ]
        planned = sum(search.planned for search in searches)
        guide.say(ABOUT, steps=planned, horizon=self.steps, seconds=self.pace * planned / runner.workers)
        for contender, search in zip(self.contenders, searches, strict=True):
            guide.stage(mark("learning rate") if len(searches) == 1 else str(contender), search.planned)
            search.name = str(contender) if len(searches) > 1 else ""
            self.searches.append(search)
            search.go()
            if search.dry and not search.dry.record.steps and (fault := trouble(search.dry)):
                self.findings.append(fault)
                return
        self._check(runner, point)
        self._tune(guide, judge)
        runner.release(point)
        self.complete = True

    @property
    def search(self) -> Search | None:
        """The search of what trained best."""
        return self.searches[lowest(self.searches)] if self.searches else None

    @property
    def winner(self) -> Contender:
        """What trained best."""
        return self.contenders[lowest(self.searches)] if self.searches else self.contenders[0]

    def _tune(self, guide: Guide, judge: Judge) -> None:
        """Search the weight decay of the winner, if that is asked for."""
        search = self.search
        if self.wishes.weight_decay != "auto" or search is None or search.estimate() is None:
            return
        guide.stage(mark("weight decay"), TRIALS * search.rungs[-1].steps)
        at = lowest(self.searches)
        self.contenders[at], self.factor = tune_decay(search, self.winner, self.recipe, judge)

    # what is known of the run before it is trained

    def look_ahead(self, runner: Runner, point: Point) -> bool:
        """Walk the script to its end without training it; False where that cannot be done: a finding says why."""
        trial = walk(runner, point, self.wishes.walk, bool(self.wishes.steps))
        self.walk, self.start = trial.record, trial.start if runner.start == "auto" else runner.start
        if not self.walk.rows and (fault := trouble(trial)):
            self.findings.append(fault)
            return False
        if fault := too_short(self.steps):
            self.findings.append(fault)
            return False
        return True

    @property
    def steps(self) -> int:
        """The length of the run."""
        return self.wishes.steps or len({row["step"] for row in self.walk.rows})

    @property
    def recipe(self) -> Recipe:
        """How the script's own run goes, by what the walk saw."""
        values = seen(self.walk)
        return Recipe(self.steps, lambda steps: compressed(values, steps))

    @property
    def pace(self) -> float:
        """Seconds a step, by the first two: the walk computes no others."""
        return statistics.fmean(self.walk.column("seconds")[:2] or [0.0])

    @property
    def judge(self) -> Judge:
        """By what candidates are judged."""
        return judging(self.walk, self.wishes.metric, self.wishes.goal, self.start)

    def law(self, contender: Contender) -> Law:
        """How the best rate falls with the length of a run."""
        return law(self.judge, contender.optimizer or self.walk.last("optimizer").get("name"))

    # what is looked at besides

    def _check(self, runner: Runner, point: Point) -> None:
        """The curvature on the way; where training breaks just above the best rate, whether a warm-up would help."""
        search = self.search
        found = search.estimate() if search else None
        if search is None or found is None:
            return
        steps = search.rungs[0].steps
        job = {"curvature": search.recipe.at(found.scale, steps) & Intervention(stop=steps)}
        at = {"curvature": (1, max(2, steps // 2), steps)}
        self.sharp = runner.branch(point, job, closely=at)[0].record
        search.spent += self.sharp.steps
        if search.limited:
            self.warm = search.better_warm(warmed(search.recipe))

    # what is known

    @property
    def status(self) -> str:
        """One of STATUSES."""
        if self.search is None:
            return "not_learning"
        said = status(self.search.start, self.search.telling, self.walk.epochs)
        if said == "ok" and any(rung.overfits(self.search.untaught) for rung in self.search.telling):
            return "overfit_horizon"
        return "needs_warmup" if said == "ok" and self.warm else said

    @property
    def scale(self) -> float | None:
        """The factor on the script's rates; None where there is none to give."""
        found = self.search.estimate() if self.search else None
        return found.scale * self.factor if found and self.status not in REFUSED else None

    @property
    def interval(self) -> list[float] | None:
        """Factors on the script's rates between which the best one lies; None where there is none to give.

        Where a run may overfit and no validation tells how, the best may be as low as it takes to see each sample once.
        """
        found = self.search.estimate() if self.search else None
        if self.search is None or found is None or self.status in REFUSED:
            return None
        blind = self.status == "overfit_horizon" and not self.search.judge.site
        low, high = (self.factor * end for end in found.interval)
        return [low / min(self.walk.epochs, LOWEST) if blind else low, high]

    @property
    def moves(self) -> bool:
        """Whether the script's rate changes on the way."""
        return len(set(seen(self.walk))) > 1

    def result(self) -> dict[str, Any]:
        """Everything as plain values; what is not known yet is None."""
        return result(self)

    @property
    def peaks(self) -> list[float]:
        """The highest rate that each group has in the script's run, optimizer by optimizer."""
        return peaks(self.walk)


LOWEST = 30.0  # times: lower than that below what trains best no interval reaches
ABOUT = mark("{horizon} steps a run; the search takes about {steps} steps, {seconds:.0f} s")


def find_lr(program: Given, *, start: str = "auto", workers: int = 0, **wishes: Any) -> LRFinding:
    """The learning rate of a program: of a script with its arguments, ``-m module``, ``module:function`` or a function.

    ``wishes`` are the fields of Wishes: steps, metric, goal ... Raises ValueError where there is no such program. A run
    that cannot be searched has a status and no rate.

        found = leonui.find_lr("train.py --epochs 3")
        print(found.lr, found.interval, found.status)
    """
    program = Program.of(program)
    job = Job(program, create("lr"), Wishes(**wishes))
    with Runner(program, job.folder, workers=workers, start=start) as runner:
        job.go(runner, Silent())
    return LRFinding(job.result())
