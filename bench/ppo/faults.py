"""The doctor on PPO: each injected fault must be named, and no sound run may raise an alarm.

    python bench/ppo/faults.py

With --keep FOLDER the Records are kept: what is there already is not made again, only judged.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from injections import INJECTIONS, SOUND, injected, record, shared
from measure import section, table, write

from leonui.doctor.policy.judge import judge_policy
from leonui.ppo import PPO
from leonui.ppo.settings import preset
from leonui.record import Record, Writer

STEPS, SEEDS, HEALTHY_SEEDS = 40_000, (1, 2), range(1, 11)
HEALTHY = {"CartPole-v1": {}, "Acrobot-v1": {}, "Pendulum-v1": {}}  # what is other than the presets
LENGTH = 100_000  # of a sound run


def jobs() -> dict[tuple[str, str, int], tuple[str, Callable[[], Record]]]:
    """Every run: kind, environment and seed; the code that is expected; how it is made."""
    found: dict[tuple[str, str, int], tuple[str, Callable[[], Record]]] = {}
    for seed in SEEDS:
        for name, fault in INJECTIONS.items():
            found[name, "CartPole-v1", seed] = fault.code, lambda f=fault, s=seed: faulty(f, s)
        found["rewards x100, shared trunk", "CartPole-v1", seed] = "PPO-SHARED", lambda s=seed: shared(s, 100.0, STEPS)
    for seed in HEALTHY_SEEDS:
        found["sound", "CartPole-v1, 8 x 128", seed] = "", lambda s=seed: sound("CartPole-v1", SOUND, STEPS, s)
        for environment, more in HEALTHY.items():
            made = lambda e=environment, m=more, s=seed: sound(e, preset(e).but(m), LENGTH, s)  # noqa: E731
            name = ", ".join([environment, *(f"{key}={value}" for key, value in more.items())])
            found["sound", name, seed] = "", made
    return found


def faulty(fault: Any, seed: int) -> Record:
    """A run with a fault."""
    with injected(fault, "CartPole-v1", seed) as trainer:
        return record(trainer, STEPS)


def sound(environment: str, settings: Any, steps: int, seed: int) -> Record:
    """A run without one."""
    trainer = PPO(environment, settings, seed=seed)
    found = record(trainer, steps)
    trainer.envs.close()
    return found


def kept(place: Path, make: Callable[[], Record]) -> Record:
    """The Record of a place, made where it is not there."""
    if not place.exists():
        made, writer = make(), Writer(place)
        for line in (*made.events, *made.rows):
            writer.add(line)
        writer.close()
    return Record.read(place)


def judged(key: tuple[str, str, int], code: str, found: Record) -> dict[str, Any]:
    """One line: what was expected, what was found."""
    codes = sorted({check.finding.code for check in judge_policy(found) if check.finding})
    good = code in codes if code else not codes
    last = next((row["return"] for row in reversed(found.rows) if row.get("return") is not None), None)
    return dict(zip(("run", "environment", "seed"), key, strict=True)) | {
        "expected": code,
        "found": codes,
        "good": good,
        "return": last,
    }


def main() -> None:
    """Make the runs that are missing, judge all, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="a folder for the Records")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as spare:
        folder = chosen.keep or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for key, (code, make) in jobs().items():
            began = time.perf_counter()
            place = folder / ("-".join(map(str, key)).replace(" ", "_").replace(",", "") + ".jsonl")
            rows.append(judged(key, code, kept(place, make)))
            print(f"{json.dumps(rows[-1])} {time.perf_counter() - began:.0f} s", flush=True)
    text = table(("run", "environment", "runs", "expected", "as expected", "codes"), lines(rows))
    print(text)
    section("ppo-faults", f"## PPO: faults that the doctor names\n\n`python bench/ppo/faults.py`\n\n{text}")
    write("ppo-faults", rows)


def lines(rows: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """The table: a kind of run a line."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["run"], row["environment"]), []).append(row)
    return [
        (
            *key,
            len(runs),
            runs[0]["expected"] or "nothing",
            sum(run["good"] for run in runs),
            ", ".join(sorted({code for run in runs for code in run["found"]})) or "-",
        )
        for key, runs in found.items()
    ]


if __name__ == "__main__":
    main()
