"""Ratios that are clipped all the time, or never because nothing moves; samples that count for few."""

from __future__ import annotations

from statistics import median

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy.rows import column, settled, step, sustained
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

HIGH = 0.3
STILL_CLIP, STILL_KL, STILL = 1e-3, 1e-4, 0.5  # the last: of the updates
EVEN = 0.5


def look(record: Record) -> Check | None:
    """Whether some ratios are clipped, and not a third of them."""
    values, kls = column(record, "clipped"), column(record, "kl")
    if not values:
        return None
    said = mark("the clipping held back {median:.1%} of the samples in the median, {highest:.1%} at most")
    evidence = {"median": median(values), "highest": max(values)}
    at = sustained([value > HIGH for value in values])
    if at is not None:
        evidence |= {"step": step(record, at), "limit": HIGH}
        words = mark("more than {limit:.0%} of the samples are clipped from step {step} on, {highest:.0%} at most")
        fix = mark("lower the learning rate or the number of epochs")
        return Check("CLIP", said, evidence, Finding("PPO-CLIP", "consistent with", words, evidence, fix))
    still = settled([clip < STILL_CLIP and kl < STILL_KL for clip, kl in zip(values, kls, strict=False)])
    if _several(record) and still and sum(still) > STILL * len(still):
        evidence |= {"kl": median(kls), "share": sum(still) / len(still)}
        words = mark(
            "the policy hardly moves: KL {kl:.2g} nats in the median, nothing clipped in {share:.0%} of updates"
        )
        fix = mark("raise the learning rate; look whether the critic's gradient crowds out the policy's")
        return Check("CLIP", said, evidence, Finding("PPO-CLIP", "consistent with", words, evidence, fix))
    return Check("CLIP", said, evidence)


def _several(record: Record) -> bool:
    """Whether a batch is learned from in more than one step."""
    about = record.last("ppo")
    return about.get("epochs", 2) * about.get("minibatches", 1) > 1


def look_ess(record: Record) -> Check | None:
    """Whether the samples still speak for the policy at the end of an update."""
    values = column(record, "ess")
    if not values:
        return None
    evidence = {"lowest": min(values), "limit": EVEN}
    said = mark("the samples counted alike: effective sample size {lowest:.0%} at least")
    at = sustained([not value >= EVEN for value in values])
    if at is None:
        return Check("ESS", said, evidence)
    evidence |= {"step": step(record, at)}
    words = mark("from step {step} on few samples count for all: effective sample size below {limit:.0%}, {lowest:.0%}")
    fix = mark("lower the learning rate or the number of epochs; look whether dropout is on while learning")
    return Check("ESS", said, evidence, Finding("PPO-ESS", "consistent with", words, evidence, fix))


FAULT = Fault(
    "PPO-CLIP",
    About(
        mark("The clipping cuts off most of what would be learned, or nothing is learned that it could cut off."),
        mark(
            "The share of samples whose gradient was clipped away is above 30% in five updates in a row; or below "
            "0.1% with a KL below 1e-4 nats in most updates."
        ),
        mark(
            "One step a batch: the ratio is 1 then and nothing is ever clipped. An annealed learning rate at its end."
        ),
        mark("Lower the learning rate or the number of epochs in the one case, raise them in the other."),
        ("https://arxiv.org/abs/1707.06347",),
    ),
    look,
)
ESS = Fault(
    "PPO-ESS",
    About(
        mark("The new policy is so far from the one that acted that few samples count for all."),
        mark("The effective sample size, (sum of ratios)^2 over the sum of their squares, is below half in a row."),
        mark("Very long sequences whose ratios are products over all tokens."),
        mark("Lower the learning rate or the number of epochs; put the network into the mode that it acted in."),
    ),
    look_ess,
)
