"""Rows of named numbers from a log of any kind, one at a time: a log may be larger than the memory."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from leonui.doctor.log.columns import role
from leonui.doctor.log.events import EVERY, is_events, scalars

Numbers = dict[str, float]
Progress = Callable[[int, int], None]  # bytes read, and all of them

SAMPLE = 1 << 16  # characters by which a file's kind is told
ROWS = 20  # of a table, by which its delimiter is told
DELIMITERS = ",;\t|"
NAMES, VALUES = ("name", "tag", "key", "metric"), ("value", "val", "scalar")
NUMBER = (int, float)


def rows(files: list[Path], progress: Progress) -> Iterator[Numbers]:
    """All rows of a log's files; several are of TensorBoard.

    Known are our Records, CSV with a header and any delimiter, JSON Lines, a JSON array, an object of lists, the
    trainer_state.json of HF Trainer, and TensorBoard's event files: by what is in them, not by their names. Raises
    ValueError for what is none of these.
    """
    file = files[0]
    with file.open("rb") as binary:
        begin = binary.read(SAMPLE)
    if is_events(begin):
        return scalars(files, progress)
    text = begin.decode("utf-8-sig", errors="replace").lstrip()
    if _is_one_json(text):
        return map(_flat, _history(file))
    return _lines(file, _jsonl if text[:1] == "{" else _csv, progress)


def _is_one_json(text: str) -> bool:
    """Whether the file is one value of JSON, and not one a line."""
    line = text.partition("\n")[0]
    if text[:1] != "{":
        return text[:1] == "["
    if line.strip() == "{" or (line[:16].count("{") == 1 and '"log_history"' in text):
        return True
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return isinstance(row, dict) and any(isinstance(one, list) and len(one) > 2 * len(row) for one in row.values())


def _history(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of HF's trainer_state.json, of an array, or of an object that holds a list for each column."""
    try:
        data = json.loads(file.read_text("utf-8-sig", errors="replace"))
    except ValueError as error:
        raise ValueError(f"{file} is not whole: {error}; name another log, or a checkpoint before it") from error
    if isinstance(data, dict) and "log_history" in data:
        data = data["log_history"]
    if isinstance(data, dict):
        lists = {name: one for name, one in data.items() if isinstance(one, list)}
        count = max(map(len, lists.values()), default=0)
        data = [{name: one[at] for name, one in lists.items() if at < len(one)} for at in range(count)]
    return (row for row in data if isinstance(row, dict))


def _lines(
    file: Path, read: Callable[[Iterable[str], Path], Iterator[Numbers]], progress: Progress
) -> Iterator[Numbers]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        try:
            yield from read(_watched(text, file.stat().st_size, progress), file)
        except csv.Error as error:
            raise ValueError(f"{file} is no table: {error}; name a CSV, JSON Lines or event file") from error


def _watched(text: TextIO, total: int, progress: Progress) -> Iterator[str]:
    """The whole lines; a torn last one is left out."""
    done = 0
    for count, line in enumerate(text):
        done += len(line)
        if count % EVERY == 0:
            progress(done, total)
        if (line[-1] in "\r\n" and not line.isspace()) or _is_whole(line):
            yield line
    progress(total, total)


def _is_whole(line: str) -> bool:
    """Whether a last line that no line break ends may be read: JSON says so itself, a number may be cut anywhere."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _csv(lines: Iterable[str], file: Path) -> Iterator[Numbers]:
    lines = iter(lines)
    begin = list(islice(lines, ROWS))
    if not begin:
        return
    begin[0] = begin[0].lstrip("# ")
    table = csv.reader(chain(begin, lines), **_dialect("".join(begin)))
    names = [name.strip() for name in next(table)]
    if all(_number(name) is not None for name in names):
        raise ValueError(f"{file} has no header; put the names of the columns into its first line: step,train_loss,lr")
    known = [(at, name) for at, name in enumerate(names) if role(name)]
    first = dict.fromkeys(names, math.nan) if (cells := next(table, None)) else {}  # the names of all columns, once
    yield {name: value for name, value in first.items() if not role(name)} | _cells(cells or [], known)
    for cells in table:
        yield _cells(cells, known)


def _cells(cells: list[str], known: list[tuple[int, str]]) -> Numbers:
    row: Numbers = {}
    for at, name in known:
        try:
            if cell := cells[at]:
                row[name] = float(cell)
        except (ValueError, IndexError):  # a word, or a row that is short
            continue
    return row


def _dialect(text: str) -> dict[str, Any]:
    """How the cells are parted; csv.Sniffer's guess counts where no usual delimiter does it."""
    for usual in (DELIMITERS, None):
        try:
            found = csv.Sniffer().sniff(text, usual)
        except csv.Error:
            continue
        if not (found.delimiter.isalnum() or found.delimiter in "._-+\"'\r\n"):
            return {"delimiter": found.delimiter, "skipinitialspace": True}
    return {"skipinitialspace": True}


def _jsonl(lines: Iterable[str], file: Path) -> Iterator[Numbers]:
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # torn, or a word in between
        if isinstance(row, dict):
            yield _flat(row)


def _flat(row: dict[str, Any]) -> Numbers:
    if "event" in row or "optimizer" in row:
        return _ours(row)
    if "name" in row or "tag" in row or "key" in row or "metric" in row:
        row = _paired(row)
    found: Numbers = {}
    _fill(found, row, "")
    return found


def _ours(row: dict[str, Any]) -> Numbers:
    """A line of our own Records; the losses of a second optimizer are not those of the first."""
    if row.get("event") == "validation":
        return {"step": float(row["step"]), f"validation/loss {row['site']}": float(row["loss"])}
    if "event" in row or row.get("phase", "train") != "train":
        return {}
    found: Numbers = {}
    _fill(found, row, "")
    if row["optimizer"] and "loss" in found:
        found[f"loss of optimizer {row['optimizer']}"] = found.pop("loss")
    return found


def _paired(row: dict[str, Any]) -> dict[str, Any]:
    """One number a row: a name beside a value."""
    name, value = (next((row[key] for key in keys if key in row), None) for keys in (NAMES, VALUES))
    if not isinstance(name, str) or _number(value) is None:
        return row
    return {key: one for key, one in row.items() if role(key) in ("step", "time")} | {name: value}


def _fill(found: Numbers, row: dict[str, Any], before: str) -> None:
    """Nested names are joined by "/"; of a list the largest number counts: a rate for each group of parameters."""
    for key, one in row.items():
        if isinstance(one, dict):
            _fill(found, one, f"{before}{key}/")
        elif isinstance(one, list):
            if one and all(isinstance(item, NUMBER) for item in one):
                found[f"{before}{key}"] = float(max(one))
        elif (value := _number(one)) is not None:
            found[f"{before}{key}"] = value


def _number(value: Any) -> float | None:
    """A number, also one that a log wrote as text; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
