"""What to run: a script, a module, a function, or whatever a launcher starts."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """A command that trains, as its parts: ``kind`` is script, module, function or launcher.

    >>> Program.parse(["-m", "json.tool", "--help"]).kind
    'module'
    """

    kind: str
    target: str
    args: tuple[str, ...] = ()

    @classmethod
    def parse(cls, argv: list[str] | tuple[str, ...]) -> Program:
        """``train.py args``, ``-m pkg.mod args``, ``module:function`` or a launcher's command.

        Raises ValueError when there is nothing of that name to run.
        """
        if not argv or not argv[0]:
            raise ValueError("no program was given; name a script: leonui climb train.py")
        first, *rest = argv
        if first == "-m":
            if not rest:
                raise ValueError("-m needs the name of a module: leonui climb -m package.train")
            return cls("module", rest[0], tuple(rest[1:]))
        return cls(_kind(first), first, tuple(rest))

    def command(self) -> list[str]:
        """The command line that runs it with this Python."""
        start = {
            "script": [sys.executable, self.target],
            "module": [sys.executable, "-m", self.target],
            "function": [sys.executable, "-m", "leonui.trial.call", self.target],
            "launcher": [shutil.which(self.target, path=search_path()) or self.target],
        }[self.kind]
        return [*start, *self.args]

    def __str__(self) -> str:
        return " ".join((["-m"] if self.kind == "module" else []) + [self.target, *self.args])


def search_path() -> str:
    """PATH with this Python's own folder at its end, so that its torchrun is found without an activated environment."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])


def _kind(first: str) -> str:
    if Path(first).is_dir():
        raise ValueError(f"{first} is a folder, not a script; name the file in it that trains")
    if Path(first).is_file() and not os.access(first, os.X_OK):
        return "script"
    if first.endswith(".py"):
        if not Path(first).is_file():
            raise ValueError(f"there is no file {first} in {Path.cwd()}; give the path of the script that trains")
        return "script"
    module, colon, function = first.partition(":")
    if colon and function.isidentifier() and all(part.isidentifier() for part in module.split(".")):
        return "function"
    if shutil.which(first, path=search_path()):
        return "launcher"
    raise ValueError(f"{first} is neither a file nor a command; give a script, -m module, or module:function")
