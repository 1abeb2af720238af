"""The command line: parse, call, print. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click

from leonui import __version__
from leonui.words import LANGUAGES

PROGRAM = click.argument("program", nargs=-1, type=click.UNPROCESSED)
MODULE = click.option("-m", "module", metavar="MODULE", help="Run a module: -m package.train args.")
LANG = click.option(
    "--lang", type=click.Choice(LANGUAGES), help="Language of what is said; default: the environment's."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, and nothing else.")
METRIC = click.option(
    "--metric",
    metavar="REGEX",
    callback=lambda *given: _pattern(given[-1]),
    help="The script's own printed number: 'val acc ([0-9.]+)'.",
)
GOAL = click.option(
    "--goal", type=click.Choice(["min", "max"]), default="min", show_default=True, help="Of the metric."
)
WORKERS = click.option("--workers", type=click.IntRange(1), help="Trials side by side; default: one a core.")
START = click.option(
    "--start",
    type=click.Choice(["auto", "fork", "rewind", "rerun"]),
    default="auto",
    help="How branches start; auto: the first of these that is possible.",
)
RUNS = click.option("--runs", "place", type=click.Path(file_okay=False), help="Where runs live; default .leonui.")
SETTINGS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="leonui")
def cli() -> None:
    """Point leonui at a PyTorch training script, unchanged.

    PROGRAM is a script with its arguments, -m MODULE, module:function, or after -- any launcher:

    \b
      leonui climb train.py --epochs 3
      leonui climb -- torchrun --nproc-per-node 2 train.py

    Options of leonui stand before the program. Exit codes: 0 done, 1 failed or found something, 2 wrong use.
    """


@cli.command(context_settings=SETTINGS)
@PROGRAM
@MODULE
@click.option("--budget", metavar="STEPS|TIME", help="End each training after 500 (steps), 90s or 5m.")
@click.option(
    "--seeds", type=click.IntRange(1), help="Seeds to compare on; default 3, or 1 where a run takes a minute."
)
@METRIC
@GOAL
@WORKERS
@START
@RUNS
@LANG
@JSON
@click.pass_context
def climb(ctx: click.Context, program: tuple[str, ...], module: str | None, **options: Any) -> None:
    """Train better: baseline, first checks, learning rate, the climb, the verdict, a report.

    Without a program it climbs the bundled example: scikit-learn's handwritten digits.
    """
    from leonui.command import run_climb

    options["budget"] = _budget(options["budget"])
    ctx.exit(run_climb(_argv(program, module) or [_example()], **options))


@cli.command(context_settings=SETTINGS)
@PROGRAM
@MODULE
@click.option("--steps", type=click.IntRange(1), help="How long the whole run is, where that cannot be found out.")
@click.option("--budget", type=click.IntRange(1), help="Steps that the search may take; default: those of one run.")
@click.option("--method", type=click.Choice(["branches", "ramp"]), default="branches", help="ramp: the range test.")
@click.option("-o", "--optimizer", multiple=True, metavar="NAME", help="Try this optimizer; may be repeated.")
@click.option("--schedule", multiple=True, metavar="NAME", help="Try constant, linear, cosine, warmup_linear, wsd.")
@click.option("--weight-decay", metavar="NUMBER|auto", help="Of the optimizers that are tried; auto: search it.")
@METRIC
@GOAL
@WORKERS
@START
@RUNS
@LANG
@JSON
@click.pass_context
def lr(ctx: click.Context, program: tuple[str, ...], module: str | None, **options: Any) -> None:
    """Find the learning rate, by real branches of the training: how sure it is, and what being off would cost.

    Without a program it searches the bundled example: scikit-learn's handwritten digits.
    """
    from leonui.command import run_lr

    options["weight_decay"] = _decay(options["weight_decay"])
    ctx.exit(run_lr(_argv(program, module) or [_example()], **options))


@cli.command(context_settings=SETTINGS)
@PROGRAM
@MODULE
@click.option("--fix", is_flag=True, help="Show the changes to your file that were seen to help; nothing is written.")
@click.option(
    "--log", metavar="PATH", help="Read the log of a past run instead: CSV, JSON Lines, TensorBoard, HF Trainer."
)
@WORKERS
@START
@RUNS
@LANG
@JSON
@click.pass_context
def doctor(ctx: click.Context, program: tuple[str, ...], module: str | None, log: str | None, **options: Any) -> None:
    """Name what is wrong with a training, point at the line, prove it by replay.

    Without a program it examines the bundled example: scikit-learn's handwritten digits.
    """
    from leonui.doctor_command import run_doctor, run_log

    if log and (program or module):
        raise click.UsageError("a log and a program are two visits: give --log PATH, or a program")
    if log:
        ctx.exit(run_log(log, options["lang"], options["as_json"], options["place"]))
    ctx.exit(run_doctor(_argv(program, module) or [_example()], **options))


@cli.command()
@click.argument("target", required=False, metavar="[FILE|MODULE:FUNCTION]")
@click.option("--steps", type=click.IntRange(1), default=60, show_default=True, help="Iterations.")
@click.option("--kl", type=click.FloatRange(0, min_open=True), metavar="NATS", help="The KL of a completion to hold.")
@RUNS
@LANG
@JSON
@click.pass_context
def rlhf(ctx: click.Context, target: str | None, **options: Any) -> None:
    """Teach a language model by a reward, and keep it near to what it was.

    FILE defines model, prompts and reward, with a tokenizer for texts, or a function job() that returns them in a dict.
    Without one it runs the bundled example: a small model learns to write Python that parses.

    \b
      leonui rlhf train.py --kl 6
    """
    from leonui.rlhf_command import run_rlhf

    ctx.exit(run_rlhf(target or _example("rlhf_stdlib.py"), **options))


@cli.command()
@click.argument("environment", required=False)
@click.option("--steps", type=click.IntRange(1), help="Steps of the environment; default: as published, or a million.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trainings, one a core.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=lambda *given: [_setting(text) for text in given[-1]],
    help="Another number than the preset's: lr=0.001; may be repeated.",
)
@click.option("--resume", metavar="RUN", help="Go on with a run that was broken off; --steps lengthens it.")
@click.option("--play", metavar="RUN", help="Evaluate the best seed of a run, and film it.")
@RUNS
@LANG
@JSON
@click.pass_context
def ppo(ctx: click.Context, environment: str | None, **options: Any) -> None:
    """Train a policy on a Gymnasium ENVIRONMENT by PPO, and say whether the training is sound.

    \b
      leonui ppo CartPole-v1 --seeds 5
    """
    from leonui.ppo_command import run_ppo

    ctx.exit(run_ppo(environment, **options))


@cli.command()
@click.argument("code", required=False)
@LANG
@click.pass_context
def explain(ctx: click.Context, code: str | None, lang: str | None) -> None:
    """Tell what a finding's CODE means: the fault, its test, what looks alike, the mending. Without one, list all."""
    from leonui.doctor_command import run_explain

    ctx.exit(run_explain(code, lang))


@cli.command(context_settings=SETTINGS)
@PROGRAM
@MODULE
@RUNS
@click.pass_context
def watch(ctx: click.Context, program: tuple[str, ...], module: str | None, place: str | None) -> None:
    """Run a program as it is and leave a Record; its output and its exit code pass through."""
    from leonui.command import run_watch

    ctx.exit(run_watch(_argv(program, module), place))


@cli.command()
@RUNS
@JSON
@click.pass_context
def runs(ctx: click.Context, place: str | None, as_json: bool) -> None:
    """List the runs that were made here, newest first."""
    from leonui.command import list_runs

    ctx.exit(list_runs(place, as_json))


@cli.command()
@click.argument("run", default="last")
@RUNS
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="Where to write it; default: into the run's folder.",
)
@LANG
@JSON
@click.pass_context
def report(
    ctx: click.Context, run: str, place: str | None, output: str | None, lang: str | None, as_json: bool
) -> None:
    """Write the report of a RUN (its folder, its name, or "last") anew."""
    from leonui.command import write_report_of

    ctx.exit(write_report_of(run, place, output, lang, as_json))


@cli.command()
@click.argument("spec")
@click.option("--lr", type=float, default=1.0, show_default=True, help="The learning rate that is multiplied.")
@click.option("--steps", type=click.IntRange(1), help="How many to draw; default: all, and what holds after them.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Also write it to a file: .html or .json.")
@JSON
@click.pass_context
def schedule(ctx: click.Context, spec: str, lr: float, steps: int | None, output: str | None, as_json: bool) -> None:
    """Draw a learning rate schedule: SPEC is "warmup(100) > cosine(1000)" or the like."""
    from leonui.command import draw_schedule

    ctx.exit(draw_schedule(spec, lr, steps, output, as_json))


@cli.command()
@click.argument("target", metavar="MODULE:CLASS")
@JSON
@click.pass_context
def check(ctx: click.Context, target: str, as_json: bool) -> None:
    """Check an optimizer: whether it keeps what training code expects, and what each breach breaks.

    \b
      leonui check torch.optim:AdamW
      leonui check package.module:Class
    """
    from leonui.command import run_check

    ctx.exit(run_check(target, as_json))


@cli.command()
@LANG
@JSON
@click.pass_context
def optimizers(ctx: click.Context, lang: str | None, as_json: bool) -> None:
    """Show which optimizer of leonui.optim to use when, its learning rate, its memory, its source."""
    from leonui.command import list_optimizers

    ctx.exit(list_optimizers(lang, as_json))


def main() -> None:
    """The program ``leonui``."""
    cli(prog_name="leonui")


def _argv(program: tuple[str, ...], module: str | None) -> list[str]:
    return ["-m", module, *program] if module else list(program)


def _example(name: str = "digits_mlp.py") -> str:
    here = Path(__file__).parent
    places = (here / "examples", here.parents[1] / "examples")
    script = next(place for place in places if place.is_dir()) / name
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)


def _pattern(text: str | None) -> str | None:
    try:
        groups = re.compile(text or "(.)").groups
    except re.error as error:
        raise click.BadParameter(
            f"{text!r} is no regular expression: {error}; give one like 'acc ([0-9.]+)'"
        ) from error
    if not groups:
        raise click.BadParameter(f"{text!r} has no group; put the number in one: 'acc ([0-9.]+)'")
    return text


def _setting(text: str) -> tuple[str, Any]:
    """A name and its value, a number where it looks like one."""
    name, given, value = text.partition("=")
    if not given:
        raise click.BadParameter(f"{text!r} has no value; give one like lr=0.001", param_hint="--set")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, {"True": True, "False": False, "None": None}.get(value, value)


def _decay(text: str | None) -> float | str | None:
    if text in (None, "auto"):
        return text
    try:
        return float(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no number; give one like 0.1, or auto", param_hint="--weight-decay"
        ) from error


def _budget(text: str | None) -> tuple[int | None, float | None]:
    """Steps and seconds; one of them, or neither, is None."""
    if text is None:
        return None, None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|min)?", text)
    if not found or (not found[2] and "." in found[1]) or not float(found[1]):
        raise click.BadParameter(
            f"{text!r} is neither steps nor a time; give 500, 90s, 5m or 1h", param_hint="--budget"
        )
    if not found[2]:
        return int(found[1]), None
    return None, float(found[1]) * {"s": 1, "m": 60, "min": 60, "h": 3600}[found[2]]


if __name__ == "__main__":
    sys.exit(main())
