"""The commands that learn by reward."""

from __future__ import annotations

import json
from typing import Any

import click

from leonui.cli.options import ALERT, JSON, LANG, RUNS, TO, given
from leonui.cli.program import example

FOR_PLAY = ("play", "place", "lang", "as_json")


@click.command()
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
@TO
@ALERT
@RUNS
@LANG
@JSON
@click.pass_context
def ppo(ctx: click.Context, environment: str | None, **options: Any) -> None:
    """Train a policy on a Gymnasium ENVIRONMENT by PPO, and say whether the training is sound.

    \b
      leonui ppo CartPole-v1 --seeds 5
    """
    from leonui.command.ppo import run_ppo

    said = given(ctx)
    if options["play"] and (strange := [word for name, word in said.items() if name not in FOR_PLAY]):
        raise click.UsageError(f"--play shows a run as it is: leave out {', '.join(strange)}")
    if options["resume"] and "seeds" not in said:
        options["seeds"] = None
    ctx.exit(run_ppo(environment, **options))


@click.command()
@click.argument("target", required=False, metavar="[FILE|MODULE:FUNCTION]")
@click.option("--steps", type=click.IntRange(1), default=60, show_default=True, help="Iterations.")
@click.option("--kl", type=click.FloatRange(0, min_open=True), metavar="NATS", help="The KL of a completion to hold.")
@ALERT
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
    from leonui.command.rlhf import run_rlhf

    ctx.exit(run_rlhf(target or example("rlhf_stdlib.py"), **options))


def _setting(text: str) -> tuple[str, Any]:
    """A name and its value, a number where it looks like one."""
    name, given, value = text.partition("=")
    if not given:
        raise click.BadParameter(f"{text!r} has no value; give one like lr=0.001", param_hint="--set")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, {"True": True, "False": False, "None": None}.get(value, value)
