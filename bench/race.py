"""Which optimizer, when: `leonui race --bench` as a user would, for docs/results.md.

python bench/race.py                  # five seeds of each
python bench/race.py --resume RUN     # go on where one was broken off
python bench/race.py --of RUN         # write about what it has
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from measure import section, table, write

from leonui import runs
from leonui.race.profile import profiles, share
from leonui.race.protocol import SHARES
from leonui.race.result import read
from leonui.race.statistics import reached
from leonui.record import Record

ENTRANTS = ("sgd", "momentum", "adamw", "lion", "muon")
FACTORS = (1.0, 1.5, 2.0, 4.0)
TEXT = """## Which optimizer, when

`python bench/race.py`: `leonui race --bench` with {entrants} beside each script's own optimizer,
{seeds} fresh seeds of each on bundled examples. Everybody has the same tuning budget (one run of the finder) for its
own learning rate, the same weights and batches per seed, the script's schedule, and else what its constructor has. The
target of a script is the median final loss of its own optimizer, tuned; all are judged by its validation loss.

{races}

*Steps* are the median over seeds, "-" where most seeds never arrive in the script's own length, and the shortest length
tried (half) is a bound. On how many of {count} scripts the target was reached in at most so many times the fewest
steps:

{profile}

![Who ended where, by seed, on the digits CNN](race.png)

### Beside what papers claim

How many times fewer steps than AdamW's whole training an optimizer needs to end as low as AdamW's median: the median
over seeds, and its 90% interval by resampling seeds; "none" where it does not get there in that length, and 2 is the
most that could be seen.

{claims}

- *Lion needs fewer steps than AdamW* (Chen et al. 2023, arXiv 2302.06675, on large vision and language models): {lion}
- *Muon is faster than AdamW* (Jordan 2024; Liu et al. 2025, arXiv 2502.16982: about twice): {muon}
- *Tuned fairly, no optimizer is more than 1.4 times as fast as AdamW* (Wen et al. 2025, arXiv 2509.02046, 0.1 to 1.2
  billion weights): {most}
- *No optimizer wins everywhere* (Schmidt, Schneider & Hennig 2021, arXiv 2007.01547): {crowded}

These are small networks, a few hundred steps and few samples, where the end is decided by overfitting as much as by
speed; with five seeds and fifteen pairs a difference must be some five times its scatter to count. They say how the
tool answers, and what it answers here; a network of yours wants a race of its own."""


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


def speedup(place: Path, name: str) -> tuple[float, float, float]:
    """AdamW's whole training over the steps to AdamW's median end: median over seeds and its interval; 0 if never."""
    journal = Record.read(place / "race.jsonl")
    losses, horizon = read(journal), journal.last("walk")["steps"]
    seeds = sorted(seed for seed, at in losses["adamw"].items() if 1.0 in at and 1.0 in losses[name].get(seed, {}))
    target = statistics.median(losses["adamw"][seed][1.0] for seed in seeds)
    lengths = [share * horizon for share in SHARES]
    times = [horizon / reached(lengths, [losses[name][seed][share] for share in SHARES], target) for seed in seeds]
    drawn = sorted(statistics.median(some) for some in product(times, repeat=len(times)))
    return statistics.median(times), drawn[len(drawn) // 20], drawn[-len(drawn) // 20]


def _times(found: tuple[float, float, float]) -> str:
    middle, low, high = ("none" if one == 0 else f"{one:.2g}" for one in found)
    return f"{middle} ({low} to {high})"


def claims(places: list[Path]) -> dict[str, str]:
    """What the races say to each claim, with the table that it rests on."""
    found = {name: [speedup(place, name) for place in places] for name in ENTRANTS if name != "adamw"}
    rows = [(f"`{place.name[2:]}`", *(_times(its[at]) for its in found.values())) for at, place in enumerate(places)]

    def faster(name: str) -> str:
        sure, never = (sum(one[at] > 1.0 if at else one[0] == 0 for one in found[name]) for at in (1, 0))
        return f"on {sure} of {len(places)} scripts beyond chance, and on {never} it did not get there at all."

    over = [f"{name} on {place.name[2:]}" for name in found for place, one in zip(places, found[name], strict=True)
            if one[1] > 1.4]  # fmt: skip
    first = [runs.read_result(place) or {} for place in places]
    best = ", ".join(f"{one['best']} ({Path(one['program']).stem})" for one in first)
    won = sum(one["verdict"] == "winner" for one in first)
    return {
        "claims": table(("script", *found), rows),
        "lion": faster("lion"),
        "muon": faster("muon"),
        "most": f"here beyond chance by more than that: {', '.join(over) or 'nobody'}.",
        "crowded": f"the lowest mean was that of {best}; a winner beyond chance there was on {won} of {len(places)}.",
    }


def main() -> None:
    """Race, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--resume")
    parser.add_argument("--of", help="a folder of races that were run: write about those that are complete")
    chosen = parser.parse_args()
    run = Path(chosen.of or raced(["--resume", chosen.resume] if chosen.resume else [], chosen.seeds)["run"])
    places = [place for place in sorted(run.glob("[0-9]*-*")) if runs.read_result(place).get("complete")]
    races = [runs.read_result(place) for place in places]
    head = ("script", "winner", *(f"{name}: end, steps" for name in ("own", *ENTRANTS)))
    told = profiles(races)["steps"]
    rows = [
        (name, *(round(share(its, factor) * told["scripts"]) for factor in FACTORS), its.count(None))
        for name, its in told["ratios"].items()
    ]
    text = TEXT.format(
        entrants=", ".join(ENTRANTS), seeds=min(race["seeds"] for race in races), count=told["scripts"],
        races=table(head, [line(race) for race in races]),
        profile=table(("optimizer", *(f"<= {factor:g}x" for factor in FACTORS), "never"), rows), **claims(places),
    )  # fmt: skip
    print(text)
    section("race", text)
    write("race", [{"program": race["program"], "entrants": race["entrants"]} for race in races])


if __name__ == "__main__":
    main()
