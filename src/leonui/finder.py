"""The learning rate, by real branches: a ramp finds where training breaks, rungs of short trainings the best below.

Every rung trains each candidate over a whole schedule compressed to the rung's length and judges it by coasting: the
loss of the weights at its end on the next batches, the same batches for all.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass
from typing import Any

from leonui.record import Record
from leonui.schedule import warmup_linear
from leonui.trial.intervention import Intervention, LearningRate, ramped
from leonui.trial.runner import Point, Runner

DRY_STEPS = 3
RAMP_STEPS = (20, 100)  # at least, at most; else a fifth of the run
RAMP_RATIOS = (1e-5, 1.0)  # the relative size of an update at the two ends of the ramp
ANYWHERE = (1e-4, 1e4)  # the range of factors where no update could be measured
FROM_ZERO = 1e3  # an update this large against the weights: they begin at zero, and a ratio means nothing
BROKEN_BY = 0.5  # of the first loss above it: the ramp has broken the training
FIRST_OFFSETS = tuple(-step / 2 for step in range(7))  # decades below the break
NEXT_OFFSETS = ((-0.5, -0.25, 0.0, 0.25), (-0.25, 0.0, 0.25))  # decades round the best so far
LENGTHS = ((0.1, 300), (0.25, 1000), (0.5, 3000))  # of each rung: share of the run, steps at most
EXTENSIONS = 2  # so often the first rung is continued while the best candidate is its lowest or its highest
FURTHER = {-1: (1, 2, 3), 1: (1,)}  # by how many half decades: above the ramp's break a careful one at a time
WARMUP = 0.05
HORIZON = 0.32  # the best rate falls as length to the power of minus this (Bjorck et al., ICLR 2025)


@dataclass(frozen=True)
class Rung:
    """Candidates trained equally long: factors on the script's base rates, coasted losses, standard errors."""

    steps: int
    scale: tuple[float, ...]
    loss: tuple[float, ...]
    se: tuple[float, ...]

    @property
    def best(self) -> float:
        """The factor with the lowest loss."""
        return self.scale[self.loss.index(min(self.loss))]

    @property
    def edge(self) -> int:
        """1 where the best factor is the highest one, -1 where it is the lowest one, else 0."""
        if not math.isfinite(min(self.loss)):
            return 0
        return (self.best == max(self.scale)) - (self.best == min(self.scale))


@dataclass(frozen=True)
class Search:
    """How a learning rate was found: ``scale`` is the factor for the whole run, None where every candidate broke."""

    scale: float | None
    ramp_scale: tuple[float, ...]
    ramp_loss: tuple[float, ...]
    rungs: tuple[Rung, ...]
    spent: int

    def to_json(self, base: float) -> dict[str, Any]:
        """Plain values, the factors turned into the first group's learning rates."""
        rungs = [asdict(rung) | {"lr": [s * base for s in rung.scale], "best": rung.best * base} for rung in self.rungs]
        return {
            "ramp": {"lr": [s * base for s in self.ramp_scale], "loss": list(self.ramp_loss)},
            "rungs": rungs,
        }


def climbing(scale: float, steps: int, clip: float | None) -> Intervention:
    """Training for ``steps`` with warm-up, ``scale`` times the base rates, and decay to zero."""
    warmup = max(1, round(WARMUP * steps))
    return Intervention(lr=LearningRate(warmup_linear(steps, warmup, scale), "base"), clip=clip)


def search(runner: Runner, point: Point, steps: int, clip: float | None = 1.0) -> Search:
    """The factor on the script's rates that is best for a run of ``steps`` steps, by branches from ``point``."""
    spent = 0
    dry = runner.branch(point, {"dry": Intervention(stop=DRY_STEPS, clip=clip)})[0].record
    low, high = span(dry)
    length = min(max(round(steps / 5), RAMP_STEPS[0]), RAMP_STEPS[1])
    ramp = runner.branch(point, {"ramp": ramped(low, high, length) & Intervention(clip=clip, stop=length)})[0].record
    spent += dry.steps + ramp.steps
    scales = tuple(low * (high / low) ** ((i + 1) / length) for i in range(len(ramp.losses())))
    losses = tuple(ramp.losses())
    top = breaking(scales, losses)
    rungs: list[Rung] = []
    for number, (share, most) in enumerate(LENGTHS):
        if number and not math.isfinite(min(rungs[-1].loss)):
            break
        length = max(5, min(round(share * steps), most))
        offsets, centre = (FIRST_OFFSETS, top) if not number else (NEXT_OFFSETS[number - 1], rungs[-1].best)
        rung = climb_rung(runner, point, [centre * 10**offset for offset in offsets], length, clip, f"rung{number + 1}")
        spent += cost(rung)
        while not number and rung.edge and len(rung.scale) < len(offsets) + EXTENSIONS * len(FURTHER[rung.edge]):
            further = [rung.best * 10 ** (rung.edge * step / 2) for step in FURTHER[rung.edge]]
            more = climb_rung(runner, point, further, length, clip, f"rung1-{len(rung.scale)}")
            spent, rung = spent + cost(more), joined(rung, more)
        rungs.append(rung)
    return Search(verdict(rungs[-1], steps), scales, losses, tuple(rungs), spent)


def climb_rung(runner: Runner, point: Point, scales: list[float], steps: int, clip: float | None, name: str) -> Rung:
    """Train every candidate for ``steps`` and coast."""
    stop = Intervention(stop=steps, coast=coasting(steps))
    jobs = {f"{name}-{scale:.3g}": climbing(scale, steps, clip) & stop for scale in scales}
    judged = [judge(trial.record, stop.coast) for trial in runner.branch(point, jobs)]
    return Rung(steps, tuple(scales), tuple(loss for loss, _ in judged), tuple(se for _, se in judged))


def coasting(steps: int) -> int:
    """How many batches to coast after ``steps`` steps."""
    return min(max(steps // 6, 4), 32)


def cost(rung: Rung) -> int:
    """Batches that a rung has used."""
    return len(rung.scale) * (rung.steps + coasting(rung.steps))


def judge(record: Record, coast: int) -> tuple[float, float]:
    """Mean and standard error of the coasted losses; infinite where the training broke or did not get so far."""
    losses = record.losses("coast")
    if len(losses) < coast or not all(map(math.isfinite, losses)):
        return math.inf, 0.0
    return statistics.fmean(losses), statistics.stdev(losses) / math.sqrt(len(losses))


def span(dry: Record) -> tuple[float, float]:
    """The ramp's two factors: from an update that is a 1e-5th of the weights to one that is as large as they are."""
    ratios = [ratio for ratio in dry.column("update_ratio") if math.isfinite(ratio) and ratio > 0]
    if not ratios or ratios[0] > FROM_ZERO:
        return ANYWHERE
    return RAMP_RATIOS[0] / ratios[-1], RAMP_RATIOS[1] / ratios[-1]


def breaking(scales: tuple[float, ...], losses: tuple[float, ...]) -> float:
    """The first factor at which the ramp's loss is not finite, or far above where it began; else the last one."""
    calm = [loss for loss in losses[: max(3, len(losses) // 4)] if math.isfinite(loss)]
    if not calm:
        return scales[0]
    begin, noise = statistics.fmean(calm), statistics.pstdev(calm)
    limit = begin + max(4 * noise, BROKEN_BY * abs(begin))
    return next((s for s, loss in zip(scales, losses, strict=True) if not loss <= limit), scales[-1])


def joined(rung: Rung, more: Rung) -> Rung:
    """Two rungs of equal length as one."""
    return Rung(rung.steps, rung.scale + more.scale, rung.loss + more.loss, rung.se + more.se)


def verdict(rung: Rung, steps: int) -> float | None:
    """The factor for the whole run: the lowest point of the last rung, moved by the horizon law from its length."""
    if not math.isfinite(min(rung.loss)):
        return None
    return lowest(rung) * (max(steps, rung.steps) / rung.steps) ** -HORIZON


def lowest(rung: Rung) -> float:
    """The vertex of the parabola in log scale through the best candidate and its neighbours; else the best itself."""
    points = sorted(zip(rung.scale, rung.loss, strict=True))
    at = [scale for scale, _ in points].index(rung.best)
    if not 0 < at < len(points) - 1 or not math.isfinite(points[at - 1][1] + points[at + 1][1]):
        return rung.best
    (xa, ya), (xb, yb), (xc, yc) = [(math.log(scale), loss) for scale, loss in points[at - 1 : at + 2]]
    bend = (yc - yb) / (xc - xb) - (yb - ya) / (xb - xa)
    if bend <= 0:
        return rung.best
    vertex = (xa + xb) / 2 - (yb - ya) / (xb - xa) * (xc - xa) / 2 / bend
    return math.exp(min(max(vertex, xa), xc))
