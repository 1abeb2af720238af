"""Climbs every example as a user would, for docs/results.md: baseline, climb, interval, steps spent."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import section

ROOT = Path(__file__).parents[1]
HEAD = """## The climb

Every bundled example, climbed as it is: `make results` runs `leonui climb --json --seeds 3 examples/NAME.py` on each
and writes this section. Nothing was tuned for one of them: the constants of the search are the same for all.
Steps are those of one baseline, of the search and of one final run; "x baseline" is their sum over the baseline's.

| example | verdict | judged by | baseline | climb | difference, 95% interval | lr | steps | x baseline | seconds |
|---|---|---|---|---|---|---|---|---|---|
"""


def climb(example: Path) -> dict[str, Any]:
    """One climb, by the command line."""
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "leonui", "climb", "--json", "--seeds", "3", "--runs", runs, str(example)]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout)


def row(name: str, result: dict[str, Any]) -> str:
    """One line of the table."""
    key = {"training": "loss"}.get(result["judged_by"], result["judged_by"])
    before, after = (f"{result[who][key]:.4g}" for who in ("baseline", "climb"))
    low, high = result["interval"] or (float("nan"), float("nan"))
    steps = result["steps"]
    times = sum(steps.values()) / steps["baseline"]
    cells = [
        f"`{name}`",
        result["verdict"].replace("_", " "),
        f"{result['judged_by']} loss",
        before,
        after,
        f"{result['difference']:.3g} ({low:.3g} to {high:.3g})",
        f"{result['base_lr'][0]:g} -> {result['lr']:.3g}",
        f"{steps['baseline']}, {steps['search']}, {steps['final']}",
        f"{times:.1f}",
        f"{result['seconds']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Climb them all and write the page."""
    names = sys.argv[1:] or sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
    rows = []
    for name in names:
        rows.append(row(name, climb(ROOT / "examples" / f"{name}.py")))
        print(rows[-1], flush=True)
    section("climb", HEAD + "\n".join(rows) + "\n\nThree seeds each.")


if __name__ == "__main__":
    main()
