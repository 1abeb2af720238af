"""One seed of a training, in a process of its own: what it measures goes to its Record, its state to checkpoints."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from leonui.ppo import checkpoint
from leonui.ppo.settings import Settings
from leonui.ppo.train import PPO
from leonui.record import Record, Writer

RECORD = "record.jsonl"
EPISODES = 20


def start(folder: Path, plan: Mapping[str, Any], seed: int) -> BaseProcess:
    """Begin or go on with a seed of a plan: environment, settings by their names, steps."""
    process = multiprocessing.get_context("spawn").Process(target=train, args=(str(folder), dict(plan), seed))
    process.start()
    return process


def train(place: str, plan: Mapping[str, Any], seed: int) -> None:
    """Train to the end of the plan, or to an interrupt (SIGINT): the state after the last update is kept."""
    stops: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stops.append(number))
    torch.set_num_threads(1)
    folder = Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        trainer = trainer_of(folder, plan, seed)
    except ValueError as error:
        return _written(folder, [{"event": "failed", "message": str(error)}])
    writer = Writer(folder / RECORD)
    _kept(folder / RECORD, trainer)
    try:
        for row in trainer.rows(plan["steps"]):
            writer.add(row)
            writer.flush()
            if stops:
                break
        else:
            writer.add(evaluation(trainer))
    except FloatingPointError as error:
        writer.add({"event": "failed", "message": str(error)})
    except Exception as error:  # of the environment, most likely: whole on stderr
        writer.add({"event": "failed", "message": f"{type(error).__name__}: {error}"})
        raise
    finally:
        writer.close()
        if trainer.sound():
            trainer.checkpoint()
    return None


def trainer_of(folder: Path, plan: Mapping[str, Any], seed: int) -> PPO:
    """The trainer of a seed: from its checkpoint where there is one. Raises ValueError where that is not whole."""
    if (folder / checkpoint.NAME).exists():
        return PPO.resume(folder)
    return PPO(plan["environment"], Settings.of(**plan["settings"]), seed=seed, folder=folder)


def evaluation(trainer: PPO) -> dict[str, Any]:
    """What the most probable actions reach, and whether the normaliser was left alone meanwhile."""
    before = trainer.observed.moments and trainer.observed.moments.count
    returns = trainer.evaluate(EPISODES)
    moved = (trainer.observed.moments and trainer.observed.moments.count) != before
    return {"event": "evaluation", "returns": returns, "mean": fmean(returns), "normaliser_moved": moved}


def _kept(path: Path, trainer: PPO) -> None:
    """Bring a Record to where its checkpoint is: what was measured after it will be measured again."""
    rows = [row for row in Record.read(path).rows if row["update"] <= trainer.updates]
    _written(path.parent, [trainer.about(), *rows])


def _written(folder: Path, lines: list[dict[str, Any]]) -> None:
    fresh = folder / "record.new"
    fresh.unlink(missing_ok=True)
    writer = Writer(fresh)
    for line in lines:
        writer.add(line)
    writer.close()
    fresh.replace(folder / RECORD)
