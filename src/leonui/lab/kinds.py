"""The rules and the schedules that the page offers, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from leonui.words import mark


@dataclass(frozen=True)
class Kind:
    """A rule: an optimizer of leonui.optim, a rate to begin with, and where its momentum goes.

    ``momentum``: the name of its setting, "betas" for the first of two, "" where it has none; ``more``: other settings.
    """

    label: str
    optimizer: str
    lr: float
    momentum: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def settings(self, momentum: float) -> dict[str, Any]:
        """The optimizer's settings with that momentum."""
        if self.momentum == "betas":
            return {"betas": (momentum, self.more["beta2"])}
        return self.more | ({self.momentum: momentum} if self.momentum else {})


KINDS: dict[str, Kind] = {
    "sgd": Kind("SGD", "SGD", 0.01),
    "momentum": Kind("SGD + momentum", "SGD", 0.01, "momentum"),
    "nesterov": Kind("SGD + Nesterov", "SGD", 0.01, "momentum", {"nesterov": True}),
    "average": Kind("Momentum (average)", "Momentum", 0.1, "beta"),
    "adam": Kind("Adam", "Adam", 0.1, "betas", {"beta2": 0.999}),
    "adamw": Kind("AdamW", "AdamW", 0.1, "betas", {"beta2": 0.999}),
    "nadam": Kind("NAdam", "NAdam", 0.1, "betas", {"beta2": 0.999}),
    "radam": Kind("RAdam", "RAdam", 0.1, "betas", {"beta2": 0.999}),
    "lion": Kind("Lion", "Lion", 0.02, "betas", {"beta2": 0.99}),
    "signsgd": Kind("SignSGD", "SignSGD", 0.02),
    "rmsprop": Kind("RMSprop", "RMSprop", 0.05),
    "adagrad": Kind("Adagrad", "Adagrad", 0.5),
    "schedulefree": Kind("Schedule-Free SGD", "ScheduleFreeSGD", 0.02, "momentum"),
    "prodigy": Kind("Prodigy", "Prodigy", 1.0, "betas", {"beta2": 0.999}),
}


def _warmed(rest: str, share: int = 10) -> Callable[[int], str]:
    """A warm-up over a tenth of the steps (or another share), and the rest of them as it is told."""

    def text(steps: int) -> str:
        first = max(1, steps // share)
        return f"warmup({first}) > {rest.format(first=first, rest=max(1, steps - first))}"

    return text


def _held(steps: int) -> str:
    """A warm-up, the whole rate, and a cool-down over the last fifth."""
    first, last = max(1, steps // 10), max(1, steps // 5)
    return f"warmup({first}) > constant(1, {max(1, steps - first - last)}) > cooldown({last}, sqrt)"


SCHEDULES: dict[str, Callable[[int], str]] = {
    "": lambda steps: "",
    "cosine": _warmed("cosine({rest})"),
    "linear": _warmed("linear({rest})"),
    "wsd": _held,
    "one_cycle": lambda steps: f"one_cycle({steps})",
    "restarts": lambda steps: f"restarts({max(1, steps // 4)}, 4)",
    "inverse_sqrt": _warmed("inverse_sqrt({first})"),
}
SCHEDULE_TITLES = {
    "": mark("constant"),
    "cosine": mark("warm-up, cosine"),
    "linear": mark("warm-up, linear"),
    "wsd": mark("warm-up, stable, decay"),
    "one_cycle": mark("one cycle"),
    "restarts": mark("cosine with restarts"),
    "inverse_sqrt": mark("warm-up, 1/sqrt"),
}
