"""By what trials are compared: the losses at their end, or a number that the script prints."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from leonui.record import Record, number, read_all
from leonui.trial.intervention import Intervention
from leonui.trial.trial import Trial

COAST = (6, 12)  # batches, at least and at most; else a fifth of the rung's steps
TAIL = 0.25  # of the rung's own training losses, the last ones: where losses are noisy, coasting alone is too little


@dataclass(frozen=True)
class Judge:
    """By what candidates are compared: by the loss of their last weights on the next batches, or by a metric.

    The metric is a number that the script itself prints: such a branch glides on to the script's end. ``site``: the
    place of a validation of the script's that is looked at besides; a branch glides on to the next one. ``by``:
    "training", or "validation" where that loss is what counts.
    """

    metric: str | None = None
    goal: str = "min"
    site: str | None = None
    by: str = "training"

    @property
    def kind(self) -> str:
        """What counts: "training", "validation" or "metric"."""
        return "metric" if self.metric else self.by

    @property
    def coasts(self) -> bool:
        """Whether it is training losses that count."""
        return self.kind == "training"

    def end(self, steps: int, coast: int = 0) -> Intervention:
        """How a training of so many steps ends; ``coast``: on how many batches it is judged, if not as usual."""
        if self.metric:
            return Intervention(stop=steps, glide=True)
        also = Intervention(glide="validation") if self.site else Intervention()
        return also & Intervention(stop=steps, coast=(coast or coasting(steps)) * self.coasts)

    def read(self, trial: Trial) -> tuple[float, ...]:
        """The losses of a trial, lower is better; none where it broke, or came to no end."""
        if self.metric:
            value = trial.metric(self.metric)
            return () if value is None or not math.isfinite(value) else (-value if self.goal == "max" else value,)
        if self.by == "validation":
            return tuple(filter(math.isfinite, self.validation(trial)[:1]))
        records = read_all(trial.folder)
        ranks = [record for name, record in records.items() if "rank" in name] or [trial.record]
        return mean([judged(record, trial.intervention) for record in ranks])

    def validation(self, trial: Trial) -> tuple[float, int]:
        """The loss of the validation after the last step, infinite where there is none, and its batches."""
        passes = trial.record.passes(self.site) if self.site else []
        last = next((event for event in passes if event["step"] >= (trial.intervention.stop or 0)), None)
        if last is None:
            return math.inf, 0
        loss = number(last["loss"])
        return loss if math.isfinite(loss) else math.inf, last["batches"]


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
