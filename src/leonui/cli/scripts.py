"""The commands that are pointed at a training script."""

from __future__ import annotations

import re
import shlex
from typing import Any

import click

from leonui.cli.options import ALERT, GOAL, JSON, LANG, METRIC, RUNS, START, TO, WORKERS, given
from leonui.cli.program import TRAINS, argv, example, pointed


@pointed
@click.option("--budget", metavar="STEPS|TIME", help="End each training after 500 (steps), 90s or 5m.")
@click.option(
    "--seeds", type=click.IntRange(1), help="Seeds to compare on; default 3, or 1 where a run takes a minute."
)
@METRIC
@GOAL
@WORKERS
@START
@TO
@ALERT
@RUNS
@LANG
@JSON
@click.pass_context
def climb(ctx: click.Context, program: tuple[str, ...], module: str | None, **options: Any) -> None:
    """Train better: baseline, first checks, learning rate, the climb, the verdict, a report.

    Without a program it climbs the bundled example: scikit-learn's handwritten digits.
    """
    from leonui.command.climb import run_climb

    options["budget"] = _budget(options["budget"])
    ctx.exit(run_climb(argv(program, module) or [example()], **options))


@pointed
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
@TO
@ALERT
@RUNS
@LANG
@JSON
@click.pass_context
def lr(ctx: click.Context, program: tuple[str, ...], module: str | None, **options: Any) -> None:
    """Find the learning rate, by real branches of the training: how sure it is, and what being off would cost.

    Without a program it searches the bundled example: scikit-learn's handwritten digits.
    """
    from leonui.command.rate import run_lr

    options["weight_decay"] = _decay(options["weight_decay"])
    ctx.exit(run_lr(argv(program, module) or [example()], **options))


@pointed
@click.option("--fix", is_flag=True, help="Show the changes to your file that were seen to help; nothing is written.")
@click.option(
    "--log", metavar="PATH", help="Read the log of a past run instead: CSV, JSON Lines, TensorBoard, HF Trainer."
)
@WORKERS
@START
@TO
@ALERT
@RUNS
@LANG
@JSON
@click.pass_context
def doctor(ctx: click.Context, program: tuple[str, ...], module: str | None, log: str | None, **options: Any) -> None:
    """Name what is wrong with a training, point at the line, prove it by replay.

    Without a program it examines the bundled example: scikit-learn's handwritten digits.
    """
    from leonui.command.doctor import run_doctor, run_log

    if log and (program or module):
        raise click.UsageError("a log and a program are two visits: give --log PATH, or a program")
    if log:
        ctx.exit(run_log(log, options["lang"], options["as_json"], place=options["place"], alert=options["alert"]))
    ctx.exit(run_doctor(argv(program, module) or [example()], **options))


ON_A_SURFACE = ("surface", "optimizer", "seeds", "steps", "track", "alert", "place", "lang", "as_json")


@pointed
@click.option("-o", "--optimizer", multiple=True, metavar="NAME", help="Let this optimizer race; repeat for more.")
@click.option("--seeds", type=int, help="Whole trainings of each, from fresh weights; default 5, or 20 starts.")
@click.option(
    "--track",
    type=click.Choice(["tuned", "defaults", "auto"]),
    default="tuned",
    show_default=True,
    help="Rates: each by its own search; the constructors'; by its search, which counts.",
)
@click.option("--reference", metavar="NAME", help="Whose median end is the target; default: the script as it is.")
@click.option("--steps", type=click.IntRange(1), help="How long the whole run is, where that cannot be found out.")
@click.option("--budget", type=click.IntRange(1), help="Steps that each search may take; default: those of one run.")
@click.option("--resume", metavar="RUN", help="Go on with a race that was broken off.")
@click.option("--also", multiple=True, metavar="SCRIPT", help="Race on this script as well; may be repeated.")
@click.option("--bench", is_flag=True, help="Race on all bundled examples.")
@click.option(
    "--surface", metavar="NAME", help="Race on a surface of the landscape instead: rosenbrock, ravine, beale."
)
@click.option("--on", metavar="ray|ray://HOST:PORT", help="Run it on a Ray cluster; default: this machine.")
@click.option("--gpus", type=click.FloatRange(0), default=0.0, help="The share of a GPU that a part takes there.")
@METRIC
@GOAL
@WORKERS
@START
@TO
@ALERT
@RUNS
@LANG
@JSON
@click.pass_context
def race(
    ctx: click.Context,
    program: tuple[str, ...],
    module: str | None,
    also: tuple[str, ...],
    bench: bool,
    surface: str | None,
    **options: Any,
) -> None:
    """Race optimizers on a script, fairly: tuned alike, fresh seeds, and no winner where chance would do.

    \b
      leonui race -o sgd -o momentum -o adamw -o lion -o muon train.py
    """
    from leonui.command.race import run_race, run_surface

    said = given(ctx)
    if surface:
        if strange := [word for name, word in said.items() if name not in ON_A_SURFACE]:
            takes = "-o, --seeds, --steps, --track"
            raise click.UsageError(f"a surface is no script: give it {takes}, and leave out {', '.join(strange)}")
        ctx.exit(run_surface(surface, **options))
    if "gpus" in said and not options["on"]:
        raise click.UsageError("--gpus is what a part takes on a cluster: give --on ray, too")
    programs = [argv(program, module), *map(shlex.split, also), *([example(name)] for name in TRAINS if bench)]
    programs = [one for one in programs if one]
    if options["resume"]:  # what a plan has by default nobody asked for
        options |= {name: None for name in ("track", "goal") if name not in said}
    ctx.exit(run_race(programs or ([] if options["resume"] else [[example()]]), **options))


@pointed
@click.option(
    "--points", type=click.IntRange(0), help="Places on each side of the grid; default 17; 0: the path alone."
)
@click.option("--batches", type=click.IntRange(1), default=6, show_default=True, help="Batches that judge a place.")
@click.option("--steps", type=click.IntRange(1), help="End the watched training after so many.")
@WORKERS
@START
@TO
@ALERT
@RUNS
@LANG
@JSON
@click.pass_context
def landscape(ctx: click.Context, program: tuple[str, ...], module: str | None, **options: Any) -> None:
    """Draw the path of a training's weights, the loss around it, and the curvature on it.

    Without a program it draws the bundled example: scikit-learn's handwritten digits.
    """
    from leonui.command.landscape import run_landscape

    ctx.exit(run_landscape(argv(program, module) or [example()], **options))


@click.command()
@click.argument("code", required=False)
@LANG
@click.pass_context
def explain(ctx: click.Context, code: str | None, lang: str | None) -> None:
    """Tell what a finding's CODE means: the fault, its test, what looks alike, the mending. Without one, list all."""
    from leonui.command.doctor import run_explain

    ctx.exit(run_explain(code, lang))


@pointed
@TO
@RUNS
@click.pass_context
def watch(ctx: click.Context, program: tuple[str, ...], module: str | None, **options: Any) -> None:
    """Run a program as it is and leave a Record; its output and its exit code pass through."""
    from leonui.command.watch import run_watch

    ctx.exit(run_watch(argv(program, module), **options))


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
