"""One line of the conformance table: a check, what its failure breaks, and what came of it.

The docstring of a check is what its failure breaks: it is said to people.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from leonui.conformance.subject import CannotConstruct, Subject, first_line

OUTCOMES = ("passed", "failed", "cannot construct", "not applicable", "information")


class Failed(Exception):
    """The check does not hold; the message is the measured detail."""


class NotApplicable(Exception):
    """The check has nothing to say about this optimizer; the message is why."""


@dataclass(frozen=True)
class Row:
    """What came of one check: ``outcome`` is one of ``OUTCOMES``, ``breaks`` what a failure does in real life."""

    name: str
    outcome: str
    detail: str
    breaks: str

    @property
    def ok(self) -> bool | None:
        """True if it passed, False if it failed, None where there was nothing to pass."""
        return {"passed": True, "failed": False, "cannot construct": False}.get(self.outcome)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return asdict(self) | {"ok": self.ok}


@dataclass(frozen=True)
class Check:
    """One check: ``run`` returns a detail, raises ``Failed`` or ``NotApplicable``, or just crashes."""

    name: str
    breaks: str
    run: Callable[[Subject], str | None]
    informs: bool = False

    def __call__(self, subject: Subject) -> Row:
        """The row of this check; the random numbers and warnings of the process stay as they were."""
        try:
            with quiet():
                said = self.run(subject) or ""
            outcome = "information" if self.informs else "passed"
        except NotApplicable as reason:
            outcome, said = "not applicable", str(reason)
        except CannotConstruct as error:
            outcome, said = "cannot construct", str(error)
        except Failed as error:
            outcome, said = "failed", str(error)
        except Exception as error:  # anybody's code runs here: what it raises is the finding, not our end
            outcome, said = "failed", first_line(error)
        return Row(self.name, outcome, said, self.breaks)


def check(name: str, informs: bool = False) -> Callable[[Callable[[Subject], str | None]], Check]:
    """Make a function a check, under a name; its docstring is what a failure breaks."""
    return lambda run: Check(name, run.__doc__ or "", run, informs)


@contextmanager
def quiet() -> Iterator[None]:
    """Anybody's code runs without warnings, with grad, from a seed; the process is as before afterwards."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        yield


def demand(holds: bool, detail: str) -> None:
    """Fail with the detail unless it holds."""
    if not holds:
        raise Failed(detail)
