"""A visit: the script as it is, the exact checks, then trainings that prove what would help."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

from leonui.doctor import gain
from leonui.doctor.case import AS_IT_IS, Case, climbed, ending
from leonui.doctor.causes import LOWER, Suspicion, dead_layer, rival, sufficient, suspicions
from leonui.doctor.diagnosis import Diagnosis
from leonui.doctor.ending import SHORTEST, trouble
from leonui.doctor.examine import SAME, examined, others
from leonui.doctor.fault import COUNTS, Fault, concerns, loss_calls, split, stepped
from leonui.doctor.faults import FAULTS, collapse, nonfinite, overfitting
from leonui.doctor.first import finite, learned, moved
from leonui.doctor.gain import compared, proved
from leonui.doctor.labels import ahead, best_validation, by_heart, fits, same, unlearned
from leonui.doctor.mend import mend
from leonui.doctor.panel import Panel, panel
from leonui.doctor.remarks import remarks
from leonui.doctor.words import WORDS
from leonui.finding import Check, Finding, Proof
from leonui.record import Record
from leonui.runs import create, shown
from leonui.trial.intervention import Intervention, scale, treated
from leonui.trial.program import Given, Program
from leonui.trial.runner import Runner
from leonui.trial.trial import Trial
from leonui.words import mark

MOST = 2  # causes that are tried on the whole run
TASTE = 0.2  # the share that a higher rate must gain: a rate that gains less is low, and not wrong
FAR_OFF = 10.0  # times too low
AS_GOOD = 0.9  # of what a cause gains for which nothing else speaks: a rate that gains so much is the cause
Found = tuple[Fault, Finding]


@dataclass
class Visit:
    """A visit under way; ``diagnosis`` can be read at any moment and holds what is known by then."""

    program: Program
    folder: Path
    stage: Callable[[str, int | None], None] = lambda name, total: None

    def __post_init__(self) -> None:
        self.seen: Trial | None = None
        self.case: Case | None = None
        self.findings: list[Finding] = []
        self.checks: list[Check] = []
        self.notes: list[dict[str, Any]] = []
        self.exact = True  # replays of the same are the same
        self.complete = False
        self.fixed: dict[str, Any] | None = None
        self.cured: Record | None = None  # the whole run with what was found mended

    @property
    def diagnosis(self) -> Diagnosis:
        """What is known by now."""
        steps = self.seen.record.steps if self.seen else 0
        learning = all(check.ok for check in self.checks if check.code == "LEARNED")
        spent = self.case.spent if self.case else 0
        return Diagnosis(tuple(self.findings), tuple(self.checks), steps + spent, steps, learning, tuple(self.notes))

    def go(self, runner: Runner) -> None:
        """Do all of it."""
        self.stage("as it is", None)
        self.seen = runner.straight("as-it-is")
        if found := trouble(self.seen):
            self.findings.append(found)
        record = gathered(self.seen)
        if record.steps >= SHORTEST:
            self.stage(mark("a closer look"), None)
            self.case = Case(runner, record)
            record = self.case.record = examined(self.case)
            self._pair()
        elif record.steps:
            words = mark("too short to be replayed: {steps} steps")
            self.notes.append({"template": words, "evidence": {"steps": record.steps}})
        certain, suspected = self._exact(record)
        if self.case and all(fault.repair for fault, _ in certain):
            self.stage(mark("replays"), None)
            self._replay(certain, suspected)
        self._last_resort(record)
        said = {finding.code for finding in self.findings}
        self.findings += [finding for fault, finding in suspected if fault.fact and fault.code not in said]
        self.notes += remarks(record)
        self.complete = True

    def _pair(self) -> None:
        """Where the script begins otherwise each time, what it is compared with is a branch from the same beginning."""
        assert self.case is not None
        if self.case.record.last("look").get("paired", True):
            return
        words = mark("the script begins otherwise each time: set its seeds, or no two of its runs can be compared")
        self.notes.append({"template": words, "evidence": {}})
        control = self.case.whole({AS_IT_IS: Intervention()})[AS_IT_IS].record
        self.case.record = Record(control.rows, [*control.events, *_examined(self.case.record)])

    def _exact(self, record: Record) -> tuple[list[Found], list[Found]]:
        """All that the record shows: what is certain, and what a replay must decide."""
        looks = [(fault, check) for fault in FAULTS if (check := fault.seen(record))]
        plain = [check for check in (finite(record), learned(record), moved(record)) if check]
        found = [(fault, check.finding) for fault, check in looks if check.finding]
        suspected = [(fault, finding) for fault, finding in found if finding.verdict != "is" and fault.repair]
        open_ = [finding for _, finding in suspected]
        self.checks += [check for check in plain if check.code != "FINITE" or check.ok]
        self.checks += [replace(check, finding=None) if check.finding in open_ else check for _, check in looks]
        self.findings += [finding for _, finding in found if finding not in open_]
        return [(fault, finding) for fault, finding in found if finding.verdict == "is"], suspected

    def _last_resort(self, record: Record) -> None:
        """The first number that was not finite, and what is plain to see, where nothing says why."""
        check = finite(record)
        if check.finding and (died := nonfinite.look(record)) and died.finding:
            follows = nonfinite.consequence(died.finding, self.cured)
            self.notes += [follows] if follows else []
            self.findings += [] if follows else [died.finding]
        elif check.finding and not self.findings:
            self.findings.append(check.finding)
        if self.case and (told := collapse.FAULT.seen(record)):
            self.checks.append(replace(told, finding=None) if self.findings else told)
            self.findings += [told.finding] if told.finding and not self.findings else []

    # replays

    def _replay(self, certain: list[Found], suspected: list[Found]) -> None:
        assert self.case is not None
        if certain:
            self._prove_exact(certain)
        for fault, finding in suspected:
            if not self.findings:
                self._prove_suspicion(fault, finding)
        if len(self.findings) > len(certain) or self.case.steps < SHORTEST:
            return
        tried = panel(self.case)
        self._self_test(tried)
        for found in suspicions(self.case, tried)[:MOST]:
            if len(self.findings) == len(certain):
                self._prove(found, tried)
        if self.findings:
            return
        if not ending(self.case.record) and climbed(self.case.record):
            self._prove_broken(tried)
        stuck = unlearned(self.case.record, self.case.bar)
        if not stuck and gain.behind(self.case):
            self._prove(Suspicion("LR-HIGH", "validation", scale(LOWER), 0.0, 1 / LOWER), tried)
        if stuck and not by_heart(self.case.record) and fits(self.case):
            self._prove_labels()
        if not self.findings and (check := overfitting.look(self.case.record)):
            self._prove_overfitting(check)

    def _prove_exact(self, certain: list[Found]) -> None:
        """The whole run with the first mended, with the first two, and so on, each beside the one before.

        What comes after is tried on the run with all of them mended.
        """
        assert self.case is not None
        repairs = [reduce(and_, [f.mended(x) for f, x in certain[: i + 1]]) for i in range(len(certain))]
        trials = self.case.whole({f"mended {i + 1}": repair for i, repair in enumerate(repairs)})
        before = self.case.record
        for (_, finding), repair, trial in zip(certain, repairs, trials.values(), strict=True):
            proof = proved(str(repair), before, trial.record)
            if proof.interval[0] > 0 or (not ending(before) and ending(trial.record)):
                self._put(finding, replace(finding, proof=proof))
            before = trial.record
        self._cure(before)
        seen = Record(before.rows, [*before.events, *_examined(self.case.record)])
        self.case = self.case.after(repairs[-1], seen)

    def _prove_suspicion(self, fault: Fault, finding: Finding) -> None:
        """The whole run with what would mend it, beside the run as it is."""
        assert self.case is not None
        repair = fault.mended(finding)
        trial = self.case.whole({fault.code: repair})[fault.code]
        judged = gain.backed if fault.by == "validation" else gain.share
        share = judged(self.case, trial.record)
        if share < fault.counts:
            return
        self._cure(trial.record)
        proof = proved(str(self.case.repaired & repair), self.case.record, trial.record)
        again = self.case.record.last("look").get("paired", False)  # a branch began as the run did: it can be repeated
        told = replace(finding, verdict="caused by" if again else "consistent with", proof=proof)
        seen = {"share": share} | trial.record.last("end").get("left_out", {})
        self.findings.append(replace(told, evidence=finding.evidence | seen))

    def _self_test(self, tried: Panel) -> None:
        """Whether a replay of the same gives the same: one like those that prove, from a branch or the beginning."""
        assert self.case is not None
        if self.case.runner.start == "rewind":  # each goes on with other data, and a whole run begins anew
            again, before = self.case.begun_anew()
        else:  # what broke tells nothing
            name = AS_IT_IS if tried.control.losses else min(tried.outcomes, key=lambda one: tried.outcomes[one].loss)
            again, before = (one[name].loss for one in (self.case.tried(tried.changes(name)), tried.outcomes))
        apart = abs(again - before) / max(abs(before), 1e-12)
        if math.isfinite(apart) and apart > SAME:
            self.exact = False
            words = mark(
                "two replays of the same differ by {apart:.1%}: the script is not deterministic, "
                "and nothing is called a cause"
            )
            self.notes.append({"template": words, "evidence": {"apart": apart}})

    def _prove(self, found: Suspicion, tried: Panel) -> None:
        """The whole run under the change that would help, beside the run as it is."""
        assert self.case is not None
        after, share = self._gained(found)
        if share < self._least(found, after):
            return
        if found.bare:
            rate, gained = self._gained(other := rival(self.case, tried))
            if gained >= max(AS_GOOD * share, self._least(other, rate)):
                found, after, share = other, rate, gained
        proof = proved(str(self.case.repaired & found.change), self.case.record, after)
        self._cure(after)
        losses = {name: _finite(outcome.loss) for name, outcome in tried.outcomes.items()}
        proof = replace(proof, tried=losses, suffices=sufficient(tried))
        self.findings.append(self._finding(found, proof, share))

    def _least(self, found: Suspicion, after: Record) -> float:
        """The share that must be gained: more for a rate that is low by little, or that gains in training alone."""
        assert self.case is not None
        both = min(gain.training(self.case, after), gain.validation(self.case, after))
        surely = found.factor >= FAR_OFF and both >= COUNTS
        return TASTE if found.code == "LR-LOW" and not surely else COUNTS

    def _gained(self, found: Suspicion) -> tuple[Record, float]:
        """The whole run under a change, and what it gains: nothing, where it still learns nothing that holds."""
        assert self.case is not None
        record, bar = self.case.record, self.case.bar
        after = self.case.whole({found.name: found.change})[found.name].record
        judged = gain.validation if found.name in ("no dropout", "validation") else gain.share  # training gains anyway
        lost = unlearned(record, bar) and unlearned(after, bar) and not ahead(record, after)
        return after, 0.0 if lost else judged(self.case, after)

    def _prove_broken(self, tried: Panel) -> None:
        """A run that breaks later than a short training lasts: whole runs at lower rates, until one does not."""
        for factor in (LOWER, LOWER**2):
            if not self.findings:
                self._prove(Suspicion("LR-HIGH", "broken", scale(factor), 0.0, 1 / factor), tried)

    def _finding(self, found: Suspicion, proof: Proof, share: float) -> Finding:
        assert self.case is not None
        record = self.case.record
        optimizer = record.last("optimizer")
        rate = (optimizer.get("lr") or [math.nan])[0]
        lr = rate * found.factor if found.code == "LR-LOW" else rate / found.factor
        evidence = {
            "lr": rate,
            "better": lr,
            "factor": found.factor,
            "optimizer": optimizer.get("name", ""),
            "share": share,
        }
        evidence |= {"clip": found.change.clip or 0.0, "change": found.name} | _state(record)
        verdict = "caused by" if self.exact else "consistent with"
        words = WORDS.get(found.name) or WORDS[found.code]
        return Finding(
            found.code, verdict, words.message, evidence, words.fix, *concerns(record, found.code), words.fixes, proof
        )

    def _prove_overfitting(self, check: Check) -> None:
        assert self.case is not None
        self.checks.append(check)
        if check.finding is None:
            return
        again = self.case.runner.straight("other-seed", Intervention(seed=1), mute=True)
        self.case.spent += again.record.steps
        second = overfitting.look(again.record)
        proved = second is not None and second.finding is not None and self.exact
        proof = Proof("seeds + 1", (), tuple(again.record.losses()), 0.0, (0.0, 0.0), again.record.steps)
        verdict = "caused by" if proved else "consistent with"
        self.findings.append(replace(check.finding, verdict=verdict, proof=proof if proved else None))

    def _prove_labels(self) -> None:
        """The whole run with inputs that are not those of their targets: does it go the same?"""
        assert self.case is not None
        name = "shuffled inputs"
        trial = self.case.whole({name: treated(name)})[name]
        if not same(self.case.record, trial.record):
            return
        proof = proved(name, self.case.record, trial.record)
        evidence = {"loss": best_validation(self.case.record), "shuffled": best_validation(trial.record)}
        verdict, words = ("caused by" if self.exact else "consistent with"), WORDS["LABELS"]
        first, *_ = loss_calls(self.case.record) or [{}]
        where = split(first.get("place", ""))
        self.findings.append(Finding("LABELS", verdict, words.message, evidence, words.fix, *where, (), proof))

    def mended(self) -> str:
        """The changes to the user's file, for all findings that one line mends."""
        at = stepped(self.seen.record) if self.seen else ""
        changes = "".join(mend(finding, at) for finding in self.findings)
        files = {file for file in (*(finding.file for finding in self.findings), at.rpartition(":")[0]) if file}
        return reduce(lambda text, file: text.replace(file, shown(file)), files, changes)

    def _cure(self, whole: Record) -> None:
        """A whole run was made with what was found mended."""
        assert self.case is not None
        self.cured, self.fixed = whole, compared(self.case.record, whole)

    def _put(self, old: Finding, new: Finding) -> None:
        self.findings[self.findings.index(old)] = new


def gathered(trial: Trial) -> Record:
    """The chief process's record, with what the other ranks measured as events."""
    record, ranks = trial.record, others(trial)
    norms = [{row["step"]: row["weight_norm"] for row in rank.rows if "weight_norm" in row} for rank in ranks]
    return Record(record.rows, record.events + [{"event": "rank", "weight_norm": norm} for norm in norms])


def _examined(record: Record) -> list[dict[str, Any]]:
    return [event for event in record.events if event["event"] in ("walk", "look")]


def _state(record: Record) -> dict[str, Any]:
    """How the network stood when it was looked at closely."""
    layer, flow = dead_layer(record) or {}, record.last("look").get("flow") or {}
    units = {"dead": layer.get("dead", 0), "units": layer.get("units", 0), "layer": layer.get("name", "")}
    return units | {"weakest": flow.get("least"), "strongest": flow.get("most"), "ratio": flow.get("ratio")}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def diagnose(program: Given, *, start: str = "auto", workers: int = 0) -> Diagnosis:
    """What is wrong with a program's training: a script with its arguments, ``-m module``, ``module:function``.

    Also a function. Raises ValueError where there is no such program.

        found = leonui.diagnose("train.py --epochs 3")
        print(found.verdict, [finding.code for finding in found.findings])
    """
    program = Program.of(program)
    visit = Visit(program, create("doctor"))
    with Runner(program, visit.folder, workers=workers, start=start) as runner:
        visit.go(runner)
    return visit.diagnosis
