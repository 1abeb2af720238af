"""More to choose from than a rate: optimizers, schedules, weight decay; each is given its own search for a rate."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from leonui.finder import Search
from leonui.schedule import Schedule, constant, cosine, linear, warmup_linear, wsd
from leonui.trial.intervention import Intervention, Swap
from leonui.trial.judge import Judge
from leonui.trial.recipe import Recipe

WARMUP, COOLDOWN = 0.05, 0.2  # shares of a run
SHAPES: dict[str, Callable[[int], Schedule]] = {
    "constant": lambda steps: constant(1.0, steps),
    "linear": linear,
    "cosine": cosine,
    "warmup_linear": lambda steps: warmup_linear(steps, _part(steps, WARMUP)),
    "wsd": lambda steps: wsd(
        _part(steps, WARMUP), max(1, steps - _part(steps, WARMUP) - _part(steps, COOLDOWN)), _part(steps, COOLDOWN)
    ),
}
DECAYS, RATES = (1e-4, 1.0), (0.25, 4.0)  # what Optuna searches: weight decay, and factors on the rate that was found
TRIALS, TOGETHER = 12, 4


@dataclass(frozen=True)
class Contender:
    """One thing to try: an optimizer, a schedule, a weight decay; what is None is the script's own."""

    optimizer: str | None = None
    schedule: str | None = None
    weight_decay: float | None = None

    def recipe(self, own: Recipe) -> Recipe:
        """The script's own run, changed so."""
        return replace(own, shape=SHAPES[self.schedule] if self.schedule else own.shape, also=self.swap(own.also))

    def swap(self, also: Intervention) -> Intervention:
        """What else is changed than rates."""
        settings = {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
        if not self.optimizer:
            return also
        name = self.optimizer if ":" in self.optimizer else f"leonui.optim:{self.optimizer}"
        return also & Intervention(optimizer=Swap(name, settings))

    def __str__(self) -> str:
        decay = None if self.weight_decay is None else f"weight decay {self.weight_decay:.3g}"
        return ", ".join(part for part in (self.optimizer, self.schedule, decay) if part) or "as it is"


def contenders(optimizers: Sequence[str], schedules: Sequence[str], weight_decay: float | None) -> list[Contender]:
    """Every optimizer with every schedule. Raises ValueError for a schedule that is not known."""
    for name in schedules:
        if name not in SHAPES:
            raise ValueError(f"{name!r} is no schedule to search; choose one of {', '.join(SHAPES)}")
    return [Contender(o, s, weight_decay) for o, s in product(optimizers or [None], schedules or [None])]


def need_optuna() -> None:
    """Raises ValueError where Optuna is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise ValueError("a weight decay is searched with Optuna; install it: pip install optuna")


def tune_decay(search: Search, contender: Contender, own: Recipe, judge: Judge) -> tuple[Contender, float]:
    """The weight decay and the factor on the rate that Optuna finds best, both together, by branches."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=TOGETHER))
    rung, steps = search.rungs[-1], search.rungs[-1].steps
    for _ in range(TRIALS // TOGETHER):
        asked = [study.ask() for _ in range(TOGETHER)]
        drawn = [_draw(trial) for trial in asked]
        jobs = {}
        for trial, (decay, factor) in zip(asked, drawn, strict=True):
            recipe = replace(contender, weight_decay=decay).recipe(own)
            jobs[f"decay-{trial.number}"] = recipe.at(factor * rung.best, steps) & judge.end(steps)
        for trial, done in zip(asked, search.runner.branch(search.point, jobs), strict=True):
            losses = judge.read(done)
            search.spent += done.record.steps + len(done.record.losses("coast"))
            study.tell(trial, sum(losses) / len(losses) if losses else 1e30)
    best = study.best_params
    return replace(contender, weight_decay=best["weight_decay"]), best["factor"]


def lowest(searches: Sequence[Search]) -> int:
    """Which search's last rung reached the lowest loss."""
    losses = [min(search.rungs[-1].loss) if search.rungs else math.inf for search in searches]
    return losses.index(min(losses))


def _draw(trial: Any) -> tuple[float, float]:
    return trial.suggest_float("weight_decay", *DECAYS, log=True), trial.suggest_float("factor", *RATES, log=True)


def _part(steps: int, share: float) -> int:
    return max(1, round(share * steps))
