"""The command ``leonui ppo``: train seeds side by side, judge their Records, draw, print."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from leonui import runs
from leonui.command.frame import agree, framed, stoppable, tell
from leonui.command.sending import sending
from leonui.machine import machine
from leonui.record import Record, Tail, encode
from leonui.terminal.ppo import show_played, show_ppo, training
from leonui.terminal.text import fail
from leonui.words import language

POINTS, PATIENCE = 100, 0.2  # of a curve; seconds between two looks
STUDENT = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}  # 95%, two-sided
COLUMNS = ("return", "kl", "clipped", "entropy", "explained_variance")
Say = Callable[[int, dict[str, Any]], None]


@framed
def run_ppo(environment: str | None, *, lang: str | None, as_json: bool, **options: Any) -> int:
    """Train a policy; returns the exit code: 0 done, 1 failed or something was found, 2 wrong use."""
    stoppable()
    lang = lang or language()
    sys.path.insert(0, str(Path.cwd()))  # where the module of my_package:My-v0 is looked for
    try:
        if options["play"]:
            return _play(runs.find(options["play"]), lang, as_json)
        folder, plan = _planned(environment, options)
        with runs.claimed(folder):
            return _train(folder, plan, lang, as_json)
    except ModuleNotFoundError as error:
        return fail(f"leonui ppo needs {error.name}, which is not here: pip install 'leonui[rl]'", 1)


def _planned(environment: str | None, options: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
    """The folder and what to do in it: of a new run, or of one that goes on. Raises ValueError for what cannot be."""
    from leonui.ppo.settings import STEPS, preset
    from leonui.ppo.train import PPO

    if options["resume"]:
        return _begun(runs.find(options["resume"]), environment, options)
    if not environment:
        raise ValueError("name an environment, like CartPole-v1, or a run with --resume or --play")
    settings = preset(environment).but(dict(options["settings"]))
    PPO(environment, settings).envs.close()
    plan = {
        "environment": environment,
        "settings": settings.flat(),
        "steps": options["steps"] or STEPS.get(environment, 1_000_000),
        "seeds": list(range(1, options["seeds"] + 1)),
    }
    folder = runs.create("ppo")
    (folder / "plan.json").write_text(json.dumps(plan, indent=1))
    return folder, plan


def _begun(folder: Path, environment: str | None, options: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
    """A run that was broken off; ValueError for another, and where another training is asked for."""
    path = folder / "plan.json"
    plan = json.loads(path.read_text()) if path.exists() else {}
    if "seeds" not in plan:
        raise ValueError(f"{folder} is no run of leonui ppo: it has no plan of one; leonui runs lists them")
    agree(folder, plan.get("settings", {}), dict(options["settings"]))
    asked = {"environment": environment, "seeds": options["seeds"]}
    agree(folder, plan | {"seeds": len(plan["seeds"])}, asked)
    for seed in plan["seeds"]:
        _whole(folder / f"seed-{seed}")
    return folder, plan | ({"steps": options["steps"]} if options["steps"] else {})


def _whole(folder: Path) -> None:
    """Raises ValueError where there is a checkpoint and it is damaged."""
    from leonui.ppo import checkpoint

    if (folder / checkpoint.NAME).exists():
        checkpoint.load(folder)


def _train(folder: Path, plan: dict[str, Any], lang: str, as_json: bool) -> int:
    began = time.monotonic()
    with training(lang, as_json, plan["seeds"], plan["steps"]) as say:
        _seeds(folder, plan, say)
    records = {seed: Record.read(folder / f"seed-{seed}" / "record.jsonl") for seed in plan["seeds"]}
    result = summary(plan, records) | {
        "command": "ppo",
        "program": plan["environment"],
        "run": str(folder),
        "settings": plan["settings"],
        "seconds": time.monotonic() - began,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "machine": machine(),
    }
    tell(folder, result, lang, as_json, show_ppo)
    certain = [finding for finding in result["findings"] if finding["class"] == "is"]
    return 0 if result["complete"] and not certain else 1


def _seeds(folder: Path, plan: Mapping[str, Any], say: Say) -> None:
    """Train all seeds, one a core; Ctrl-C lets each end its update and keep its state."""
    from leonui.ppo.seed import start

    waiting, going, tails = list(plan["seeds"]), {}, {}
    try:
        while waiting or going:
            while waiting and len(going) < (os.cpu_count() or 1):
                seed = waiting.pop(0)
                going[seed] = start(folder / f"seed-{seed}", plan, seed)
                tails[seed] = Tail(folder / f"seed-{seed}" / "record.jsonl")
            time.sleep(PATIENCE)
            for seed, tail in tails.items():
                rows = [row for row in tail.new() if "speed" in row]
                sending().rows(folder, f"seed-{seed}", rows)
                for row in rows[-1:]:
                    say(seed, row)
            going = {seed: process for seed, process in going.items() if process.is_alive()}
    except KeyboardInterrupt:
        for process in going.values():
            if process.is_alive() and process.pid:
                os.kill(process.pid, signal.SIGINT)
        for process in going.values():
            process.join()
    finally:
        sending().close()


def summary(plan: Mapping[str, Any], records: Mapping[int, Record]) -> dict[str, Any]:
    """What the Records say together: the return after training, the curves, and what the judges find in any seed."""
    from leonui.doctor.policy.judge import judge_policy

    judged = [check for record in records.values() for check in judge_policy(record)]
    wrong: dict[str, Any] = {}
    for check in judged:
        if check.finding:
            wrong.setdefault(check.finding.code, check.finding.to_json())
    bad = {check.code for check in judged if check.finding}
    fine = {check.code: check.to_json() for check in judged if check.code not in bad}
    means = [event["mean"] for record in records.values() if (event := record.last("evaluation"))]
    failures = [
        f"seed {seed}: {event['message']}" for seed, record in records.items() for event in record.named("failed")
    ]
    return {
        "complete": len(means) == len(records) and not failures,
        "steps": plan["steps"],
        "seeds": [
            {
                "seed": seed,
                "steps": record.rows[-1]["step"] if record.rows else 0,
                "return": record.last("evaluation").get("mean"),
            }
            for seed, record in records.items()
        ],
        "return": interval(means) if means else None,
        "curves": {name: curve([*records.values()], name, plan["steps"]) for name in COLUMNS},
        "curve": curve([*records.values()], "return", plan["steps"]),
        "speed": sum(record.rows[-1]["speed"] for record in records.values() if record.rows) or None,
        "failures": failures,
        "findings": [*wrong.values()],
        "checks": [*fine.values()],
    }


def interval(values: list[float]) -> dict[str, Any]:
    """The mean over seeds and its 95% interval by Student's t; with one seed there is none."""
    mean, count = fmean(values), len(values)
    reach = STUDENT.get(count - 1, 1.96) * stdev(values) / math.sqrt(count) if count > 1 else 0.0
    return {"mean": mean, "low": mean - reach, "high": mean + reach, "count": count}


def curve(records: list[Record], name: str, steps: int) -> dict[str, list[float | None]]:
    """A column over the steps of all seeds: mean, lowest and highest at each of some stretches."""
    found: dict[str, list[float | None]] = {"steps": [], "mean": [], "low": [], "high": []}
    for at in range(POINTS):
        low, high = at * steps / POINTS, (at + 1) * steps / POINTS
        means = []
        for record in records:
            values = [row[name] for row in record.rows if low < row["step"] <= high and _known(row.get(name))]
            means += [fmean(values)] if values else []
        if means:
            told = {"steps": (low + high) / 2, "mean": fmean(means), "low": min(means), "high": max(means)}
            for key, value in told.items():
                found[key].append(value)
    return found


def _known(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _play(folder: Path, lang: str, as_json: bool) -> int:
    """Evaluate the best seed of a run and film it."""
    from leonui.ppo.play import film
    from leonui.ppo.train import PPO

    seeds = runs.read_result(folder).get("seeds") or [{"seed": 1, "return": None}]
    best = max(seeds, key=lambda seed: -math.inf if seed["return"] is None else seed["return"])["seed"]
    trainer = PPO.resume(folder / f"seed-{best}")
    returns, path, why = trainer.evaluate(), folder / "play.gif", ""
    try:
        film(trainer, path)
    except Exception as error:  # what drawing needs differs from environment to environment, and so do its errors
        why = f"{type(error).__name__}: {error}"
    shown = None if why else str(path)
    if as_json:
        sys.stdout.write(
            encode({"run": str(folder), "seed": best, "returns": returns, "film": shown, "why": why}).decode()
        )
    else:
        show_played(returns, shown, why, lang)
    return 0
