"""From what helped to what is wrong: the cause is the change that suffices and that the record gives a reason for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leonui.doctor.case import AS_IT_IS, Case
from leonui.doctor.panel import SPIKE, Panel, odd_inputs, warm
from leonui.record import Record
from leonui.trial.intervention import Intervention, scale

# Tuned on the development workloads of bench/faults; LOW was raised after an alarm on another one, too.
HELPS = 0.06  # of the achievable progress that a change must gain in a short training to be tried on the whole run
CLEARLY = 0.1  # by how much a change must be ahead of the best rate to be the cause where nothing else speaks for it
SUFFICES = 0.7  # of the best gain
SPEAKS = 0.3  # of the best gain, where the record shows what the change would mend
FAINT = 1e-3  # of the strongest matrix's gradient, each relative to its weights
DEAD = 0.9  # of a layer's units
NEEDS_REASON = ("gradients clipped", "levelled layers")  # they may help where nothing is wrong
LOWER = 0.1  # the rate that is tried where a training fails and no short one says why
REVIVES = ("fresh weights", "levelled layers")
LATER = 0.1  # of the best gain: what a rate that dies later on would have done is not in a short training
HORIZON = 0.35  # the best rate falls as the length of a run to this power (Bjorck et al., ICLR 2025)
HIGH, LOW = 0.4, 5.0  # factors beyond which a rate is worth a whole run; too low by less is a matter of taste


@dataclass(frozen=True)
class Suspicion:
    """A cause that the panel speaks for: the finding's code, the change that would mend it, what that gains."""

    code: str
    name: str
    change: Intervention
    gain: float
    factor: float = 1.0
    enough: float = SUFFICES
    bare: bool = False  # nothing but that it helps speaks for it


def suspicions(case: Case, panel: Panel) -> list[Suspicion]:
    """The causes to prove on the whole run, the likeliest first; none where nothing would help.

    Inputs that are badly scaled are tried in any case: how much that costs shows late in a run.
    """
    rate = _rate(case, panel)
    others = [found for name in panel.outcomes if (found := _other(case, panel, name))]
    known = [found for found in (*others, rate) if found and found.gain >= HELPS]
    most = max((found.gain for found in known), default=0.0)
    likely = [found for found in known if found.gain >= found.enough * most]
    return [*likely, *(found for found in known if found.code == "INPUT-SCALE" and found not in likely)]


def rival(case: Case, panel: Panel) -> Suspicion:
    """The rate that a cause must beat on the whole run if nothing but its help speaks for it."""
    return _rate(case, panel) or Suspicion("LR-HIGH", f"lr x {LOWER:g}", scale(LOWER), 0.0, 1 / LOWER)


def _rate(case: Case, panel: Panel) -> Suspicion | None:
    """Whether another rate would help, with the law by which the best one falls for a longer run."""
    best = panel.best_rate
    whole = best * (case.short / case.steps) ** HORIZON
    gain = panel.gain(panel.of(best))
    if best <= HIGH or (best < 1 and not math.isfinite(panel.control.loss)):
        return Suspicion("LR-HIGH", panel.rates[best], scale(whole), gain, 1 / whole)
    if whole >= LOW:
        return Suspicion("LR-LOW", panel.rates[best], scale(whole), gain, whole)
    return None


def _other(case: Case, panel: Panel, name: str) -> Suspicion | None:
    if name not in REASONS:
        return None
    code, reason = REASONS[name]
    outcome = panel.outcomes[name]
    gain = panel.gain(outcome)
    ahead = gain - panel.gain(panel.of(panel.best_rate))
    if reason is _always:
        return Suspicion(code, name, outcome.change, gain, enough=LATER if name == "constant rate" else SPEAKS)
    speaks = reason(case, panel)
    if speaks or (ahead >= CLEARLY and name not in NEEDS_REASON):
        code = "DEAD-UNITS" if name in REVIVES and dead_layer(case.record) and not _flat(case.record) else code
        change = warm(case.steps) if name == "warm-up" else outcome.change
        return Suspicion(code, name, change, gain, bare=not speaks)
    return None


def _spiked(case: Case, panel: Panel) -> bool:
    """Whether gradients spike at the best rate, too: where they do not, the rate was too high."""
    return panel.of(panel.best_rate).spikes > SPIKE


def _oddly_scaled(case: Case, panel: Panel) -> bool:
    return odd_inputs(panel.outcomes.get("standardised inputs"))


def _began_badly(case: Case, panel: Panel) -> bool:
    """Whether the first loss is far above that of a constant prediction: weights as torch makes them begin near it."""
    first = next(iter(case.record.losses()), math.nan)
    return not first <= 2.0 * panel.bar


def _faint(case: Case, panel: Panel) -> bool:
    """Whether gradients hardly reach some matrices, or units are dead."""
    flow = case.record.last("look").get("flow") or {}
    return flow.get("ratio", 1.0) < FAINT or bool(dead_layer(case.record))


def _began_badly_or_dead(case: Case, panel: Panel) -> bool:
    return _began_badly(case, panel) or bool(dead_layer(case.record))


def _flat(record: Record) -> bool:
    """Whether there are matrices of equal rows that never moved: that is how the weights began, and units are dead."""
    return bool((record.last("end").get("moved") or {}).get("flat"))


def _never(case: Case, panel: Panel) -> bool:
    return False


def _always(case: Case, panel: Panel) -> bool:
    return True


# by the name of the change: the finding's code, and what in the record speaks for it
REASONS: dict[str, tuple[str, Callable[[Case, Panel], bool]]] = {
    "averaged gradients": ("ACCUMULATION", _always),
    "no clipping": ("CLIPPING", _always),
    "constant rate": ("SCHEDULE", _always),
    "no weight decay": ("UNDERFITTING", _always),
    "no dropout": ("UNDERFITTING", _always),
    "standardised inputs": ("INPUT-SCALE", _oddly_scaled),
    "fresh weights": ("INIT", _began_badly_or_dead),
    "levelled layers": ("VANISHING", _faint),
    "gradients clipped": ("EXPLODING", _spiked),
    "warm-up": ("WARMUP", _never),
}


def dead_layer(record: Record) -> dict[str, Any] | None:
    """The first layer of which nearly all units give the same for all samples."""
    layers = record.last("look").get("units") or []
    return next((layer for layer in layers if layer["samples"] > 1 and layer["dead"] >= DEAD * layer["units"]), None)


def sufficient(panel: Panel) -> tuple[str, ...]:
    """All changes that gain about as much as the best one."""
    gains = {name: panel.gain(outcome) for name, outcome in panel.outcomes.items() if name != AS_IT_IS}
    most = max(gains.values(), default=0.0)
    return tuple(name for name, gain in gains.items() if most and gain >= SUFFICES * most)
