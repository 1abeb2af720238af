"""What each command does, once its words are parsed: make a run's folder, run, judge, draw, print."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from leonui import __version__, runs
from leonui.record import Record, encode
from leonui.terminal import (
    TerminalGuide,
    fail,
    show,
    show_climb,
    show_conformance,
    show_lr,
    show_optimizers,
    speaks_braille,
)
from leonui.trial.plan import Plan
from leonui.trial.process import launch
from leonui.trial.program import Program
from leonui.words import language


def run_climb(argv: list[str], *, lang: str | None, as_json: bool, place: str | None, **options: Any) -> int:
    """The command ``leonui climb``; returns its exit code."""
    try:
        program = Program.parse(argv)
        settle(place)
        return _climb(program, lang or language(), as_json, options)
    except ValueError as error:
        return fail(str(error), 2)
    except OSError as error:
        return fail(f"cannot write the run: {error}; free some space, or name another place with --runs", 1)


def _climb(program: Program, lang: str, as_json: bool, options: dict[str, Any]) -> int:
    from leonui.climb import Climb, Wishes
    from leonui.trial.runner import Runner

    steps, seconds = options["budget"]
    wishes = Wishes(steps, seconds, options["seeds"], options["metric"], options["goal"])
    ascent = Climb(program, runs.create("climb"), wishes)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        with (
            TerminalGuide(lang, quiet=as_json) as guide,
            Runner(
                program,
                ascent.folder,
                workers=options["workers"] or 0,
                start=options["start"],
                listener=guide.rows,
            ) as runner,
        ):
            ascent.go(runner, guide)
    except KeyboardInterrupt:
        pass
    except RuntimeError as error:
        return fail(str(error), 1)
    result = ascent.result() | {"leonui": __version__, "lang": lang}
    result["report"] = str(_write(ascent.folder, result, ascent.baseline, ascent.best))
    if as_json:
        sys.stdout.write(encode(result).decode())
    else:
        show_climb(result, lang)
    return 0 if ascent.complete else 1


def run_lr(argv: list[str], *, lang: str | None, as_json: bool, place: str | None, **options: Any) -> int:
    """The command ``leonui lr``; returns its exit code."""
    from leonui.rate import Job, Ramp, Wishes, need_optuna

    names = ("steps", "metric", "goal", "weight_decay")
    wishes = {name: options[name] for name in names} | {
        "optimizers": options["optimizer"],
        "schedules": options["schedule"],
    }
    try:
        program = Program.parse(argv)
        asked = Wishes(**wishes, **({"budget": options["budget"]} if options["budget"] else {}))
        if asked.weight_decay == "auto":
            need_optuna()
        settle(place)
        folder = runs.create("lr")
        job = Ramp(program, folder) if options["method"] == "ramp" else Job(program, folder, asked)
        return _search(job, lang or language(), as_json, options)
    except ValueError as error:
        return fail(str(error), 2)
    except OSError as error:
        return fail(f"cannot write the run: {error}; free some space, or name another place with --runs", 1)


def _search(job: Any, lang: str, as_json: bool, options: dict[str, Any]) -> int:
    from leonui.report import rate_page
    from leonui.trial.runner import Runner

    signal.signal(signal.SIGTERM, interrupt)
    try:
        with (
            TerminalGuide(lang, quiet=as_json) as guide,
            Runner(
                job.program, job.folder, workers=options["workers"] or 0, start=options["start"], listener=guide.rows
            ) as runner,
        ):
            job.go(runner, guide)
    except KeyboardInterrupt:
        pass
    except RuntimeError as error:
        return fail(str(error), 1)
    path = job.folder / "report.html"
    result = job.result() | {"leonui": __version__, "lang": lang, "report": str(path)}
    runs.write_result(job.folder, result)
    path.write_text(rate_page(result), encoding="utf-8")
    if as_json:
        sys.stdout.write(encode(result).decode())
    else:
        show_lr(result, lang)
    return 0 if job.complete and result["lr"] else 1


def interrupt(*_: object) -> None:
    """A signal asks to end: as Ctrl-C does."""
    raise KeyboardInterrupt


def _write(folder: Path, result: dict[str, Any], baseline: Any, best: Any) -> Path:
    from leonui.report import climb_page

    path = folder / "report.html"
    result["trials"] = {"baseline": baseline and baseline.name, "climb": best and best.name}
    runs.write_result(folder, result | {"report": str(path)})
    records = [trial.record if trial else None for trial in (baseline, best)]
    path.write_text(climb_page(result, records[0] or Record(), records[1]), encoding="utf-8")
    return path


def run_watch(argv: list[str], place: str | None) -> int:
    """The command ``leonui watch``; returns the program's own exit code."""
    try:
        program = Program.parse(argv)
    except ValueError as error:
        return fail(str(error), 2)
    settle(place)
    folder = runs.create("watch")
    process = launch(program, Plan(str((folder / "trials" / "watch").absolute())), own=False, threads=True)
    code = _wait(process)
    record = Record.read(folder / "trials" / "watch")
    end = record.last("end")
    share = float(end.get("probe_seconds", 0)) / max(float(end.get("seconds", 0)), 1e-9)
    sys.stderr.write(f"leonui: {record.steps} steps recorded in {folder} (watching took {share:.2%} of the time)\n")
    return code if code >= 0 else 128 - code


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait to the end, through any Ctrl-C: the program gets that itself."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def list_runs(place: str | None, as_json: bool) -> int:
    """The command ``leonui runs``."""
    settle(place)
    lines = []
    for folder in runs.every():
        result = runs.read_result(folder)
        lines.append({"run": folder.name, "verdict": result.get("verdict"), "program": result.get("program")})
    if as_json:
        sys.stdout.write(json.dumps(lines) + "\n")
    for line in [] if as_json else lines:
        sys.stdout.write(f"{line['run']}  {line['verdict'] or '-':14}  {line['program'] or ''}\n")
    return 0


def run_check(target: str, as_json: bool) -> int:
    """The command ``leonui check``; returns its exit code: 0 all passed, 1 some failed, 2 wrong use."""
    from leonui.conformance import check_optimizer, load_target

    sys.path.insert(0, str(Path.cwd()))
    try:
        make = load_target(target)
    except ValueError as error:
        return fail(str(error), 2)
    report = check_optimizer(make)
    if as_json:
        sys.stdout.write(json.dumps(report.to_json()) + "\n")
    else:
        show_conformance(report)
    return 0 if report.passed else 1


def list_optimizers(lang: str | None, as_json: bool) -> int:
    """The command ``leonui optimizers``."""
    from dataclasses import asdict

    from leonui.optim import advice

    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in advice()]) + "\n")
    else:
        show_optimizers([asdict(one) for one in advice()], lang or language())
    return 0


def write_report_of(run: str, place: str | None, output: str | None, lang: str | None, as_json: bool) -> int:
    """The command ``leonui report``."""
    from leonui.report import climb_page, doctor_page, ppo_page, rate_page, rlhf_page

    settle(place)
    try:
        folder = runs.find(run)
    except ValueError as error:
        return fail(str(error), 2)
    result = runs.read_result(folder)
    if result.get("command") not in ("climb", "lr", "doctor", "ppo", "rlhf"):
        return fail(f"{folder} has no result to report; leonui climb, lr, doctor, ppo and rlhf leave one", 1)
    names = result.get("trials", {})
    baseline, best = (
        name and Record.read(folder / "trials" / name) for name in (names.get("baseline"), names.get("climb"))
    )
    path = Path(output) if output else folder / "report.html"
    result = result | {"lang": lang or result["lang"]}
    if result["command"] == "climb":
        page = climb_page(result, baseline or Record(), best or None)
    elif result["command"] == "rlhf":
        page = rlhf_page(result, Record.read(folder))
    else:
        page = {"lr": rate_page, "doctor": doctor_page, "ppo": ppo_page}[result["command"]](result)
    path.write_text(page, encoding="utf-8")
    sys.stdout.write(json.dumps({"report": str(path)}) + "\n" if as_json else f"{path}\n")
    return 0


def draw_schedule(spec: str, lr: float, steps: int | None, output: str | None, as_json: bool) -> int:
    """The command ``leonui schedule``."""
    from leonui import preview
    from leonui.schedule import parse

    try:
        drawn = parse(spec)
    except ValueError as error:
        return fail(str(error), 2)
    if not math.isfinite(lr):
        return fail(f"--lr {lr} is no learning rate; give a number like 0.1", 2)
    if output and Path(output).suffix not in (".html", ".json"):
        return fail(f"cannot draw to {output}; name a file that ends in .html or .json", 2)
    steps = steps or preview.horizon(drawn)
    said = {"schedule": spec, "phases": drawn.to_json(), "lr": lr, "output": output}
    values = json.dumps(said | {"rows": preview.rows(drawn, steps, lr)}) + "\n"
    try:
        if output:
            text = values if output.endswith(".json") else preview.page(drawn, steps, lr, spec)
            Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        return fail(f"cannot write {output}: {error}", 1)
    if as_json:
        sys.stdout.write(values)
    else:
        show(preview.terminal(drawn, steps, lr, plain=not speaks_braille()), output)
    return 0


def settle(place: str | None) -> None:
    """Where runs live from now on, if a place was named."""
    if place:
        os.environ["LEONUI_RUNS"] = place
