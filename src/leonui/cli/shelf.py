"""The commands that show what there is: past runs, schedules, optimizers, the lab."""

from __future__ import annotations

from typing import Any

import click

from leonui.cli.options import JSON, LANG, RUNS


@click.command()
@RUNS
@JSON
@click.pass_context
def runs(ctx: click.Context, place: str | None, as_json: bool) -> None:
    """List the runs that were made here, newest first."""
    from leonui.command.past import list_runs

    ctx.exit(list_runs(as_json, place=place))


@click.command()
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
    from leonui.command.past import write_report

    ctx.exit(write_report(run, output, lang, as_json, place=place))


@click.command()
@click.argument("spec")
@click.option("--lr", type=float, default=1.0, show_default=True, help="The learning rate that is multiplied.")
@click.option("--steps", type=click.IntRange(1), help="How many to draw; default: all, and what holds after them.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Also write it to a file: .html or .json.")
@LANG
@JSON
@click.pass_context
def schedule(ctx: click.Context, spec: str, **options: Any) -> None:
    """Draw a learning rate schedule: SPEC is "warmup(100) > cosine(1000)" or the like."""
    from leonui.command.schedule import draw_schedule

    ctx.exit(draw_schedule(spec, **options))


@click.command()
@click.argument("target", metavar="MODULE:CLASS")
@JSON
@click.pass_context
def check(ctx: click.Context, target: str, as_json: bool) -> None:
    """Check an optimizer: whether it keeps what training code expects, and what each breach breaks.

    \b
      leonui check torch.optim:AdamW
      leonui check package.module:Class
    """
    from leonui.command.optimizers import run_check

    ctx.exit(run_check(target, as_json))


@click.command()
@LANG
@JSON
@click.pass_context
def optimizers(ctx: click.Context, lang: str | None, as_json: bool) -> None:
    """Show which optimizer of leonui.optim to use when, its learning rate, its memory, its source."""
    from leonui.command.optimizers import list_optimizers

    ctx.exit(list_optimizers(lang, as_json))


@click.command()
@click.argument("surfaces", nargs=-1, metavar="[SURFACE_FILE.py]...")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any that is free.")
@click.option("--browser/--no-browser", default=True, help="Open the page in the browser.")
@click.option(
    "--export", type=click.Path(file_okay=False), metavar="DIR", help="Write a page that needs no server, and end."
)
@LANG
@click.pass_context
def lab(ctx: click.Context, surfaces: tuple[str, ...], **options: Any) -> None:
    """Race the real optimizers on surfaces, on a page on this machine.

    Each function of one or two weights in a SURFACE_FILE.py is a surface too; file.py:function names one of them.

    \b
      leonui lab
      leonui lab mine.py --port 8123 --no-browser
    """
    from leonui.command.lab import run_lab

    ctx.exit(run_lab(surfaces, **options))
