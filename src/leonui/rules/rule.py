"""What a rule is: a pure function from gradient and state to a direction and the new state, and what it remembers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

GIVEN = ("g", "p", "t", "lr")


@dataclass(frozen=True)
class Slot:
    """One thing that a rule remembers about a parameter.

    ``key`` is its name in ``state_dict`` (torch's, where torch has the rule); ``start`` its first value: a number, the
    name of a hyper-parameter, "p" for the parameter itself, or a function of it (None: there is no such slot).
    ``uniform`` if it is one number and not a tensor; ``average`` ("signed", "unsigned") if 8 bits can hold it;
    ``shared`` if it is one number for the whole optimizer.
    """

    key: str
    start: float | str | Callable[[Any], Any] = 0.0
    uniform: bool = False
    average: str | None = None
    shared: bool = False


@dataclass(frozen=True, eq=False)
class Rule:
    """A pure function of (g, p, t, lr, state by symbol, hyper-parameters by name), as many as its signature asks for.

    g gradient, p parameter, t number of this step (from 1), lr the scheduled learning rate. It returns the direction,
    of which the engine takes ``lr`` steps downhill, and the new state in the order of ``slots``. A rule that asks for
    ``weight_decay`` decays by itself; the engine decays for all others. ``whole`` rules see a matrix as such;
    ``view`` gives the point to be shown, where that is not the one that walks.
    """

    function: Callable[..., Any]
    slots: dict[str, Slot]
    whole: bool = False
    view: Callable[..., Any] | None = None
    asks: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "asks", tuple(inspect.signature(self.function).parameters))

    def __reduce__(self) -> Any:
        return _named, (self.function.__module__, self.name)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def hypers(self) -> tuple[str, ...]:
        """The hyper-parameters that it asks for."""
        return tuple(name for name in self.asks if name not in GIVEN and name not in self.slots)

    def __call__(self, *args: Any, **named: Any) -> tuple[Any, ...]:
        """Direction and new state, as one tuple."""
        result = self.function(*args, **named)
        return result if isinstance(result, tuple) else (result,)


def rule(view: Callable[..., Any] | None = None, /, **slots: str | Slot) -> Callable[[Callable[..., Any]], Rule]:
    """Make an element-wise rule; each keyword names a symbol of the state and its key in ``state_dict``."""
    return lambda function: Rule(function, _slots(slots), view=view)


def _named(module: str, name: str) -> Rule:
    """The rule of a name: how one is unpickled."""
    return getattr(import_module(module), name)


def matrix_rule(**slots: str | Slot) -> Callable[[Callable[..., Any]], Rule]:
    """Make a rule that sees each parameter whole, in torch operations."""
    return lambda function: Rule(function, _slots(slots), whole=True)


def _slots(slots: dict[str, str | Slot]) -> dict[str, Slot]:
    return {symbol: Slot(slot, average="signed") if isinstance(slot, str) else slot for symbol, slot in slots.items()}


def square(key: str) -> Slot:
    """A slot for an average of squares."""
    return Slot(key, average="unsigned")
