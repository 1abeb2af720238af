"""Short trainings of equal length, one for each candidate, and how each of them is judged."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from leonui.record import Record, read_all
from leonui.trial.intervention import Intervention
from leonui.trial.trial import Trial

COAST = (6, 12)  # batches, at least and at most; else a fifth of the rung's steps
TAIL = 0.25  # of the rung's own training losses, the last ones: where losses are noisy, coasting alone is too little


@dataclass(frozen=True)
class Rung:
    """Candidates trained for ``steps``: factors on the script's rates, and the losses of each at its end, by batch.

    ``paired``: the batches are the same for all candidates; where they are not, ``noise`` is the standard deviation
    of a loss that comes of other data. ``untrained``: the losses of the first weights on those batches, where they
    were asked for. A candidate that broke has no losses.
    """

    steps: int
    scale: tuple[float, ...]
    losses: tuple[tuple[float, ...], ...]
    paired: bool = True
    noise: float = 0.0
    untrained: tuple[float, ...] = ()

    @property
    def loss(self) -> tuple[float, ...]:
        """The mean loss of each candidate; infinite where it broke."""
        return tuple(statistics.fmean(batches) if batches else math.inf for batches in self.losses)

    @property
    def se(self) -> tuple[float, ...]:
        """The standard error of each mean over batches."""
        return tuple(
            statistics.stdev(batches) / math.sqrt(len(batches)) if len(batches) > 1 else 0.0 for batches in self.losses
        )

    @property
    def best(self) -> float:
        """The factor with the lowest loss."""
        return self.scale[self.loss.index(min(self.loss))]

    @property
    def broke(self) -> bool:
        """Whether every candidate broke."""
        return not math.isfinite(min(self.loss))

    @property
    def edge(self) -> int:
        """1 where the best factor is the highest one, -1 where it is the lowest one, else 0."""
        return 0 if self.broke else (self.best == max(self.scale)) - (self.best == min(self.scale))

    def joined(self, more: Rung) -> Rung:
        """This rung with more candidates of the same length, from the lowest factor to the highest."""
        both = sorted(zip(self.scale + more.scale, self.losses + more.losses, strict=True))
        return Rung(self.steps, tuple(s for s, _ in both), tuple(b for _, b in both), self.paired)


@dataclass(frozen=True)
class Judge:
    """By what candidates are compared: by the loss of their last weights on the next batches, or by a metric.

    The metric is a number that the script itself prints: such a branch glides on to the script's end.
    """

    metric: str | None = None
    goal: str = "min"

    def end(self, steps: int, coast: int = 0) -> Intervention:
        """How a training of so many steps ends; ``coast``: on how many batches it is judged, if not as usual."""
        if self.metric:
            return Intervention(stop=steps, glide=True)
        return Intervention(stop=steps, coast=coast or coasting(steps))

    def read(self, trial: Trial) -> tuple[float, ...]:
        """The losses of a trial, lower is better; none where it broke, or came to no end."""
        if self.metric:
            value = trial.metric(self.metric)
            return () if value is None or not math.isfinite(value) else (-value if self.goal == "max" else value,)
        records = read_all(trial.folder)
        ranks = [record for name, record in records.items() if "rank" in name] or [trial.record]
        return mean([judged(record, trial.intervention) for record in ranks])


def coasting(steps: int) -> int:
    """How many batches to coast after ``steps`` steps."""
    return min(max(steps // 5, COAST[0]), COAST[1])


def judged(record: Record, job: Intervention) -> tuple[float, ...]:
    """The last training losses of one process and its coasted ones; none where it broke or did not get so far."""
    coasted = record.losses("coast")
    losses = record.losses()[math.ceil((job.stop or 0) * (1 - TAIL)) :] + coasted
    return tuple(losses) if len(coasted) >= job.coast and all(map(math.isfinite, losses)) else ()


def mean(ranks: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """The losses of processes that train together, batch by batch: the mean over them."""
    return tuple(map(statistics.fmean, zip(*ranks, strict=True))) if all(ranks) and len({*map(len, ranks)}) == 1 else ()
