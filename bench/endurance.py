"""Ten thousand trials in one Runner: does it, or the process that they branch from, grow, or keep files or processes?

python bench/endurance.py --trials 10000
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from measure import section, table, write

from leonui.trial.intervention import Intervention
from leonui.trial.program import Program
from leonui.trial.runner import Runner

SCRIPT = Path(__file__).parents[1] / "tests" / "hostile" / "rates.py"
BATCH = 100  # trials between two looks
TEXT = """## Thousands of trials

`python bench/endurance.py`: branches of one step each, of one held process, in one Runner, {workers} side by side. The
growth is the slope of a straight line through the looks at the second half.

{rows}

{trials} trials, {made} of them made their step; {left} processes were left at the end."""


def look(pid: int) -> dict[str, int]:
    """What a process holds: resident memory in KiB, and open files."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return {"kib": resident, "files": len([*Path(f"/proc/{pid}/fd").iterdir()])}


def endured(trials: int, minutes: float, workers: int) -> dict[str, Any]:
    """The looks at both processes, and how many trials made their step."""
    until, looks, made, done = time.monotonic() + 60 * minutes, [], 0, 0
    with (
        tempfile.TemporaryDirectory() as folder,
        Runner(Program("script", str(SCRIPT), ("plain",)), Path(folder), workers=workers) as runner,
    ):
        point = runner.trailhead(0)
        assert point.line
        while done < trials and time.monotonic() < until:
            jobs = {f"{done + at}": Intervention(stop=1) for at in range(BATCH)}
            made += sum(trial.record.steps == 1 for trial in runner.branch(point, jobs))
            done += BATCH
            looks.append({"trials": done, "runner": look(os.getpid()), "held": look(point.line.pid)})
            print(looks[-1], flush=True)
        held = point.line.pid
    return {"trials": done, "made": made, "workers": workers, "looks": looks, "left": Path(f"/proc/{held}").exists()}


def slope(looks: list[dict[str, Any]], who: str, what: str) -> float:
    """By how much it grows in a thousand trials."""
    at = [(one["trials"] / 1000, one[who][what]) for one in looks[len(looks) // 2 :]]
    x, y = (sum(values) / len(at) for values in zip(*at, strict=True))
    return sum((a - x) * (b - y) for a, b in at) / sum((a - x) ** 2 for a, _ in at)


def main() -> None:
    """Endure, and write the section."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=10_000)
    options.add_argument("--minutes", type=float, default=60.0, help="the most that it may take")
    options.add_argument("--workers", type=int, default=2)
    told = options.parse_args()
    tell(endured(told.trials, told.minutes, told.workers))


def tell(found: dict[str, Any]) -> None:
    """The section of what was found."""
    rows = []
    for who, name in (("runner", "leonui"), ("held", "the held process")):
        first, last = found["looks"][0], found["looks"][-1]
        kib, files = slope(found["looks"], who, "kib"), slope(found["looks"], who, "files")
        memory = f"{first[who]['kib'] / 1024:.1f} to {last[who]['kib'] / 1024:.1f} MiB"
        rows.append(
            (name, memory, f"{kib:+.1f} KiB", f"{first[who]['files']} to {last[who]['files']}", f"{files:+.2f}")
        )
    head = ("process", "resident memory", "growth in 1,000 trials", "open files", "growth in 1,000 trials")
    count = {"left": int(found["left"]), **{name: found[name] for name in ("trials", "made", "workers")}}
    text = TEXT.format(rows=table(head, rows), **count)
    print(text)
    section("endurance", text)
    write("endurance", [count | {"looks": found["looks"][:: max(1, len(found["looks"]) // 20)]}])


if __name__ == "__main__":
    main()
