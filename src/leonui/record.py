"""What a trial wrote down: rows of named numbers, and events. The only currency between making, judging and drawing.

On disk a Record is JSON Lines, only ever appended to, so that it survives whatever ends the process: a torn last
line is dropped when it is read. A line with the key ``event`` is an event; every other line is a row.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=str)


@dataclass
class Record:
    """The rows and events that one process of a trial left.

    >>> record = Record(rows=[{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5, "grad_norm": 0.3}])
    >>> record.column("loss")
    [2.0, 1.5]
    >>> record.column("grad_norm")
    [nan, 0.3]
    """

    rows: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Record:
        """Read a record file, or the chief record of a trial's folder; a file that is not there is an empty Record."""
        place = Path(path)
        if place.is_dir():
            return chief(read_all(place))
        record = cls()
        for line in complete_lines(place.read_bytes() if place.exists() else b""):
            record.add(line)
        return record

    def add(self, line: Row) -> None:
        """Take in one line: an event if it has the key ``event``, else a row."""
        (self.events if "event" in line else self.rows).append(line)

    def column(self, name: str, phase: str | None = None) -> list[float]:
        """One number a row, NaN where the row has none; of the rows of one ``phase`` ("train", "coast") if named."""
        return [number(row.get(name)) for row in self.rows if phase in (None, row.get("phase", "train"))]

    def losses(self, phase: str = "train") -> list[float]:
        """The training loss of every step of a phase: the mean over the optimizers that stepped in it."""
        steps: dict[int, list[float]] = {}
        for row in self.rows:
            if row.get("phase", "train") == phase and "loss" in row:
                steps.setdefault(row["step"], []).append(number(row["loss"]))
        return [sum(of_step) / len(of_step) for of_step in steps.values()]

    def named(self, event: str) -> list[Row]:
        """All events of one name, oldest first."""
        return [row for row in self.events if row["event"] == event]

    def last(self, event: str) -> Row:
        """The newest event of one name, or an empty one."""
        return next((row for row in reversed(self.events) if row["event"] == event), {})

    @property
    def validation_site(self) -> str | None:
        """Of the places where losses are computed under no_grad, the one seen most often, and last among those."""
        sites = [event["site"] for event in self.named("validation")]
        return max(sites, key=lambda site: (sites.count(site), len(sites) - sites[::-1].index(site)), default=None)

    def passes(self, site: str | None) -> list[Row]:
        """The validation passes at a place, or, as on a node that has files elsewhere, at the record's own."""
        said = self.named("validation")
        here = [event for event in said if event["site"] == site]
        return here or [event for event in said if event["site"] == self.validation_site]

    def validations(self, site: str | None) -> list[tuple[int, float]]:
        """Step and loss of each validation pass at a place."""
        return [(event["step"], number(event["loss"])) for event in self.named("validation") if event["site"] == site]

    @property
    def acts(self) -> bool:
        """Whether an agent learns here without a validation: its loss does not say how well it acts."""
        return bool(self.last("trailhead").get("agent")) and self.validation_site is None

    @property
    def epochs(self) -> float:
        """How often each sample was trained on; NaN where nobody counted."""
        end = self.last("end")
        return end["samples"] / end["distinct"] if end.get("distinct") else math.nan

    @property
    def steps(self) -> int:
        """How many optimizer steps the trial made, skipped ones and coasted batches left out."""
        return len({row["step"] for row in self.rows if row.get("phase", "train") == "train"})


class Writer:
    """Appends lines to one record file; what is flushed is not lost when the process dies.

    A disk that is full must not end a training: after the first failed write the writer falls silent, and ``failed``
    holds the reason.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.failed: OSError | None = None
        self._lines: list[bytes] = []
        self._file: int | None = None

    def add(self, line: Row) -> None:
        """Append one row or event; it is on its way to the disk after the next ``flush``."""
        self._lines.append(encode(line))

    def flush(self) -> None:
        """Hand all lines to the system, whole, in one write."""
        data, self._lines = b"".join(self._lines), []
        if self.failed or not data:
            return
        try:
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
                data = (b"\n" if _torn(self.path) else b"") + data
                self._file = os.open(self.path, flags, 0o644)
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self.failed = error

    def close(self) -> None:
        """Flush and close the file; a later line opens it again."""
        self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _torn(path: Path) -> bool:
    """Whether a file ends within a line, which one that is appended must not continue."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:  # it is not there, or empty
        return False


class Tail:
    """Reads what was appended to a record file since the last look, whole lines only."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._offset = 0

    def new(self) -> list[Row]:
        """The lines that were completed since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return list(complete_lines(whole))


def number(value: Any) -> float:
    """A number as it stands in a line: NaN for a missing one; JSON has no word for NaN and infinity, a string has."""
    return math.nan if value is None else float(value)


def encode(line: Row) -> bytes:
    """One line of strict JSON; numbers that are not finite become the strings "NaN", "Infinity" and "-Infinity"."""
    try:
        return _encoder.encode(line).encode() + b"\n"
    except ValueError:
        return _encoder.encode(_spelled(line)).encode() + b"\n"


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    return [_spelled(item) for item in value] if isinstance(value, list | tuple) else value


def complete_lines(data: bytes) -> Iterator[Row]:
    """The lines of a record that are whole; a torn or foreign one is passed over."""
    for line in data.split(b"\n")[:-1]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row


def read_all(folder: str | os.PathLike[str]) -> dict[str, Record]:
    """Every process's record in a trial's folder, by file name."""
    return {path.name: Record.read(path) for path in sorted(Path(folder).glob("record*.jsonl"))}


def chief(records: dict[str, Record]) -> Record:
    """The record to read when only one is wanted: rank 0's, else that of the process that made most steps."""
    ranked = sorted(records.items(), key=lambda item: (item[0] != "record-rank0.jsonl", -len(item[1].rows), item[0]))
    return ranked[0][1] if ranked else Record()
