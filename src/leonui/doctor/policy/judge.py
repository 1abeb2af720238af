"""All signatures of a policy that learns by reward, in the order in which they must be mended."""

from __future__ import annotations

from leonui.doctor.policy import advantage, batch, clipping, critic, divergence, entropy, ratio
from leonui.finding import Check
from leonui.record import Record

SIGNATURES = (
    batch.GRADIENT,
    batch.RESET,
    ratio.FAULT,
    critic.END_FAULT,
    critic.LIMIT,
    advantage.SIGN,
    advantage.FAULT,
    critic.SHARED,
    critic.FAULT,
    divergence.FAULT,
    divergence.STOP,
    clipping.FAULT,
    clipping.ESS,
    entropy.FAULT,
    entropy.DEVIATION,
    batch.NORMALISER,
)


def judge_policy(record: Record) -> list[Check]:
    """What each signature says of a Record with one row an update; those that cannot tell say nothing.

    >>> rows = [{"step": 8 * i, "ratio_first": 0.05} for i in range(20)]
    >>> [check.finding.code for check in judge_policy(Record(rows)) if check.finding]
    ['PPO-RATIO']
    """
    return [check for signature in SIGNATURES if (check := signature.seen(record)) is not None]
