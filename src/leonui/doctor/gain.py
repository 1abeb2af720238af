"""What a whole run under a change gains over the run as it is: in training, in validation."""

from __future__ import annotations

import math

from leonui.doctor.case import CALM, Case, ending, surely, validated
from leonui.finding import Proof
from leonui.record import Record

# Tuned on the development workloads of bench/faults, then frozen.
LOGARITHM = 0.33
GAP = 0.05  # of what training has gained: validation that is worse by more may gain where training cannot


def share(case: Case, record: Record) -> float:
    """The share of the achievable progress that a whole run surely gains, in training or in validation.

    What is gained in training and lost in validation is not gained.
    """
    held_out = validation(case, record)
    return 0.0 if held_out < 0 else max(training(case, record), held_out)


def behind(case: Case) -> bool:
    """Whether validation ends so far above training that a change might help it alone."""
    held_out, last = validated(case.record), ending(case.record)
    if held_out is None or not last:
        return False
    end = sum(last) / len(last)
    return held_out[0] - end > GAP * abs(case.bar - end)


def training(case: Case, record: Record) -> float:
    """The share that it surely gains in training."""
    before, after, bar = ending(case.record), ending(record), case.bar
    if not after or (before and surely(before, after)[1][0] <= 0):
        return 0.0
    end = sum(after) / len(after)
    was = min(sum(before) / len(before), max(bar, end)) if before else max(bar, end)
    return (was - end) / max(bar - end, was - end, 1e-12)


def validation(case: Case, record: Record) -> float:
    """The share that it surely gains in validation, below 0 where it loses."""
    gained, surely = _held_out(case, record)
    return gained if surely or gained < 0 else 0.0


def backed(case: Case, record: Record) -> float:
    """The share that it surely gains in validation, or that both gain, where training surely does.

    A validation that jumps about says little alone, and not nothing.
    """
    gained, surely = _held_out(case, record)
    return gained if surely or gained < 0 else min(gained, training(case, record))


def _held_out(case: Case, record: Record) -> tuple[float, bool]:
    """The share gained in validation, and whether that is more than its noise."""
    ours, theirs = validated(record), validated(case.record)
    if ours is None or theirs is None or not math.isfinite(ours[0]):
        return 0.0, False
    first = _beginning(case)
    was = theirs[0] if math.isfinite(theirs[0]) else first
    noise = CALM * math.hypot(ours[1], theirs[1]) / math.sqrt(3)
    return _gained(was, ours[0], first), abs(was - ours[0]) > noise


def _beginning(case: Case) -> float:
    """The loss of a network that has learned nothing; the first validation may come when most is learned."""
    first = case.record.validations(case.record.validation_site)[0][1]
    known = [loss for loss in (first, case.bar) if math.isfinite(loss)]
    return max(known, default=math.nan)


def _gained(was: float, now: float, first: float) -> float:
    """The share of the way from ``first`` to ``now``; near 0 a loss is counted in its logarithm, at half the weight."""
    share = (was - now) / max(first - now, abs(was - now), 1e-12)
    if was <= now or now <= 0 or first <= now:
        return share
    return max(share, LOGARITHM * math.log(was / now) / math.log(max(first, was) / now))


def proved(change: str, before: Record, after: Record) -> Proof:
    """Both trainings, and by how much the change lowers the loss at the end."""
    gain, interval = surely(ending(before), ending(after))
    return Proof(change, tuple(before.losses()), tuple(after.losses()), gain, interval, after.steps)


def compared(before: Record, after: Record) -> dict[str, float | bool | None]:
    """What a change does to the number that counts: the validation loss at the end, else the training loss."""
    both = [validated(record) for record in (before, after)]
    was, now = [value and value[0] for value in both] if all(both) else map(_last, (before, after))
    was, now = (value if value is not None and math.isfinite(value) else None for value in (was, now))
    return {"before": was, "after": now, "suffices": now is not None and (was is None or now < was)}


def _last(record: Record) -> float:
    last = ending(record)
    return sum(last) / len(last) if last else math.nan
