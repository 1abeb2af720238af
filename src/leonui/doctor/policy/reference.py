"""The KL to the reference model: whether it can be true, is held, and what was gained for it."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy.rows import ends, over, step, sustained
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

NEGATIVE, LEAST_KL = 0.05, 0.05  # of k3; nats, below which the mean of few samples may well be negative
OVER = 2.0  # times the target
HACKED = 10.0  # nats


def negative_kl(record: Record) -> Check | None:
    """Whether the estimate of a KL, which cannot be negative, is."""
    k1, k3 = record.column("kl"), record.column("kl_k3")
    at = sustained([one < -NEGATIVE * abs(three) and three > LEAST_KL for one, three in zip(k1, k3, strict=True)])
    evidence = {"lowest": min(k1), "last": k1[-1]}
    said = mark("the KL to the reference was estimated without bias: {last:.3g} nats at the end")
    if at is None:
        return Check("KL-NEGATIVE", said, evidence)
    evidence |= {"step": step(record, at)}
    words = mark(
        "the KL to the reference is estimated as negative, {lowest:.3g} nats, from step {step} on: what is scored is "
        "not what was sampled"
    )
    fix = mark("sample without top-k, top-p, penalties and forced tokens, and count padding nowhere")
    return Check("KL-NEGATIVE", said, evidence, Finding("KL-NEGATIVE", "is", words, evidence, fix))


def far(record: Record) -> Check | None:
    """Whether the KL is held where it was meant to be."""
    target = record.last("rlhf").get("target")
    if not target:
        return None
    values, at = over(record, "kl", OVER * target)
    evidence = {"target": target, "last": ends(values)[1], "highest": max(values)}
    said = mark("the KL did not run away from its target: {last:.3g} nats at the end, {target:.3g} wanted")
    if at is None:
        return Check("KL-HIGH", said, evidence)
    evidence |= {"step": step(record, at)}
    words = mark("the KL to the reference went to {highest:.3g} nats from step {step} on, {target:.3g} were wanted")
    fix = mark("lower the learning rate or the number of epochs, or begin with a higher beta")
    return Check("KL-HIGH", said, evidence, Finding("KL-HIGH", "is", words, evidence, fix))


def hacking(record: Record) -> Check | None:
    """Whether the reward rises while the policy leaves its reference far behind."""
    (before, after), target = ends(record.column("reward")), record.last("rlhf").get("target") or 0.0
    values, at = over(record, "kl", max(HACKED, OVER * target))
    evidence = {"before": before, "after": after, "highest": max(values), "limit": max(HACKED, OVER * target)}
    said = mark("the policy stayed near its reference: {highest:.3g} nats at most")
    if at is None or after <= before:
        return Check("REWARD-HACKING", said, evidence)
    words = mark(
        "the reward rose from {before:.3g} to {after:.3g} while the policy went {highest:.3g} nats away from its "
        "reference: it may have found a hole in the reward"
    )
    fix = mark("read samples; give a KL target (leonui rlhf --kl 6), or mend the reward")
    finding = Finding("REWARD-HACKING", "consistent with", words, evidence, fix)
    return Check("REWARD-HACKING", said, evidence, finding)


NEGATIVE_KL = Fault(
    "KL-NEGATIVE",
    About(
        mark("The estimate of the KL to the reference stays negative: what is scored is not what was sampled."),
        mark(
            "The mean of log pi - log ref (k1) is below -5% of that of k3 for five iterations in a row, where "
            "k3 says 0.05 nats or more."
        ),
        mark("A single negative estimate: k1 is unbiased, not positive, and few samples near 0 nats may well give it."),
        mark(
            "Sample from the policy itself: no top-k, no top-p, no penalty, no forced token, the same "
            "temperature; and count padding nowhere."
        ),
        (
            "http://joschu.net/blog/kl-approx.html",
            "https://github.com/huggingface/trl/issues/1857",
        ),
    ),
    negative_kl,
)
FAR = Fault(
    "KL-HIGH",
    About(
        mark("The policy left its reference by far more than the target that was given."),
        mark(
            "The KL of a completion is above twice its target for five iterations in a row, the first tenth of "
            "the run left out."
        ),
        mark("A short swing at the beginning, while the price of the KL is still on its way."),
        mark("Lower the learning rate or the epochs, so that the price can follow, or begin with a higher beta."),
        ("https://arxiv.org/abs/1909.08593",),
    ),
    far,
)
HACKING = Fault(
    "REWARD-HACKING",
    About(
        mark("The reward rises while the policy goes far from its reference: it may have found a hole in the reward."),
        mark(
            "The reward is higher at the end, and the KL is above 10 nats, and above twice the target, for five "
            "iterations in a row."
        ),
        mark(
            "A task that asks for something quite unlike the reference, or long completions: 10 nats over 1,000 "
            "tokens are little. Reading samples decides."
        ),
        mark(
            "Read samples; give a KL target, mend the reward where it is fooled, and keep a second measure that "
            "is not trained on."
        ),
        ("https://arxiv.org/abs/2210.10760",),
    ),
    hacking,
)
