"""Whether what is learned has anything to do with which target belongs to which input."""

from __future__ import annotations

import math

from leonui.doctor.case import Case, ending, validated
from leonui.doctor.faults import overfitting
from leonui.record import Record, number
from leonui.trial.intervention import treated

NOTHING = 0.05  # of the first validation: so much of it a network can gain without looking at its input
FITS = 0.1  # of a constant prediction's loss, by which one batch must be learned
ALIKE = 0.1  # of the loss: by so much two runs that learned nothing may differ
CALM = 3.0  # standard deviations
OFTEN = 30  # times that each sample passes by


def unlearned(record: Record, bar: float) -> bool:
    """Whether validation does not end clearly better than a prediction without looking; without one, the training.

    ``bar`` is what such a prediction loses in training; on held-out data it is another one, where that is known. The
    lowest of many validations is no measure: where nothing is learned, one of them is low by chance.
    """
    passes, held_out = [loss for _, loss in record.validations(record.validation_site)], validated(record)
    if len(passes) > 2 and held_out:
        known = number(record.last("end").get("held_out", {}).get(record.validation_site, bar))
        return held_out[0] > (1 - NOTHING) * (min(passes[0], known) if known > 0 else passes[0])
    last = ending(record)
    return bool(last) and sum(last) / len(last) > (1 - NOTHING) * bar


def ahead(before: Record, after: Record) -> bool:
    """Whether validation ends clearly below the lowest of another run, which may have learned nothing by luck alone."""
    ended = validated(after)
    return ended is not None and ended[0] < (1 - NOTHING) * best_validation(before)


def fits(case: Case) -> bool:
    """Whether the network can learn at all: its training loss fell, or it can learn one batch by heart.

    Where it cannot, that it learns nothing says nothing of the labels.
    """
    last = ending(case.record)
    if last and sum(last) / len(last) < (1 - FITS) * case.bar:
        return True
    alone = case.tried({"one batch": treated("one batch")}, max(case.short, case.steps // 3))["one batch"]
    return alone.loss < (1 - FITS) * case.bar


def by_heart(record: Record) -> bool:
    """Whether each sample came so often that the network knows all of them by heart: validation rose, training fell.

    That nothing it learned holds for others then says that they are few, and nothing of their labels.
    """
    walk, risen = record.last("walk"), overfitting.look(record)
    often = walk.get("samples", 0) >= OFTEN * walk.get("distinct", math.inf)
    return often and risen is not None and risen.finding is not None


def same(ours: Record, shuffled: Record) -> bool:
    """Whether two runs came out alike, as far as validation can tell; without one, the training."""
    if len(ours.validations(ours.validation_site)) > 2:
        noise = max((both[1] for both in (validated(ours), validated(shuffled)) if both), default=0.0)
        least = ALIKE * abs(best_validation(ours))
        return abs(best_validation(ours) - best_validation(shuffled)) <= max(CALM * noise, least)
    before, after = ending(ours), ending(shuffled)
    ends = [sum(last) / len(last) for last in (before, after) if last]
    return len(ends) == 2 and abs(ends[0] - ends[1]) <= NOTHING * abs(ends[0])


def best_validation(record: Record) -> float:
    """The lowest validation loss; not a number where there was none."""
    passes = [loss for _, loss in record.validations(record.validation_site) if math.isfinite(loss)]
    return min(passes, default=math.nan)
