"""A visit: the script as it is, the exact checks, then trainings that prove what would help."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leonui.doctor.case import AS_IT_IS, CALM, Case, ending, surely, validated
from leonui.doctor.causes import Suspicion, sufficient, suspicion
from leonui.doctor.diagnosis import Diagnosis
from leonui.doctor.ending import SHORTEST, trouble
from leonui.doctor.fault import Fault, place, split
from leonui.doctor.faults import FAULTS, overfitting
from leonui.doctor.first import finite, learned, moved
from leonui.doctor.labels import best_validation, same, unlearned
from leonui.doctor.mend import mend
from leonui.doctor.panel import Panel, panel
from leonui.doctor.words import WORDS
from leonui.finding import Check, Finding, Proof
from leonui.record import Record, read_all
from leonui.runs import create
from leonui.trial.intervention import Intervention, treated
from leonui.trial.program import Program
from leonui.trial.runner import Runner
from leonui.trial.trial import Trial
from leonui.words import mark

# Tuned on the development workloads of bench/faults, then frozen.
COUNTS = 0.1  # the share of the achievable progress that a change must gain on the whole run to be the cause
SAME = 1e-3  # relative: two replays of the same that differ by more are not the same


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
        mended = self._exact(record)
        if self.seen.record.steps < SHORTEST:
            self.notes.append(
                {"template": mark("too short to be replayed: {steps} steps"), "evidence": {"steps": record.steps}}
            )
        elif mended is not None and not (found and not record.steps):
            self.case = Case(runner, self.seen)
            self._replay(mended)
        self._last_resort(record)
        self.complete = True

    def _exact(self, record: Record) -> list[tuple[Fault, Finding]] | None:
        """All exact checks; the faults to mend in a replay, or None where one was found that no replay can mend."""
        looks = [(fault, check) for fault in FAULTS if (check := fault.look(record))]
        plain = [check for check in (finite(record), learned(record), moved(record)) if check]
        self.checks += [check for check in plain if check.code != "FINITE" or check.ok] + [check for _, check in looks]
        found = [(fault, check.finding) for fault, check in looks if check.finding]
        self.findings += [finding for _, finding in found]
        certain = [(fault, finding) for fault, finding in found if finding.verdict == "is"]
        return certain if all(fault.repair for fault, _ in certain) else None

    def _last_resort(self, record: Record) -> None:
        """What is plain to see, where nothing says why."""
        check = finite(record)
        if check.finding and not self.findings:
            self.findings.append(check.finding)

    # replays

    def _replay(self, mended: list[tuple[Fault, Finding]]) -> None:
        assert self.case is not None
        self.stage("replays", None)
        if mended:
            self._prove_exact(mended)
            return
        tried = panel(self.case)
        self._self_test(tried)
        if found := suspicion(self.case, tried):
            self._prove(found, tried)
        if not self.findings and unlearned(self.case):
            self._prove_labels()
        if not self.findings and (check := overfitting.look(self.case.record)):
            self._prove_overfitting(check)

    def _prove_exact(self, mended: list[tuple[Fault, Finding]]) -> None:
        """The whole run with all exact faults mended, beside the run as it is."""
        assert self.case is not None
        repair = Intervention()
        for fault, _ in mended:
            repair = repair & (fault.repair or Intervention())
        trial = self.case.whole({"mended": repair})["mended"]
        self._compare(trial.record)
        proof = _proved(str(repair), self.case.record, trial.record)
        for _, finding in mended if proof.interval[0] > 0 else []:
            self._put(finding, replace(finding, proof=proof))

    def _self_test(self, tried: Panel) -> None:
        """Whether a replay of the same gives the same."""
        assert self.case is not None
        again = self.case.tried({AS_IT_IS: Intervention()})[AS_IT_IS]
        apart = abs(again.loss - tried.control.loss) / max(abs(tried.control.loss), 1e-12)
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
        record = self.case.record
        trial = self.case.whole({found.name: found.change})[found.name]
        judged = self._validation if found.name == "no dropout" else self._share  # without it, training always gains
        share, proof = judged(trial.record), _proved(str(found.change), record, trial.record)
        if share < COUNTS:
            return
        self._compare(trial.record)
        losses = {name: _finite(outcome.loss) for name, outcome in tried.outcomes.items()}
        proof = replace(proof, tried=losses, suffices=sufficient(tried))
        self.findings.append(self._finding(found, proof, share))

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
        evidence["clip"] = found.change.clip or 0.0
        verdict = "caused by" if self.exact else "consistent with"
        words = WORDS.get(found.name) or WORDS[found.code]
        return Finding(found.code, verdict, words.message, evidence, words.fix, *place(record), words.fixes, proof)

    def _share(self, record: Record) -> float:
        """The share of the achievable progress that a whole run surely gains, in training or in validation.

        What is gained in training and lost in validation is not gained.
        """
        validation = self._validation(record)
        return 0.0 if validation < 0 else max(self._training(record), validation)

    def _training(self, record: Record) -> float:
        assert self.case is not None
        before, after, bar = ending(self.case.record), ending(record), self.case.bar
        if not after or (before and surely(before, after)[1][0] <= 0):
            return 0.0
        end = sum(after) / len(after)
        was = min(sum(before) / len(before), max(bar, end)) if before else max(bar, end)
        return (was - end) / max(bar - end, was - end, 1e-12)

    def _validation(self, record: Record) -> float:
        assert self.case is not None
        ours, theirs = validated(record), validated(self.case.record)
        if ours is None or theirs is None or not math.isfinite(ours[0]):
            return 0.0
        first = self.case.record.validations(self.case.record.validation_site)[0][1]
        was = theirs[0] if math.isfinite(theirs[0]) else first
        share = (was - ours[0]) / max(first - ours[0], abs(was - ours[0]), 1e-12)
        noise = CALM * math.hypot(ours[1], theirs[1]) / math.sqrt(3)
        return share if abs(was - ours[0]) > noise or share < 0 else 0.0

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
        proof = _proved(name, self.case.record, trial.record)
        evidence = {"loss": best_validation(self.case.record), "shuffled": best_validation(trial.record)}
        verdict, words = ("caused by" if self.exact else "consistent with"), WORDS["LABELS"]
        where = split(self.case.record.last("end").get("losses", {}).get("place", ""))
        self.findings.append(Finding("LABELS", verdict, words.message, evidence, words.fix, *where, (), proof))

    def _compare(self, after: Record) -> None:
        """What the fix does to the number that counts: the validation loss at the end, else the training loss."""
        assert self.case is not None
        both = [validated(record) for record in (self.case.record, after)]
        was, now = [value and value[0] for value in both] if all(both) else map(_last, (self.case.record, after))
        was, now = (value if value is not None and math.isfinite(value) else None for value in (was, now))
        self.fixed = {"before": was, "after": now, "suffices": now is not None and (was is None or now < was)}

    def mended(self) -> str:
        """The changes to the user's file, for all findings that one line mends."""
        at = self.seen.record.last("trailhead").get("place", "") if self.seen else ""
        return "".join(mend(finding, at) for finding in self.findings)

    def _put(self, old: Finding, new: Finding) -> None:
        self.findings[self.findings.index(old)] = new


def gathered(trial: Trial) -> Record:
    """The chief process's record, with what the other ranks measured as events."""
    record = trial.record
    others = [
        other for name, other in read_all(trial.folder).items() if "rank" in name and not name.endswith("rank0.jsonl")
    ]
    norms = [{row["step"]: row["weight_norm"] for row in other.rows if "weight_norm" in row} for other in others]
    return Record(record.rows, record.events + [{"event": "rank", "weight_norm": norm} for norm in norms])


def _proved(change: str, before: Record, after: Record) -> Proof:
    gain, interval = surely(ending(before), ending(after))
    return Proof(change, tuple(before.losses()), tuple(after.losses()), gain, interval, after.steps)


def _last(record: Record) -> float:
    last = ending(record)
    return sum(last) / len(last) if last else math.nan


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def diagnose(program: Program | str | list[str], *, start: str = "auto", workers: int = 0) -> Diagnosis:
    """What is wrong with a program's training: a script with its arguments, ``-m module`` or ``module:function``.

    Raises ValueError where there is no such program.

        found = leonui.diagnose("train.py --epochs 3")
        print(found.verdict, [finding.code for finding in found.findings])
    """
    if not isinstance(program, Program):
        program = Program.parse(shlex.split(program) if isinstance(program, str) else program)
    visit = Visit(program, create("doctor"))
    with Runner(program, visit.folder, workers=workers, start=start) as runner:
        visit.go(runner)
    return visit.diagnosis
