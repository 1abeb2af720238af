"""Plain runs of a script, with nothing of leonui near: what it printed of its validation loss, and how it ended."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import re
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import catalogue

PATIENCE = 180  # seconds for one run
PRINTED = re.compile(r"^(?:before|epoch|step).* val (\S+)$", re.MULTILINE)
ENDED = re.compile(r"^final (\S+)$", re.MULTILINE)
SLOW_IMPORTS = ("numpy", "torch.utils.data", "torch.optim.swa_utils", "torch._dynamo")
Row = dict[str, Any]


def plain(workload: str, text: str, seed: int) -> Row:
    """One run: its last validation loss, all of them, and how it failed if it did; None for what is not finite."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        script, output = Path(folder) / "train.py", Path(folder) / "output"
        script.write_text(text, "utf-8")
        code = (_forked if catalogue.ranks(workload) == 1 else _launched)(workload, script, seed, output)
        said = output.read_text("utf-8", errors="replace") if output.exists() else ""
    final = ENDED.search(said)
    values = [_number(value) for value in PRINTED.findall(said)]
    found = {"final": _number(final[1]) if final else None, "vals": values, "seconds": time.perf_counter() - began}
    return found | {"error": None if final else f"exit {code}: {said.strip()[-200:]}"}


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _forked(workload: str, script: Path, seed: int, output: Path) -> int | None:
    """The run in a fork of this process, which spares it the import of torch; nothing was computed here before."""
    for module in SLOW_IMPORTS:
        __import__(module)
    argv = catalogue.command(workload, script, seed)
    child = multiprocessing.get_context("fork").Process(target=_run, args=(argv, output))
    child.start()
    child.join(PATIENCE)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode


def _run(argv: list[str], output: Path) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = argv
    os.chdir(output.parent)
    runpy.run_path(argv[0], run_name="__main__")
    sys.stdout.flush()


def _launched(workload: str, script: Path, seed: int, output: Path) -> int | None:
    argv = [sys.executable, *catalogue.command(workload, script, seed)]
    with output.open("wb") as file:
        try:
            return subprocess.run(argv, cwd=script.parent, stdout=file, stderr=file, timeout=PATIENCE).returncode
        except subprocess.TimeoutExpired:
            return None


class Results:
    """Rows in a JSON file under their keys; what is there is not measured again."""

    def __init__(self, file: Path, keys: tuple[str, ...]) -> None:
        self.file, self.keys = file, keys
        self.rows: list[Row] = json.loads(file.read_text())["rows"] if file.exists() else []
        self.have = {self.key(row) for row in self.rows}

    def key(self, row: Row) -> tuple[Any, ...]:
        """What a row is known by."""
        return tuple(row[key] for key in self.keys)

    def forget(self, which: Callable[[Row], bool]) -> None:
        """Leave out rows, so that they are measured anew."""
        self.rows = [row for row in self.rows if not which(row)]
        self.have = {self.key(row) for row in self.rows}

    def add(self, row: Row) -> None:
        """Take in a row and leave all of them on the disk, whole."""
        self.rows.append(row)
        self.have.add(self.key(row))
        part = self.file.with_suffix(".part")
        part.write_text('{"rows": [\n' + ",\n".join(map(json.dumps, self.rows)) + "\n]}\n")
        part.replace(self.file)


def measure(
    results: Results, jobs: Iterable[Row], ask: Callable[[Row], Row], workers: int, limit: int | None = None
) -> None:
    """Ask for all rows that are missing, or for the first ``limit`` of them, and say how long it takes."""
    todo = [job for job in jobs if results.key(job) not in results.have][:limit]
    os.environ["OMP_NUM_THREADS"] = "1"
    began = time.perf_counter()
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for count, done in enumerate(as_completed([pool.submit(ask, job) for job in todo]), 1):
            row = done.result()
            results.add(row)
            left = (time.perf_counter() - began) / count * (len(todo) - count)
            print(f"{' '.join(map(str, results.key(row)))}: {left / 60:.1f} minutes left", flush=True)
