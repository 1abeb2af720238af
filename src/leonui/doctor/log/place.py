"""Which file is the log: the one that is named, or the best of a folder."""

from __future__ import annotations

import re
from pathlib import Path

from leonui.doctor.log.columns import HELD_OUT, words

EVENTS = "tfevents"
OURS = ("watch", "baseline", "as-it-is")  # trials that ran a program without a change
STATE = "trainer_state.json"
KINDS = (("trials/*/record*.jsonl", "record*.jsonl"), (STATE,), (f"checkpoint-*/{STATE}", f"*/checkpoint-*/{STATE}"))
KINDS += ((f"**/*{EVENTS}*",), ("metrics.csv",), ("**/metrics.csv",), ("*.csv", "*.tsv"), ("*.jsonl", "*.ndjson"))
KINDS += (("*.json",), ("**/*.csv", "**/*.jsonl"))


def log_files(path: Path) -> list[Path]:
    """The file itself, or that of a folder, of the first kind that it holds; TensorBoard leaves several for one run.

    Raises ValueError for what is not there, and for a folder without a log.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ValueError(f"{path} is not there; name a log file, or a folder with one in it")
    found = next((files for kind in KINDS if (files := _held(path, kind))), None)
    if not found:
        raise ValueError(f"{path} holds no log; name a CSV, JSON Lines or event file, or a trainer_state.json")
    return _one_run(path, found) if EVENTS in found[0].name else [max(found, key=_rank)]


def _held(folder: Path, kind: tuple[str, ...]) -> list[Path]:
    return [file for pattern in kind for file in folder.glob(pattern) if file.is_file() and file.stat().st_size]


def _rank(file: Path) -> tuple[object, ...]:
    """Our unchanged trials first, then the highest number of a checkpoint, the first process, the newest file."""
    checkpoint = _numbers(file.parent.name) if file.name == STATE else []
    first = file.name in ("record.jsonl", "record-rank0.jsonl")
    return file.parent.name in OURS, checkpoint, first, file.stat().st_mtime, _numbers(str(file))


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _one_run(folder: Path, files: list[Path]) -> list[Path]:
    """Event files of one run: those of the folder and below, or of the newest folder below that holds some."""
    below = {file.relative_to(folder).parts[0] for file in files if file.parent != folder}
    parts = {"train", "training"} | HELD_OUT
    if len(below) < 2 or any(file.parent == folder for file in files) or any(words(name) & parts for name in below):
        return sorted(files)
    newest = (
        folder / max(files, key=lambda file: (file.stat().st_mtime, _numbers(str(file)))).relative_to(folder).parts[0]
    )
    return _one_run(newest, [file for file in files if file.is_relative_to(newest)])
