"""A race on a real cluster of three nodes on this machine, one of them killed on the way, beside the same race here.

    python bench/cluster.py

Each node is a raylet of its own with one processor, its own workers and its own store. A node dies as a machine does:
its raylet is killed with signal 9, and with it go its workers. The two tables must be equal, number by number.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from measure import section, table, write

SCRIPT = Path(__file__).parents[1] / "examples" / "diabetes_regression.py"
ENTRANTS, SEEDS, NODES = ("lion", "adamw"), 5, 3
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "OMP_NUM_THREADS": "1"}


def raced(folder: Path, on: str | None, tell: Any = None) -> tuple[list[Any], float]:
    """The rates and losses of a race, here or on a cluster, in an order of their own; and its seconds."""
    from leonui.finder.guide import Silent
    from leonui.race import Plan, Race
    from leonui.race.cluster import Cluster
    from leonui.trial.program import Program
    from leonui.trial.runner import Runner

    guide = Silent()
    guide.say = tell or guide.say  # type: ignore[method-assign]
    program, began = Program("script", SCRIPT.name, ("--epochs", "20")), time.perf_counter()
    job = Race(program, folder, Plan(ENTRANTS, seeds=SEEDS))
    with Runner(program, folder, workers=1) as runner:
        if on:
            with Cluster(program, on, guide) as job.crew:
                job.go(runner, guide)
        else:
            job.go(runner, guide)
    rates = [(name, event["lr"]) for name, event in sorted(job.rates.items())]
    rows = [(row["entrant"], row["seed"], row["share"], row["loss"]) for row in job.journal.rows]
    return [*rates, *sorted(rows)], time.perf_counter() - began


def main() -> None:
    """Race here, then on three nodes of which one is killed after the first heat; compare."""
    from ray.cluster_utils import Cluster as Raylets

    os.chdir(SCRIPT.parent)
    with tempfile.TemporaryDirectory() as place:
        here, alone = raced(Path(place, "here"), None)
        raylets = Raylets()
        nodes = [raylets.add_node(num_cpus=1, include_dashboard=False) for _ in range(NODES)]
        os.environ["RAY_ADDRESS"], killed = raylets.address, []

        def tell(template: str, **evidence: Any) -> None:
            print(template.format(**evidence), flush=True)
            if evidence.get("done") == 1 and evidence["parts"] == SEEDS:
                threading.Thread(target=raylets.remove_node, args=(nodes[-1], False)).start()
                killed.append(time.perf_counter())

        there, together = raced(Path(place, "there"), "ray", tell)
        raylets.shutdown()
    same, lost = here == there, len(killed)
    rows = [
        ("here", str(len(here)), f"{alone:.0f} s"),
        (f"{NODES} nodes, {lost} killed", str(len(there)), f"{together:.0f} s"),
    ]
    text = table(("where", "lines of the journal", "time"), rows)
    text += f"\n\nThe two tables are {'equal, number by number' if same else 'NOT EQUAL'}."
    print(text)
    about = f"`python bench/cluster.py`: own, {', '.join(ENTRANTS)} x {SEEDS} seeds of {SCRIPT.name}; three raylets on"
    about += (
        " this machine's two processors, one killed with signal 9 while trainings ran. Its time says nothing of scale."
    )
    section("cluster", f"## A race on a cluster\n\n{about}\n\n{text}")
    write("cluster", [{"same": same, "lines": len(there), "nodes": NODES, "killed": lost}])
    sys.exit(not same)


if __name__ == "__main__":
    main()
