"""The program that a command is pointed at, with its arguments, and which of those are meant for leonui."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import click
from click.shell_completion import CompletionItem

# these make options of a script's own names, so that what it takes is not written in it
INVENTIVE = r"\b(tyro|fire|HfArgumentParser|simple_parsing|jsonargparse|LightningCLI|typer|hydra|configurator)\b"

# the bundled examples that are scripts of a training
TRAINS = ("cancer_logistic.py", "diabetes_regression.py", "digits_cnn.py", "digits_mlp.py", "stdlib_transformer.py")


class Pointed(click.Command):
    """A command that is pointed at a program; its own options may stand behind a script that does not name them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, those behind the script that are leonui's put before it."""
        if "--" in args or ctx.resilient_parsing:  # a shell asks for completions of what is half written
            return super().parse_args(ctx, args)
        found = self.make_parser(ctx).parse_args(list(args))[0]["program"]
        program = list(found) if isinstance(found, tuple) else []  # click marks in its own way that nothing was given
        before = args[: len(args) - len(program)]
        kept, taken = divided(program, {name: option for option in self.params for name in option.opts})
        if taken:
            ours, script = " ".join(taken), kept[0]
            click.echo(f"leonui takes {ours}, which {script} does not name; all behind -- is the script's", err=True)
        return super().parse_args(ctx, [*before, *taken, *kept])


def pointed(function: Callable[..., None]) -> Pointed:
    """Make a command of a function, of which the first two arguments are the program and the module."""
    program = click.argument("program", nargs=-1, type=click.UNPROCESSED, shell_complete=_files)
    module = click.option("-m", "module", metavar="MODULE", help="Run a module: -m package.train args.")
    settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    return click.command(cls=Pointed, context_settings=settings)(program(module(function)))


def _files(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A shell completes the names of files by itself."""
    return [CompletionItem(incomplete, type="file")]


def divided(program: Sequence[str], options: dict[str, click.Parameter]) -> tuple[list[str], list[str]]:
    """A script with its own arguments, and those behind it that are leonui's: named by these options, not by it."""
    text = written(program[0]) if program else ""
    if not text or re.search(INVENTIVE, text):
        return list(program), []
    kept, taken, rest = [program[0]], [], list(program[1:])
    while rest:
        name, equals, _ = rest[0].partition("=")
        ours = name in options and not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
        count = 2 if ours and not equals and not getattr(options[name], "is_flag", False) else 1
        (taken if ours else kept).extend(rest[:count])
        rest = rest[count:]
    return kept, taken


def written(script: str) -> str:
    """The text of a Python file; nothing of anything else."""
    path = Path(script)
    return path.read_text(errors="replace") if path.suffix == ".py" and path.is_file() else ""


def argv(program: tuple[str, ...], module: str | None) -> list[str]:
    """A program as it would be started."""
    return ["-m", module, *program] if module else list(program)


def example(name: str = "digits_mlp.py") -> str:
    """The path of a bundled example. Raises UsageError where its data are not here."""
    here = Path(__file__).parents[1]
    places = (here / "examples", here.parents[1] / "examples")
    script = next(place for place in places if place.is_dir()) / name
    if "sklearn" in script.read_text() and find_spec("sklearn") is None:
        raise click.UsageError(
            f"the example {name} takes its data from scikit-learn, which is not here: pip install 'leonui[examples]', "
            "or name a script of your own"
        )
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)
