"""Rows of named numbers from a log of any kind, one at a time: a log may be larger than the memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

Numbers = dict[str, float]
Progress = Callable[[int, int], None]  # bytes read, and all of them

EVENTS = "tfevents"
SAMPLE = 1 << 16  # characters by which a file's kind is told
EVERY = 4096  # lines between two words of progress
FOLDER = ("trials/*/record*.jsonl", "record*.jsonl", "trainer_state.json", "checkpoint-*/trainer_state.json")
FOLDER += (f"**/*{EVENTS}*", "**/metrics.csv", "*.csv", "*.tsv", "*.jsonl", "*.json")
NAMES, VALUES = ("name", "tag", "key", "metric"), ("value", "val", "scalar")


def rows(path: Path, progress: Progress = lambda done, total: None) -> Iterator[Numbers]:
    """All rows of a log: a file, or a folder with one in it.

    Known are our Records, CSV with a header and any delimiter, JSON Lines, a JSON array, the trainer_state.json of HF
    Trainer, TensorBoard's event files. Raises ValueError for what is not there, and for a folder without a log.
    """
    file = log_file(path)
    if EVENTS in file.name:
        return _events(file)
    with file.open(encoding="utf-8-sig", errors="replace") as text:
        begin = text.read(SAMPLE).lstrip()
    if begin[:1] == "[" or (file.suffix == ".json" and '"log_history"' in file.read_text("utf-8", errors="replace")):
        return map(_flat, _history(json.loads(file.read_text("utf-8"))))
    return _lines(file, _jsonl if begin[:1] == "{" else _csv, progress)


def log_file(path: Path) -> Path:
    """The file itself, or the newest of a folder's logs, of the first kind that it holds."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"{path} is not there; name a log file, or a folder with one in it")
    found = next((files for kind in FOLDER if (files := [file for file in path.glob(kind) if file.is_file()])), None)
    if not found:
        raise ValueError(f"{path} holds no log; name a CSV, JSON Lines or event file, or a trainer_state.json")
    return max(found, key=lambda file: (file.stat().st_mtime, file.name))


def _lines(file: Path, read: Callable[[Iterable[str]], Iterator[Numbers]], progress: Progress) -> Iterator[Numbers]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        yield from read(_watched(text, file.stat().st_size, progress))


def _watched(text: TextIO, total: int, progress: Progress) -> Iterator[str]:
    """The whole lines; a torn last one is left out."""
    done = 0
    for count, line in enumerate(text):
        done += len(line)
        if count % EVERY == 0:
            progress(done, total)
        if line.strip():
            yield line


def _csv(lines: Iterable[str]) -> Iterator[Numbers]:
    lines = iter(lines)
    begin = [line for _, line in zip(range(5), lines, strict=False)]
    try:
        dialect: Any = csv.Sniffer().sniff("".join(begin), ",;\t|")
    except csv.Error:
        dialect = csv.excel
    header, *rest = csv.reader(begin, dialect) if begin else [[]]
    names = [name.strip() for name in header]
    for cells in chain(rest, csv.reader(lines, dialect)):
        row = ((name, _number(cell)) for name, cell in zip(names, cells, strict=False))
        yield {name: value for name, value in row if value is not None}


def _jsonl(lines: Iterable[str]) -> Iterator[Numbers]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue  # torn, or a word in between
        if isinstance(row, dict):
            yield _flat(row)


def _history(data: Any) -> list[dict[str, Any]]:
    """The rows of HF's trainer_state.json, or of an array."""
    found = data.get("log_history", [data]) if isinstance(data, dict) else data
    return [row for row in found if isinstance(row, dict)]


def _flat(row: dict[str, Any], before: str = "") -> Numbers:
    """Nested names are joined by "/"; a name beside a value makes one number of both; of a list the first counts."""
    name, value = (next((row[key] for key in keys if key in row), None) for keys in (NAMES, VALUES))
    if isinstance(name, str) and _number(value) is not None:
        row = {name: value} | {key: row[key] for key in ("step", "epoch", "global_step") if key in row}
    if row.get("event") == "validation":  # of our own Records
        return {"step": row["step"], "validation/loss": float(row["loss"])}
    if "event" in row or row.get("phase", "train") != "train":
        return {}
    found: Numbers = {}
    for key, one in row.items():
        one = one[0] if isinstance(one, list) and one else one
        if isinstance(one, dict):
            found |= _flat(one, f"{before}{key}/")
        elif (value := _number(one)) is not None:
            found[f"{before}{key}"] = value
    return found


def _number(value: Any) -> float | None:
    """A number, also one that a log wrote as text; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _events(file: Path) -> Iterator[Numbers]:
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.util import tensor_util
    except ImportError as error:
        raise ValueError(f"{file} is a file of TensorBoard's: pip install tensorboard to have it read") from error
    for event in EventFileLoader(str(file)).Load():
        for value in event.summary.value:
            made = tensor_util.make_ndarray(value.tensor) if value.HasField("tensor") else value.simple_value
            if (number := _number(made)) is not None:
                yield {"step": float(event.step), value.tag: number}
