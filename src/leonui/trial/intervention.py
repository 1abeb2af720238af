"""One small frozen value: what a trial changes about a run. JSON both ways, composable, says itself in words."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from leonui.schedule import Schedule, constant, ramp

ANCHORS = ("script", "base", "absolute")
TREATMENTS = (
    "standardised inputs", "shuffled inputs", "training mode", "eval mode", "raw loss", "averaged gradients",
    "fresh weights", "no dropout", "no clipping", "cleared gradients", "levelled layers", "aligned shapes",
    "batch statistics", "all parameters", "one batch", "kept gradients", "one step a pass",
)  # fmt: skip


@dataclass(frozen=True)
class LearningRate:
    """A schedule over the learning rates of all groups, whose ratios it keeps.

    ``of`` says what it multiplies: "script" the rate that the script (and its scheduler) has at that step, "base" the
    peak rate that each group began with, "absolute" nothing: the first group gets the schedule's own value.
    """

    schedule: Schedule
    of: str = "script"

    def __post_init__(self) -> None:
        if self.of not in ANCHORS:
            raise ValueError(f"of={self.of!r} is not known; choose one of {', '.join(ANCHORS)}")

    def __str__(self) -> str:
        phases = self.schedule.phases
        ends = [phases[0].start, *(phase.end for phase in phases)]
        path = f"{phases[0].end:.3g}" if len(set(ends)) == 1 else " -> ".join(f"{end:.3g}" for end in ends)
        over = "" if len(set(ends)) == 1 else f" over {self.schedule.steps} steps"
        return {
            "script": f"lr x {path}{over}",
            "base": f"lr at its base x {path}{over}",
            "absolute": f"lr = {path}{over}",
        }[self.of]


@dataclass(frozen=True)
class Swap:
    """Another optimizer over the script's own param groups: a class of torch.optim by its name, or "module:Class"."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        settings = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        return f"optimizer {self.name}({settings})"


@dataclass(frozen=True)
class Treat:
    """What else is changed: by names of TREATMENTS, the weight ``decay`` of all groups, and what batches may hold.

    bounds: steps on batches whose inputs, or whose targets, are larger than these two numbers are left out.
    """

    names: tuple[str, ...] = ()
    decay: float | None = None
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if unknown := set(self.names) - set(TREATMENTS):
            raise ValueError(f"treatment {', '.join(sorted(unknown))} is not known; choose of {', '.join(TREATMENTS)}")

    def __and__(self, other: Treat) -> Treat:
        names = (*self.names, *(name for name in other.names if name not in self.names))
        return Treat(names, self.decay if other.decay is None else other.decay, other.bounds or self.bounds)

    def __str__(self) -> str:
        decay = [] if self.decay is None else [f"weight decay {self.decay:.3g}"]
        most = [f"{x:.3g}" for x in self.bounds or () if x < math.inf]
        bounds = [f"without batches that hold more than {' or '.join(most)}"] if self.bounds else []
        return ", ".join([*self.names, *decay, *bounds])


@dataclass(frozen=True)
class Intervention:
    """What to change, from the moment it comes into force; the empty one changes nothing.

    lr: a LearningRate; clip: the largest global gradient norm; optimizer: a Swap; seed: an offset on every seed that
    the script sets; weights: a file of weights to put in place; stop: end after so many optimizer steps; coast: then
    record the loss of so many further batches at fixed weights; glide: after that, go on to the script's own end at
    fixed weights, computing only what it does not train on, or only to its next "validation"; treat: what else is
    changed, a Treat.

    >>> str(scale(0.1) & clip(1.0))
    'lr x 0.1, gradient norm clipped at 1'
    >>> Intervention.from_json((scale(0.1) & clip(1.0)).to_json()) == scale(0.1) & clip(1.0)
    True
    """

    lr: LearningRate | None = None
    clip: float | None = None
    optimizer: Swap | None = None
    seed: int | None = None
    weights: str | None = None
    stop: int | None = None
    coast: int = 0
    glide: bool | Literal["validation"] = False
    treat: Treat = field(default_factory=Treat)

    def __post_init__(self) -> None:
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip={self.clip} would stop all training; give a norm above 0")
        if self.glide not in (True, False, "validation"):
            raise ValueError(f"glide={self.glide!r} is not known; give True, False or 'validation'")
        for name in ("stop", "coast"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name}={getattr(self, name)} is below 0; give a number of steps")

    def __and__(self, other: Intervention) -> Intervention:
        """Both at once; where both say the same thing, the right one decides."""
        default = Intervention()
        said = {f.name: getattr(other, f.name) for f in fields(other)}
        both = replace(self, **{name: value for name, value in said.items() if value != getattr(default, name)})
        return replace(both, treat=self.treat & other.treat)

    def __str__(self) -> str:
        parts = [
            self.optimizer and str(self.optimizer),
            self.lr and str(self.lr),
            self.clip and f"gradient norm clipped at {self.clip:.3g}",
            self.seed is not None and f"seeds + {self.seed}",
            self.weights and "weights put in place",
            self.stop is not None and f"stop after {self.stop} steps",
            self.coast and f"coast {self.coast} batches",
            self.glide and f"glide to the {'end' if self.glide is True else 'next validation'}",
            str(self.treat),
        ]
        return ", ".join(part for part in parts if part) or "as it is"

    def to_json(self) -> str:
        """One line of JSON, with only what differs from doing nothing."""
        default = Intervention()
        said = {
            f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != getattr(default, f.name)
        }
        if self.lr:
            said["lr"] = {"schedule": self.lr.schedule.to_json(), "of": self.lr.of}
        if self.optimizer:
            said["optimizer"] = {"name": self.optimizer.name, "settings": self.optimizer.settings}
        if "treat" in said:
            said["treat"] = asdict(self.treat)
        return json.dumps(said)

    @classmethod
    def from_json(cls, text: str) -> Intervention:
        """The inverse of ``to_json``; ValueError names a key that is not known."""
        said = json.loads(text)
        if unknown := set(said) - {f.name for f in fields(cls)}:
            raise ValueError(f"an intervention has no {', '.join(sorted(unknown))}; see leonui.Intervention")
        if lr := said.get("lr"):
            said["lr"] = LearningRate(Schedule.from_json(lr["schedule"]), lr["of"])
        if treat := said.get("treat"):
            bounds = treat["bounds"]
            said["treat"] = Treat(tuple(treat["names"]), treat["decay"], bounds and (bounds[0], bounds[1]))
        if swap := said.get("optimizer"):
            said["optimizer"] = Swap(**swap)
        return cls(**said)


def scale(factor: float) -> Intervention:
    """The script's own learning rates, times ``factor``."""
    return Intervention(lr=LearningRate(constant(factor)))


def absolute(value: float) -> Intervention:
    """The first group's learning rate held at ``value``, the others in proportion."""
    return Intervention(lr=LearningRate(constant(value), "absolute"))


def ramped(low: float, high: float, steps: int) -> Intervention:
    """The base learning rates times an exponential ramp from ``low`` to ``high``."""
    return Intervention(lr=LearningRate(ramp(low, high, steps), "base"))


def clip(norm: float) -> Intervention:
    """Gradients scaled down to a global norm of at most ``norm``."""
    return Intervention(clip=norm)


def treated(*names: str, decay: float | None = None, bounds: tuple[float, float] | None = None) -> Intervention:
    """Treatments by their names, another weight decay, batches that are left out."""
    return Intervention(treat=Treat(names, decay, bounds))
