"""The command line: parse, call, print. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import click

from leonui import __version__
from leonui.cli.agents import ppo, rlhf
from leonui.cli.scripts import climb, doctor, explain, landscape, lr, race, watch
from leonui.cli.shelf import check, lab, optimizers, report, runs, schedule

COMMANDS = (
    climb,
    lr,
    doctor,
    explain,
    race,
    landscape,
    watch,
    ppo,
    rlhf,
    runs,
    report,
    schedule,
    optimizers,
    check,
    lab,
)


@click.group(commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="leonui")
def cli() -> None:
    """Point leonui at a PyTorch training script, unchanged.

    PROGRAM is a script with its arguments, -m MODULE, module:function, or after -- any launcher:

    \b
      leonui climb train.py --epochs 3
      leonui climb -- torchrun --nproc-per-node 2 train.py

    Options of leonui stand before the program, or behind a script that names none like it; what stands behind a --
    is the program's alone. Exit codes: 0 done, 1 failed or found something, 2 wrong use.
    """


def main() -> None:
    """The program ``leonui``."""
    cli(prog_name="leonui")
