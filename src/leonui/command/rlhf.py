"""The command ``leonui rlhf``: load, train, judge, draw, print."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from leonui import runs
from leonui.command.frame import framed, stoppable, tell
from leonui.machine import machine
from leonui.record import Record, Writer
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
    try:
        return _train(target, lang or language(), as_json, options)
    except ModuleNotFoundError as error:
        return fail(f"{target} needs {error.name}: pip install 'leonui[rlhf]' brings transformers", 1)


def _train(target: str, lang: str, as_json: bool, options: dict[str, Any]) -> int:
    from leonui.ppo import RLHF, KLPenalty
    from leonui.ppo.ranks import joined
    from leonui.ppo.rlhf_job import load

    with joined() as chief:
        job = load(target)
        if options["kl"]:
            job["penalty"] = replace(job.get("penalty") or KLPenalty(), target=options["kl"])
        prompts = job.pop("prompts")
        trainer = RLHF(**job)
        if not chief:
            for _ in trainer.train(prompts, options["steps"]):
                pass
            return 0
        return _led(trainer, prompts, target, lang, as_json, options["steps"])


def _led(trainer: RLHF, prompts: Any, target: str, lang: str, as_json: bool, steps: int) -> int:
    """Train, and leave the Record, the result and the report; in a group the first process does this."""
    folder, start = runs.create("rlhf"), time.monotonic()
    shown = [prompts[at] for at in range(min(SHOWN, len(prompts)))]
    before, complete = trainer.sample(shown), False
    try:
        _iterate(trainer, prompts, steps, folder, lang, as_json)
        complete = True
    except KeyboardInterrupt:
        pass
    after = trainer.sample(shown)
    samples = [
        {"prompt": str(prompt), **{name: one._asdict() for name, one in (("before", old), ("after", new))}}
        for prompt, old, new in zip(shown, before, after, strict=True)
    ]
    result = summary(trainer.record) | {
        "command": "rlhf",
        "program": target,
        "complete": complete,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "machine": machine(),
        "seconds": time.monotonic() - start,
        "samples": samples,
    }
    tell(folder, result, lang, as_json, show_rlhf)
    return 0 if complete and not result["findings"] else 1


def _iterate(trainer: RLHF, prompts: Any, steps: int, folder: Path, lang: str, quiet: bool) -> None:
    writer = Writer(folder / "record.jsonl")
    for event in trainer.record.events:
        writer.add(event)
    try:
        with saying(lang, quiet, steps) as say:
            for row in trainer.train(prompts, steps):
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
