"""Kills a race with SIGKILL at random moments and resumes it: is a training lost, counted twice, or left running?

python bench/reliability.py --kills 20
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from leonui.record import Record

SCRIPT = Path(__file__).parents[1] / "tests" / "hostile" / "rates.py"
OPTIONS = ["-o", "lion", "-o", "adamw", "--seeds", "5", "--track", "defaults"]
TRAININGS = 3 * 5 * 3  # entrants, seeds, lengths


def main() -> None:
    """Print what was lost, counted twice, changed or left running; exit 1 if anything was."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--longest", type=float, default=25.0, help="seconds to the kill, at most")
    options.add_argument("--seed", type=int, default=0)
    told = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = ordeal(Path(folder), told.kills, told.longest, random.Random(told.seed))
    print(json.dumps(found))
    sys.exit(any(found[name] for name in ("lost", "twice", "changed", "left_running")))


def ordeal(folder: Path, kills: int, longest: float, chance: random.Random) -> dict[str, int]:
    """A race that is killed so often, or until it is done, and then left to finish."""
    words, changed, left, killed = [*OPTIONS, str(SCRIPT), "plain"], 0, 0, 0
    before: list[dict] = []
    for _ in range(kills):
        done = start(folder, words, chance.uniform(1.0, longest))
        killed += not done
        time.sleep(1.0)
        left += running(folder)
        rows = journal(folder)
        changed += rows[: len(before)] != before
        before = rows
        if found := sorted(folder.glob("*-race")):
            words = ["--resume", str(found[-1])]
        if done:
            break
    start(folder, words, None)
    rows = journal(folder)
    changed += rows[: len(before)] != before
    counts = Counter((row["entrant"], row["seed"], row["share"]) for row in rows)
    twice = sum(count - 1 for count in counts.values())
    return {"kills": killed, "trainings": len(counts), "lost": TRAININGS - len(counts), "twice": twice,
            "changed": changed, "left_running": left}  # fmt: skip


def start(folder: Path, words: list[str], seconds: float | None) -> bool:
    """Run the command, killed after so many seconds; whether it came to its end first."""
    command = [sys.executable, "-m", "leonui", "race", "--runs", str(folder), "--json", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False
    return True


def journal(folder: Path) -> list[dict]:
    """The trainings that the race has kept."""
    found = sorted(folder.glob("*-race"))
    return Record.read(found[-1] / "race.jsonl").rows if found else []


def running(folder: Path) -> int:
    """How many processes are left whose plan lies in the folder."""
    mark = str(folder).encode()
    return sum(mark in environment(place) for place in Path("/proc").glob("[0-9]*") if place.name != str(os.getpid()))


def environment(place: Path) -> bytes:
    try:
        return (place / "environ").read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    main()
