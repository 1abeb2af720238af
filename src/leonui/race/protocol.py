"""The race itself: a walk, the same search for each entrant's rate, then whole trainings with fresh seeds.

What is done is written into a journal at once, so that a race that was broken off goes on where it stood.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from leonui.finder.guide import Guide
from leonui.finding import Finding
from leonui.race.crew import Crew, Here
from leonui.race.heat import Due, Heat, Tuning
from leonui.rate import Contender, Job, Wishes
from leonui.record import Record, Row, Writer
from leonui.trial.judge import Judge
from leonui.trial.program import Program
from leonui.trial.recipe import Recipe
from leonui.trial.runner import Runner
from leonui.words import mark

TRACKS = ("tuned", "defaults", "auto")
SHARES = (0.5, 0.5**0.5, 1.0)  # of the script's steps: the lengths of whole trainings
OWN = "own"  # the optimizer that the script has


@dataclass(frozen=True)
class Plan:
    """What is raced.

    entrants: names of leonui.optim, or module:Class; the script's own optimizer races, too. reference: the entrant
    whose median final loss is the target. track: "tuned" gives each the rate of its own search, "defaults" its
    constructor's, "auto" is tuned with the search counted. seeds: fresh ones, never those of the search. own: whether
    there is an optimizer beside the entrants; on a surface there is none.
    """

    entrants: tuple[str, ...]
    seeds: int = 5
    track: str = "tuned"
    reference: str = OWN
    steps: int | None = None
    budget: int | None = None
    metric: str | None = None
    goal: str = "min"
    own: bool = True

    def __post_init__(self) -> None:
        if self.track not in TRACKS:
            raise ValueError(f"track={self.track!r} is not known; choose one of {', '.join(TRACKS)}")
        if self.seeds < 1:
            raise ValueError(f"seeds={self.seeds} is below 1; give 5, or more")
        if not self.entrants:
            beside = " beside the script's own" if self.own else ""
            raise ValueError(f"a race needs an optimizer{beside}; name some: -o adamw -o lion")
        for name in self.entrants:
            _known(name)
        if self.own and self.reference not in self.field:
            raise ValueError(f"reference={self.reference!r} does not race; choose one of {', '.join(self.field)}")

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Plan:
        """A plan as another version may have written it: what is missing is as it is by default."""
        known = {field.name for field in fields(cls)}
        if strange := sorted(set(told) - known):
            raise ValueError(f"the plan of this race has {', '.join(strange)}, of a newer leonui; go on with that one")
        return cls(**{**told, "entrants": tuple(told["entrants"])})

    @property
    def field(self) -> tuple[str, ...]:
        """All that race: the script's own first."""
        return (*((OWN,) if self.own else ()), *dict.fromkeys(self.entrants))


def _known(name: str) -> None:
    """Raises ValueError for an optimizer that is not on the shelf."""
    from leonui import optim

    shelf = [one for one in vars(optim) if inspect.isclass(getattr(optim, one))]
    if ":" not in name and name.lower() not in map(str.lower, shelf):
        near = get_close_matches(name.lower(), [one.lower() for one in shelf], 3, 0.4)
        nearest = f"; the nearest are {', '.join(near)}" if near else ""
        raise ValueError(f"leonui.optim has no optimizer {name!r}{nearest}; leonui optimizers lists them")


class Race:
    """A race under way; its ``journal`` is the Record of what was done, and can be read at any moment.

    crew: who runs its parts; this machine, one part after the other, where nobody is named.
    """

    def __init__(self, program: Program, folder: Path, plan: Plan, crew: Crew | None = None):
        self.program, self.folder, self.plan, self.crew = program, folder, plan, crew
        wishes = Wishes(plan.steps, metric=plan.metric, goal=plan.goal)
        self.job = Job(program, folder, replace(wishes, budget=plan.budget) if plan.budget else wishes)
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
        crew = self.crew or Here(runner, guide, point)
        crew.each([self._tuning(name) for name in self.plan.field if name not in self.rates], self._note)
        crew.each([heat for heat in map(self._heat, range(1, self.plan.seeds + 1)) if heat.due], self._note)
        self.complete = True

    @property
    def rates(self) -> dict[str, Row]:
        """What the search of each entrant gave."""
        return {event["entrant"]: event for event in self.journal.named("tuned")}

    def _note(self, line: Mapping[str, Any]) -> None:
        """Into the journal, and to the disk at once; OSError where that is full, as what is not kept is done again."""
        self.journal.add(dict(line))
        self._writer.add(dict(line))
        self._writer.flush()
        if self._writer.failed:
            raise self._writer.failed

    # its parts

    def _tuning(self, name: str) -> Tuning:
        """The search for an entrant's rate; on the track of defaults it has one."""
        peak, fixed = (self.job.peaks or [1.0])[0], None
        if self.plan.track == "defaults":
            fixed = 1.0 if name == OWN else default_rate(name) / peak
        law = self.job.law(contender(name))
        return Tuning(name, self._recipe(name), self.job.judge, law, self.job.wishes.budget, peak, fixed)

    def _heat(self, seed: int) -> Heat:
        """All that is missing of one seed; who goes first changes with the seed."""
        field = self.plan.field
        done = {(row["entrant"], row["share"]) for row in self.journal.rows if row["seed"] == seed}
        shares = {name: tuple(share for share in SHARES if (name, share) not in done) for name in field}
        due = tuple(
            Due(name, self._recipe(name), self.rates[name]["scale"], shares[name])
            for name in field[seed % len(field) :] + field[: seed % len(field)]
            if self.rates[name]["scale"] and shares[name]
        )
        return Heat(seed, due, self.job.steps, self._judge, self.job.walk.validation_site)

    def _recipe(self, name: str) -> Recipe:
        return contender(name).recipe(self.job.recipe)

    @property
    def _judge(self) -> Judge:
        return Judge(self.plan.metric, self.plan.goal)


def contender(name: str) -> Contender:
    """What an entrant changes about the script."""
    return Contender() if name == OWN else Contender(name)


def shelved(name: str) -> type[Any]:
    """The class of an entrant."""
    from leonui.trial.probe.act import optimizer_class

    return optimizer_class(name if ":" in name else f"leonui.optim:{name}")


def default_rate(name: str) -> float:
    """The learning rate that an optimizer's constructor has."""
    rate = inspect.signature(shelved(name)).parameters["lr"].default
    if not isinstance(rate, int | float):
        raise ValueError(f"{name} has no learning rate of its own; race it on --track tuned")
    return float(rate)
