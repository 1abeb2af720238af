"""What a log is consistent with: statistics of its curves against their own noise, and no more than that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from leonui.doctor.diagnosis import Diagnosis
from leonui.doctor.log.gradients import scale, spikes
from leonui.doctor.log.held_out import mirrors, overfits
from leonui.doctor.log.losses import LEAST, crawls, diverges, finite, learns, moves
from leonui.doctor.log.past import Past, read
from leonui.doctor.log.rates import again, is_range_test, rate
from leonui.doctor.log.rows import Progress
from leonui.finding import Check
from leonui.words import mark

Look = Callable[[Past], Check | None]
ALWAYS: tuple[Look, ...] = (finite, moves, rate, again, scale)
LEVELS: tuple[Look, ...] = (learns, diverges, spikes, crawls, mirrors, overfits)
FIRST = ("NON-FINITE", "NOT-MOVING", "LOSS-SIGN")  # they explain what else the loss does
LAST = "LR-LOW"  # anything else explains it
LIMIT = mark("a log proves nothing: leonui doctor SCRIPT replays the training and finds the cause")
UNHEARD = mark("there is no validation loss in the log: nothing can be said of overfitting")
SHORT = mark("the training loss has {points} points, too few to say how it goes")
SEVERAL = mark("several losses are trained on, or a game is played: how high they are says nothing of the learning")
TEST = mark("the learning rate only rises: a range test, whose loss is meant to break")
LEVEL = mark("the training loss stayed at {last:.4g}: a log cannot tell a run that learns nothing from one at its best")


def diagnose_log(path: str | Path, progress: Progress = lambda done, total: None) -> Diagnosis:
    """What the log of a past run is consistent with; ``rows`` says what may be a log.

    Raises ValueError where there is no log, none with a row, or none with a loss.
    """
    past = read(Path(path), progress)
    looks = ALWAYS if is_range_test(past) else (*ALWAYS, *LEVELS)
    checks = _told([check for look in looks if (check := look(past))])
    findings = tuple(check.finding for check in checks if check.finding)
    return Diagnosis(findings, tuple(checks), 0, 0, True, tuple(_notes(past, checks)))


def _told(checks: list[Check]) -> list[Check]:
    """Without what a loss does that is no number, always the same or negated, and without doubts of an early end."""
    codes = [check.finding.code for check in checks if check.finding]
    chief = next((code for code in FIRST if code in codes), None)
    hushed = set(codes) - {chief} if chief else {LAST} if set(codes) - {LAST, "SCHEDULE"} else set()
    return [check for check in checks if not check.finding or check.finding.code not in hushed]


def _notes(past: Past, checks: list[Check]) -> list[dict[str, Any]]:
    said = {check.code for check in checks}
    points = len(past.curve(past.loss))
    notes = [{"template": LIMIT, "evidence": {}}]
    if not past.of("validation"):
        notes.append({"template": UNHEARD, "evidence": {}})
    if past.chief is None:
        return [*notes, {"template": SEVERAL, "evidence": {}}]
    if is_range_test(past):
        return [*notes, {"template": TEST, "evidence": {}}]
    if points < LEAST:
        return [*notes, {"template": SHORT, "evidence": {"points": points}}]
    if "LEARNED" not in said and all(check.ok for check in checks):
        last = float(past.curve(past.loss).mean[-(points // 3) :].mean())
        notes.append({"template": LEVEL, "evidence": {"last": last}})
    return notes
