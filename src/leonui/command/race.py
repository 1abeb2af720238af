"""The command ``leonui race``."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leonui import runs
from leonui.command.frame import drive, framed, tell
from leonui.terminal.guide import TerminalGuide
from leonui.terminal.race import show_race
from leonui.trial.program import Program
from leonui.words import language


@framed
def run_race(argv: list[str], *, lang: str | None, as_json: bool, resume: str | None, **options: Any) -> int:
    """Race optimizers; returns the exit code: 0 done, 1 broken off or failed, 2 wrong use."""
    from leonui.race import Race
    from leonui.race.result import result

    lang = lang or language()
    guide = TerminalGuide(lang, quiet=as_json)
    job = Race(*(_begun(runs.find(resume)) if resume else _planned(argv, options)))
    with _crew(job.program, guide, options) as job.crew:
        drive(
            job.program, job.folder, guide, lambda runner: job.go(runner, guide), options["workers"], options["start"]
        )
    tell(job.folder, result(job), lang, as_json, show_race)
    return 0 if job.complete else 1


def _crew(program: Program, guide: TerminalGuide, options: dict[str, Any]) -> AbstractContextManager[Any]:
    """Who runs the race's parts: a cluster where one is named, and else this machine."""
    if options["on"] is None:
        return nullcontext()
    from leonui.race.cluster import Cluster

    return Cluster(program, options["on"], guide, options["gpus"], options["start"])


def _planned(argv: list[str], options: dict[str, Any]) -> tuple[Program, Path, Any]:
    """A new race; what it is stands in its folder, so that it can go on."""
    from leonui.race import Plan

    names = ("seeds", "track", "reference", "steps", "budget", "metric", "goal")
    given = {name: options[name] for name in names if options[name] is not None}
    program, plan = Program.parse(argv), Plan(tuple(options["optimizer"]), **given)
    folder = runs.create("race")
    (folder / "plan.json").write_text(json.dumps({"argv": argv, "plan": asdict(plan)}, indent=1))
    return program, folder, plan


def _begun(folder: Path) -> tuple[Program, Path, Any]:
    """A race that was broken off."""
    from leonui.race import Plan

    if not (folder / "plan.json").exists():
        raise ValueError(f"{folder} is no run of leonui race: it has no plan.json; leonui runs lists them")
    told = json.loads((folder / "plan.json").read_text())
    plan = told["plan"] | {"entrants": tuple(told["plan"]["entrants"])}
    return Program.parse(told["argv"]), folder, Plan(**plan)
