"""What to run: a script, a module, a function, or whatever a launcher starts."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from leonui import runs

KEPT = ".function"  # how the name of a file ends that holds a function


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

    @classmethod
    def of(cls, given: Given) -> Program:
        """What a caller has: a Program, a command line as text or as its words, or a function without arguments.

        A function that no other process can import (of a notebook, of ``__main__``) is kept with all that it uses.
        Raises ValueError when there is nothing of that name to run, or the function cannot be kept.

        >>> Program.of("-m json.tool --help").kind
        'module'
        """
        if isinstance(given, Program):
            return given
        if callable(given):
            return cls("function", _imported(given) or _kept(given))
        return cls.parse(shlex.split(given) if isinstance(given, str) else [*given])

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
        if self.kind == "function" and self.target.endswith(KEPT):
            return f"{Path(self.target).name.partition('-')[0]}()"
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


def _imported(function: Callable[[], object]) -> str:
    """The module:function by which another process finds it; empty where it does not."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    there = module and module != "__main__" and getattr(sys.modules.get(module), name, None) is function
    return f"{module}:{name}" if there else ""


def _kept(function: Callable[[], object]) -> str:
    """The file that holds a function with what it uses, and where its imports are looked for."""
    import cloudpickle

    name = getattr(function, "__name__", "function").strip("<>")
    try:
        held = cloudpickle.dumps((function, sys.path))
    except Exception as error:  # whatever an object raises that cannot be pickled
        told = f"{name} uses what no other process can have: {error}; make it inside the function, or run a script"
        raise ValueError(told) from error
    path = runs.home().absolute() / "functions" / f"{name}-{hashlib.sha256(held).hexdigest()[:12]}{KEPT}"
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")  # another command may be reading the one that is there
    fresh.write_bytes(held)
    fresh.replace(path)
    return str(path)


Given = Program | str | Sequence[str] | Callable[[], object]
