"""The words that commands share, and how what stands behind them is read."""

from __future__ import annotations

import re

import click

from leonui.words import LANGUAGES

COMMANDLINE = click.core.ParameterSource.COMMANDLINE

LANG = click.option(
    "--lang", type=click.Choice(LANGUAGES), help="Language of what is said; default: the environment's."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, and nothing else.")
METRIC = click.option(
    "--metric",
    metavar="REGEX",
    callback=lambda *given: pattern(given[-1]),
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

TO = click.option(
    "--to",
    "loggers",
    type=click.Choice(["tensorboard", "wandb", "mlflow", "trackio"]),
    multiple=True,
    help="Send each step's numbers there while it runs; may be repeated.",
)
ALERT = click.option(
    "--alert", metavar="COMMAND|URL", help="Tell this at the end: JSON on its stdin, or posted to the address."
)


def given(ctx: click.Context) -> dict[str, str]:
    """The parameters that stand on the command line, and how each is written there."""
    spelled = {parameter.name or "": parameter.opts[-1] for parameter in ctx.command.params}
    return {name: word for name, word in spelled.items() if ctx.get_parameter_source(name) is COMMANDLINE}


def pattern(text: str | None) -> str | None:
    """A regular expression with a group. Raises BadParameter where it is none."""
    try:
        groups = re.compile(text or "(.)").groups
    except re.error as error:
        raise click.BadParameter(
            f"{text!r} is no regular expression: {error}; give one like 'acc ([0-9.]+)'"
        ) from error
    if not groups:
        raise click.BadParameter(f"{text!r} has no group; put the number in one: 'acc ([0-9.]+)'")
    return text
