"""The conformance suite: every check on one optimizer, as a table."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leonui.conformance import contract, numbers, saving, stepping
from leonui.conformance.row import OUTCOMES, Check, Row, quiet
from leonui.conformance.subject import CannotConstruct, Subject, first_line

CHAPTERS = (contract, stepping, saving, numbers)
CHECKS = tuple(one for chapter in CHAPTERS for one in vars(chapter).values() if isinstance(one, Check))


@dataclass(frozen=True)
class Report:
    """What came of all checks on one optimizer; ``notes`` say under which conditions they were made."""

    target: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(row.ok is not False for row in self.rows)

    @property
    def failures(self) -> list[str]:
        """The names of the checks that failed."""
        return [row.name for row in self.rows if row.ok is False]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values, and how many rows had each outcome."""
        counts = {outcome: sum(row.outcome == outcome for row in self.rows) for outcome in OUTCOMES}
        return {
            "target": self.target,
            "passed": self.passed,
            "counts": counts,
            "notes": list(self.notes),
            "rows": [row.to_json() for row in self.rows],
        }

    def __str__(self) -> str:
        marks = {True: "✔", False: "✖", None: "·"}
        lines = [f"{marks[row.ok]} {row.name}{row.detail and ': '}{row.detail}" for row in self.rows]
        return "\n".join([self.target, *self.notes, *lines])


def check_optimizer(make: Callable[..., Any], /, **settings: Any) -> Report:
    """Run the conformance suite on an optimizer class, or on a factory ``make(params, lr=..., **settings)``.

    ``settings`` go to every construction; without ``lr`` among them the optimizer's default is used, or
    0.01. It is run on small float32, bfloat16 and complex tensors on the CPU: in a few seconds, in this process,
    whose random numbers stay as they are.
    Nothing that the optimizer raises leaves this function: a crash is the failure of its check.

    >>> import torch
    >>> check_optimizer(torch.optim.SGD, momentum=0.9).passed
    True
    """
    target = getattr(make, "__qualname__", None) or repr(make)
    try:
        with quiet():
            subject, notes = meet(make, settings)
    except CannotConstruct as error:
        row = Row("makes a step", "cannot construct", str(error), "Nothing can be trained or checked.")
        return Report(target, (row,))
    return Report(target, tuple(check(subject) for check in CHECKS), notes)


def meet(make: Callable[..., Any], settings: dict[str, Any]) -> tuple[Subject, tuple[str, ...]]:
    """The most general way to step an optimizer: with vectors, without a closure; notes where that is not it.

    CannotConstruct, with the first line of the first error, if there is no way at all.
    """
    errors = []
    for matrices in (False, True):
        for closure in (False, True):
            subject = Subject(make, settings, matrices, closure)
            try:
                subject.ran(1)
            except Exception as error:  # anybody's code
                errors.append(str(error) if isinstance(error, CannotConstruct) else first_line(error))
                continue
            notes = []
            if matrices:
                notes.append(f"checked on matrices only; of other weights it says: {errors[0]}")
            if closure:
                notes.append("each step is given a closure, since step() without one fails")
            return subject, tuple(notes)
    raise CannotConstruct(errors[0])


def load_target(name: str) -> Callable[..., Any]:
    """The class or factory that ``package.module:Class`` names; ValueError says what is missing.

    >>> load_target("torch.optim:SGD").__name__
    'SGD'
    """
    module_name, colon, path = name.partition(":")
    if not (module_name and colon and path):
        raise ValueError(f"{name!r} does not name an optimizer; give module:Class, as torch.optim:SGD")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ValueError(f"there is no module {error.name!r}; install it, or go to the folder it is in") from error
        raise ValueError(f"{module_name} needs the module {error.name!r}, which is not there; install it") from error
    except Exception as error:  # anybody's code
        raise ValueError(f"{module_name} cannot be imported: {first_line(error)}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), 1) or ["a class that it has"]
            raise ValueError(f"{module_name} has no {path!r}; did you mean {near[0]}?")
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(f"{name} is a {type(found).__name__}; give a class, or a function that makes an optimizer")
    return found
