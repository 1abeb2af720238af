"""The command ``leonui rlhf``: load, train, judge, draw, print."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from leonui import runs
from leonui.command.frame import framed, stoppable, tell
from leonui.machine import machine
from leonui.record import Record, Row, Writer
from leonui.terminal.rlhf import saying, show_rlhf
from leonui.terminal.text import fail
from leonui.words import language

if TYPE_CHECKING:
    from leonui.ppo import RLHF

SHOWN, LAST = 8, 5  # prompts of which samples are shown; rows at the end


@framed
def run_rlhf(target: str, *, lang: str | None, as_json: bool, **options: Any) -> int:
    """Train by a reward; returns the exit code: 0 done, 1 failed or something was found, 2 wrong use."""
    stoppable()
    from leonui.ppo.ranks import joined
    from leonui.ppo.rlhf_job import load

    with joined() as chief:
        try:
            job = load(target)
        except ModuleNotFoundError as error:
            extra = " ('leonui[rlhf]' brings it)" if error.name == "transformers" else ""
            return fail(f"{target} needs the package {error.name}, which is not here: install it{extra}", 1)
        prompts = job.pop("prompts")
        trainer = _trainer(job, options["kl"])
        rows = trainer.train(prompts, options["steps"])
        if chief:
            return _led(trainer, rows, prompts, target, lang or language(), as_json, options["steps"])
        for _ in rows:
            pass
    return 0


def _trainer(job: dict[str, Any], target: float | None) -> RLHF:
    from leonui.ppo import RLHF, KLPenalty

    if target:
        job["penalty"] = replace(job.get("penalty") or KLPenalty(), target=target)
    return RLHF(**job)


def _led(trainer: RLHF, rows: Iterator[Row], prompts: Any, target: str, lang: str, as_json: bool, steps: int) -> int:
    """Train, and leave the Record, the weights, the result and the report; in a group the first process does this."""
    folder, start = runs.create("rlhf"), time.monotonic()
    shown = [prompts[at] for at in range(min(SHOWN, len(prompts)))]
    before, after, failures = [], [], []
    try:
        before = trainer.sample(shown)
        _iterate(trainer, rows, folder, lang, as_json, steps)
    except KeyboardInterrupt:
        pass
    except Exception as error:  # of the reward, most likely: what was learned until then is left all the same
        failures = [_failure(error, trainer.steps + 1)]
    if before and not failures:
        after = trainer.sample(shown)
    samples = [
        {"prompt": str(prompt), **{name: one._asdict() for name, one in (("before", old), ("after", new))}}
        for prompt, old, new in zip(shown, before, after, strict=False)
    ]
    result = summary(trainer.record) | {
        "command": "rlhf",
        "program": target,
        "complete": trainer.steps == steps,
        "failures": failures,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "machine": machine(),
        "seconds": time.monotonic() - start,
        "samples": samples,
        "weights": _weights(trainer, folder),
    }
    tell(folder, result, lang, as_json, show_rlhf)
    return 0 if result["complete"] and not result["findings"] else 1


def _failure(error: Exception, iteration: int) -> str:
    """What went wrong, and where the file of the job was when it did; an error of its own goes to stderr whole."""
    ours = str(Path(__file__).parents[1])
    theirs = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(ours)]
    if not theirs or "site-packages" in theirs[-1].filename:
        return f"iteration {iteration}: {error}"
    traceback.print_exception(error)
    place = f"{Path(theirs[-1].filename).name}:{theirs[-1].lineno}"
    return f"iteration {iteration}: {place} raised {type(error).__name__}: {error}"


def _weights(trainer: RLHF, folder: Path) -> str:
    """Keep the weights of the model as a state_dict; returns where."""
    import torch

    path = folder / "model.pt"
    torch.save(trainer.model.state_dict(), path)
    return str(path)


def _iterate(trainer: RLHF, rows: Iterator[Row], folder: Path, lang: str, quiet: bool, steps: int) -> None:
    writer = Writer(folder / "record.jsonl")
    for event in trainer.record.events:
        writer.add(event)
    try:
        with saying(lang, quiet, steps) as say:
            for row in rows:
                writer.add(row)
                writer.flush()
                say(row)
    finally:
        writer.close()


def summary(record: Record) -> dict[str, Any]:
    """What a Record says of the whole: its first row, which no update has touched, its last ones, and the judges."""
    from leonui.doctor.policy.language import judge_language

    checks = judge_language(record)
    told = record.last("rlhf")
    columns = ("reward", "kl", "entropy", "length")
    ends = {
        name: {"before": record.column(name)[0], "after": fmean(record.column(name)[-LAST:])} if record.rows else None
        for name in columns
    }
    return {
        **ends,
        "steps": len(record.rows),
        "target": told.get("target"),
        "beta": record.rows[-1]["beta"] if record.rows else None,
        "settings": {name: told[name] for name in ("sampling", "penalty", "advantage", "update") if name in told},
        "findings": [check.finding.to_json() for check in checks if check.finding],
        "checks": [check.to_json() for check in checks],
        "notes": [],
    }
