"""Which optimizer, when: `leonui race --bench` as a user would, for docs/results.md.

python bench/race.py                  # three seeds of each
python bench/race.py --resume RUN     # go on where one was broken off
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from measure import section, table, write

from leonui.race.profile import share

ENTRANTS = ("sgd", "momentum", "adamw", "lion", "muon")
FACTORS = (1.0, 1.5, 2.0, 4.0)
TEXT = """## Which optimizer, when

`python bench/race.py`: `leonui race --bench` with {entrants} beside each script's own optimizer, {seeds} fresh seeds of
each on each bundled example. Everybody has the same tuning budget (one run of the finder) for its own learning rate,
the same weights and batches per seed. The target of a script is the median final loss of its own optimizer, tuned.
With few seeds a difference is rarely more than chance, and five small scripts are no law: this says how the tool
answers, and what it answers here.

{races}

On how many of {count} scripts the target was reached in at most so many times the fewest steps:

{profile}"""


def raced(options: list[str], seeds: int) -> dict[str, Any]:
    """The races, by the command line."""
    entrants = [word for name in ENTRANTS for word in ("-o", name)]
    command = [sys.executable, "-m", "leonui", "race", "--bench", *entrants, "--seeds", str(seeds), "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return json.loads(done.stdout)


def line(race: dict[str, Any]) -> list[str]:
    """One script: who was best, or who cannot be told from the best; what each needs to the target."""
    steps = {row["entrant"]: row["steps"] for row in race["entrants"]}
    ends = {row["entrant"]: row["mean"] for row in race["entrants"]}
    said = race["best"] if race["verdict"] == "winner" else f"none: {', '.join(race['tied'])}"
    cells = [f"{_short(ends.get(name))}, {_short(steps.get(name))}" for name in ("own", *ENTRANTS)]
    return [f"`{Path(race['program']).stem}`", said, *cells]


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value < 10 else f"{value:.0f}"


def main() -> None:
    """Race, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--resume")
    chosen = parser.parse_args()
    result = raced(["--resume", chosen.resume] if chosen.resume else [], chosen.seeds)
    head = ("script", "winner", *(f"{name}: end, steps" for name in ("own", *ENTRANTS)))
    races = table(head, [line(race) for race in result["races"]])
    told = result["profiles"]["steps"]
    rows = [
        (name, *(round(share(its, factor) * told["scripts"]) for factor in FACTORS), its.count(None))
        for name, its in told["ratios"].items()
    ]
    profile = table(("optimizer", *(f"<= {factor:g}x" for factor in FACTORS), "never"), rows)
    seeds = min(race["seeds"] for race in result["races"])
    text = TEXT.format(entrants=", ".join(ENTRANTS), seeds=seeds, races=races, count=told["scripts"], profile=profile)
    print(text)
    section("race", text)
    write("race", [{"program": race["program"], "entrants": race["entrants"]} for race in result["races"]])


if __name__ == "__main__":
    main()
