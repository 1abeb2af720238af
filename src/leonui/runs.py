"""Where runs live: one folder a run, under ``.leonui`` or where LEONUI_RUNS says. No torch here."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leonui.record import encode


class Began:
    """When something began: ``wall``, as the wall's clock said then, and ``seconds`` since, by one that nobody sets."""

    def __init__(self) -> None:
        self.wall, self._then = time.strftime("%Y-%m-%dT%H:%M:%S"), time.monotonic()

    @property
    def seconds(self) -> float:
        """To a tenth."""
        return round(time.monotonic() - self._then, 1)


def home() -> Path:
    """The folder of all runs."""
    return Path(os.environ.get("LEONUI_RUNS", ".leonui"))


def create(command: str) -> Path:
    """A new run's folder, named for the time and the command; one that ignores itself in git."""
    home().mkdir(parents=True, exist_ok=True)
    ignore = home() / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    stem = time.strftime("%Y%m%d-%H%M%S") + f"-{command}"
    for number in range(1, 1000):
        folder = home() / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{home()} has a thousand runs named {stem}; move some away")


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other processes from going on with a run meanwhile; ValueError where one of them does.

    The claim ends with its process, however that ends. A system without such locks lets everybody.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (folder / "claim").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"another leonui is at work on {folder}; wait for its end, or end it") from error
        except OSError:
            pass  # a file system without locks
        yield


def every() -> list[Path]:
    """All runs, newest first."""
    return sorted((p for p in home().glob("*-*-*") if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)


def find(name: str) -> Path:
    """A run by its path, its name or the beginning of its name, or "last". Raises ValueError if there is none."""
    if Path(name).is_dir():
        return Path(name)
    found = [run for run in every() if name == "last" or run.name.startswith(name)]
    found.sort(key=lambda run: run.name != name)
    if not found:
        raise ValueError(f"there is no run {name!r} in {home()}; leonui runs lists them")
    return found[0]


def write_result(folder: Path, result: dict[str, Any]) -> None:
    """Put a run's result into its folder."""
    (folder / "result.json").write_bytes(encode(result))


def read_result(folder: Path) -> dict[str, Any]:
    """A run's result; empty while it has none that is whole."""
    try:
        return json.loads((folder / "result.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return {}


def shown(file: str) -> str:
    """A path as the reader knows it: relative to where they are, if it is below."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_absolute() and path.is_relative_to(Path.cwd()) else file
