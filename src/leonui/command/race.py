"""The command ``leonui race``."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leonui import runs
from leonui.command.frame import agree, drive, framed, left, stoppable, tell
from leonui.terminal.guide import TerminalGuide
from leonui.terminal.race import show_race, show_races
from leonui.trial.program import Program
from leonui.words import language

FIELD = "field.json"  # which races a folder holds, where it holds several
PLANNED = ("seeds", "track", "reference", "steps", "budget", "metric", "goal")


@framed
def run_race(argvs: list[list[str]], *, lang: str | None, as_json: bool, resume: str | None, **options: Any) -> int:
    """Race optimizers on programs, one after the other, or go on with a race of which ``argvs`` may say nothing.

    Returns the exit code: 0 done, 1 broken off or failed, 2 wrong use.
    """
    lang = lang or language()
    folder = _begun(runs.find(resume), argvs, options) if resume else _planned(argvs, options)
    if (folder / FIELD).exists():
        return _run_field(folder, lang, as_json, options)
    job, told = _raced(folder, lang, as_json, options)
    tell(folder, told, lang, as_json, show_race)
    return 0 if job.complete else 1


@framed
def run_surface(name: str, *, lang: str | None, as_json: bool, **options: Any) -> int:
    """Race optimizers on a surface of the landscape; exit codes are those of one race."""
    from leonui.race import Plan
    from leonui.race.surface import SEEDS, SurfaceRace

    lang = lang or language()
    plan: dict[str, Any] = {"own": False, "seeds": SEEDS}
    plan |= {name: options[name] for name in ("seeds", "track", "steps") if options[name] is not None}
    job = SurfaceRace(name, Plan(tuple(options["optimizer"]), **plan))
    folder = runs.create("race")
    stoppable()
    try:
        with TerminalGuide(lang, quiet=as_json) as guide:
            job.go(guide)
    except KeyboardInterrupt:
        pass
    tell(folder, job.result() | {"run": str(folder)}, lang, as_json, show_race)
    return 0 if job.complete else 1


def _run_field(folder: Path, lang: str, as_json: bool, options: dict[str, Any]) -> int:
    """All races of a folder that are not done, and what they say together."""
    from leonui.race.profile import profiles

    places = _places(folder)
    for place in places:
        if not runs.read_result(place).get("complete"):
            job, told = _raced(place, lang, as_json, options)
            left(place, told, lang)
            if not job.complete and not job.findings:
                break  # Ctrl-C ends all of them
    told = [result for place in places if (result := runs.read_result(place))]
    done = len(told) == len(places) and all(one["complete"] for one in told)
    programs = ", ".join(one["program"] for one in told)
    result = {"command": "race", "program": programs, "run": str(folder), "complete": done, "races": told}
    tell(folder, result | {"profiles": profiles(told), "findings": [], "notes": []}, lang, as_json, show_races)
    return 0 if done else 1


def _raced(folder: Path, lang: str, as_json: bool, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The race that is planned in a folder, gone on with, and what it came to."""
    from leonui.race import Race
    from leonui.race.result import result

    guide = TerminalGuide(lang, quiet=as_json)
    with runs.claimed(folder):
        argv, plan = _read(folder)
        job = Race(Program.parse(argv), folder, plan)
        with _crew(job.program, guide, options) as job.crew:
            how = options["workers"], options["start"]
            drive(job.program, folder, guide, lambda runner: job.go(runner, guide), *how)
    return job, result(job)


def _crew(program: Program, guide: TerminalGuide, options: dict[str, Any]) -> AbstractContextManager[Any]:
    """Who runs the race's parts: a cluster where one is named, and else this machine."""
    if options["on"] is None:
        return nullcontext()
    from leonui.race.cluster import Cluster

    return Cluster(program, options["on"], guide, options["gpus"], options["start"])


def _planned(argvs: list[list[str]], options: dict[str, Any]) -> Path:
    """The folder of a new race, or of several; what it is stands in it, so that it can go on."""
    from leonui.race import Plan

    plan = Plan(**_asked(options))
    programs = [Program.parse(argv) for argv in argvs]
    folder = runs.create("race")
    places = [folder] if len(argvs) == 1 else [folder / f"{at}-{_stem(one)}" for at, one in enumerate(programs, 1)]
    for place, argv in zip(places, argvs, strict=True):
        place.mkdir(exist_ok=True)
        (place / "plan.json").write_text(json.dumps({"argv": argv, "plan": asdict(plan)}, indent=1))
    if len(places) > 1:
        (folder / FIELD).write_text(json.dumps({"races": [place.name for place in places]}, indent=1))
    return folder


def _stem(program: Program) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in Path(program.target).stem)


def _asked(options: dict[str, Any]) -> dict[str, Any]:
    """The plan's fields as far as the command line names them."""
    return {"entrants": tuple(options["optimizer"])} | {
        name: options[name] for name in PLANNED if options[name] is not None
    }


def _places(folder: Path) -> list[Path]:
    """The folders of all races of a run."""
    if not (folder / FIELD).exists():
        return [folder]
    return [folder / name for name in json.loads((folder / FIELD).read_text())["races"]]


def _begun(folder: Path, argvs: list[list[str]], options: dict[str, Any]) -> Path:
    """The folder of a race that was broken off; ValueError for another, and where another race is asked for."""
    told = [_read(place) for place in _places(folder)]
    begun = asdict(told[0][1]) | {"program": [argv for argv, _ in told]}
    agree(folder, begun, _asked(options) | {"program": argvs})
    return folder


def _read(folder: Path) -> tuple[list[str], Any]:
    """The program and the plan of a race."""
    from leonui.race import Plan

    path = folder / "plan.json"
    told = json.loads(path.read_text()) if path.exists() else {}
    if "argv" not in told:
        raise ValueError(f"{folder} is no run of leonui race: it has no plan of one; leonui runs lists them")
    return told["argv"], Plan.of(told["plan"])
