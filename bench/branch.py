"""How fast a branch starts: the time to the end of its first step, by fork and by rerun of the same script, in turn."""

from __future__ import annotations

import statistics
import tempfile
import time
from itertools import count
from pathlib import Path

from measure import in_turn, quartiles, write

from leonui.trial.intervention import Intervention
from leonui.trial.program import Program
from leonui.trial.runner import Runner

ROUNDS = 9
SCRIPT = Path(__file__).parents[1] / "examples" / "digits_mlp.py"


def main() -> None:
    """Print the ratio and leave it as JSON."""
    program, numbers = Program("script", str(SCRIPT)), count()
    one_step = Intervention(stop=1)
    with (
        tempfile.TemporaryDirectory() as folder,
        Runner(program, Path(folder), start="fork") as forks,
        Runner(program, Path(folder), start="rerun") as reruns,
    ):
        held, beginning = forks.trailhead(0), reruns.trailhead(0)

        def fork() -> float:
            began = time.perf_counter()
            forks.branch(held, {f"fork-{next(numbers)}": one_step})
            return time.perf_counter() - began

        def rerun() -> float:
            began = time.perf_counter()
            reruns.branch(beginning, {f"rerun-{next(numbers)}": one_step})
            return time.perf_counter() - began

        fork()
        pairs = in_turn(fork, rerun, ROUNDS)
    low, middle, high = quartiles([slow / fast for fast, slow in pairs])
    fast, slow = (statistics.median(times) for times in zip(*pairs, strict=True))
    row = {
        "fork_s": fast,
        "rerun_s": slow,
        "ratio": middle,
        "ratio_quartiles": f"{low:.0f} to {high:.0f}",
        "rounds": ROUNDS,
    }
    print(f"fork {fast * 1e3:.1f} ms, rerun {slow * 1e3:.0f} ms: {middle:.0f} times faster ({low:.0f} to {high:.0f})")
    write("branch", [row])


if __name__ == "__main__":
    main()
