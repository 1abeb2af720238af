"""What a log is consistent with: its columns as a Record, which the judges of visits read, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from leonui.doctor.diagnosis import Diagnosis
from leonui.doctor.faults import overfitting
from leonui.doctor.log.columns import main, role
from leonui.doctor.log.digest import Digest
from leonui.doctor.log.rows import Progress, log_file, rows
from leonui.doctor.log.symptoms import SYMPTOMS
from leonui.finding import Finding
from leonui.record import Record
from leonui.words import mark

LIMIT = mark("a log proves nothing: leonui doctor SCRIPT replays the training and finds the cause")
UNHEARD = mark("there is no validation loss in the log: nothing can be said of overfitting")


def diagnose_log(path: str | Path, progress: Progress = lambda done, total: None) -> Diagnosis:
    """What the log of a past run is consistent with; see ``rows`` for the kinds of logs.

    Raises ValueError where there is no log, none with a row, or none with a loss.
    """
    columns = digested(Path(path), progress)
    record = recorded(columns)
    looks = (*SYMPTOMS, overfitting.look)
    checks = [check for look in looks if (check := look(record))]
    found = [check.finding for check in checks if check.finding]
    findings = [replace(finding, verdict="consistent with", file=None, line=None) for finding in found]
    notes = [{"template": LIMIT, "evidence": {}}]
    if not any(role(name) == "validation" for name in columns):
        notes.append({"template": UNHEARD, "evidence": {}})
    return Diagnosis(tuple(_ordered(findings)), tuple(checks), 0, 0, True, tuple(notes))


def digested(path: Path, progress: Progress) -> dict[str, Digest]:
    """The columns that say something, each in bounded memory."""
    found: dict[str, Digest] = {}
    roles: dict[str, str] = {}
    count = 0
    for row in rows(path, progress):
        count += bool(row)
        roles |= {name: role(name) for name in row if name not in roles}
        step = next((value for name, value in row.items() if roles[name] == "step"), count)
        for name, value in row.items():
            if roles[name] not in ("", "step"):
                found.setdefault(name, Digest()).add(step, value)
    if not count:
        raise ValueError(f"{log_file(path)} holds no row of numbers; name a log with a loss in each row")
    if not any(role(name) == "loss" for name in found):
        known = ", ".join(roles)
        raise ValueError(f"{log_file(path)} has no column of a loss; it has {known}; call it loss or train_loss")
    return found


def recorded(columns: dict[str, Digest]) -> Record:
    """The columns as a Record: a row for each stretch of the training loss."""
    losses = [name for name in columns if role(name) == "loss"]
    chief = main(losses)
    record = Record()
    for name in losses if chief is None else [chief]:
        for step, mean, _ in columns[name].stretches:
            record.add({"step": int(step), "loss": mean, "optimizer": losses.index(name)})
    for name in losses:
        if (bad := columns[name].first_bad) is not None:
            record.add({"event": "nonfinite", "step": bad, "count": columns[name].bad, "rows": columns[name].count})
    for name, digest in columns.items():
        if role(name) == "validation":
            for step, mean, _ in digest.stretches:
                record.add({"event": "validation", "step": int(step), "loss": mean, "site": name})
        elif role(name) in ("lr", "grad_norm", "scale"):
            told = {"steps": digest.count, "falls": digest.falls, "stretches": digest.stretches}
            record.add({"event": role(name), "name": name, **told})
    return record


def _ordered(findings: list[Finding]) -> list[Finding]:
    """That nothing was learned is said where nothing else is."""
    other = [finding for finding in findings if finding.code != "NOT-LEARNING"]
    return other or findings
