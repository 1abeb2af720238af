"""What several tests share: the program as a user starts it, and a look for processes that were left behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

collect_ignore = ["integrations"]  # they need the trainers; make test-integrations names the folder
LEONUI = (sys.executable, "-m", "leonui")


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anybody's settings for leonui, in English, one thread a process."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("LEONUI")}
    return plain | {"OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", "LANGUAGE": "en"} | more


def left_over(folder: Path, patience: float = 3.0) -> list[str]:
    """Command lines of the processes that belong to ``folder`` by command line, environment or working folder and are
    still there after some patience. Where there is no /proc nobody is seen."""
    until = time.monotonic() + patience
    while (alive := _belonging(folder)) and time.monotonic() < until:
        time.sleep(0.1)
    return alive


def _belonging(folder: Path) -> list[str]:
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            known = command + (process / "environ").read_bytes() + os.fsencode((process / "cwd").readlink() / "_")
        except OSError:  # it ended meanwhile, or is another user's
            continue
        if command and os.fsencode(f"{folder}/") in known:
            lines.append(f"{process.name} {command.replace(bytes(1), b' ').decode(errors='replace')}")
    return lines
