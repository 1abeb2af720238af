"""Steps that take the policy too far at once, or nowhere."""

from __future__ import annotations

import math
from statistics import median

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy.rows import column, rises, settled, step
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

HIGH, SHARE = 0.04, 0.05  # nats, in this share of the updates
BROKEN = 0.2  # nats
OFTEN, TIMID = 0.5, 0.1  # of the updates; of the target


def look(record: Record) -> Check | None:
    """Whether the KL between the policy before and after an update stays small."""
    values = column(record, "kl")
    if not values:
        return None
    far = [value for value in values if not value <= HIGH]
    wild = next((at for at, value in enumerate(values) if not value <= BROKEN), None)
    highest = max(values) if all(map(math.isfinite, values)) else math.inf
    evidence = {"median": median(values), "highest": highest, "share": len(far) / len(values), "limit": HIGH}
    said = mark("updates were small: KL {median:.2g} nats in the median, {highest:.2g} at most")
    fix = mark("lower the learning rate or the number of epochs, or stop an update early: target_kl=0.015")
    if wild is not None:
        evidence |= {"step": step(record, wild)}
        words = mark("an update took the policy {highest:.3g} nats away, at step {step}: what was learned may be lost")
        return Check("KL", said, evidence, Finding("PPO-KL", "is", words, evidence, fix))
    if evidence["share"] > SHARE and not rises(record):
        words = mark(
            "{share:.0%} of the updates took the policy more than {limit} nats away, {highest:.2g} at most, and what "
            "it learned does not last"
        )
        return Check("KL", said, evidence, Finding("PPO-KL", "consistent with", words, evidence, fix))
    return Check("KL", said, evidence)


def look_stop(record: Record) -> Check | None:
    """Whether the bound on the KL ends updates now and then, neither at once nor never."""
    about, stops, done = record.last("ppo"), column(record, "stopped"), column(record, "minibatches")
    target, epoch = about.get("target_kl"), about.get("minibatches", 0)
    if not target or not stops:
        return None
    early = sum(stop and count < epoch for stop, count in zip(stops, done, strict=False)) / len(stops)
    usual = median(settled(column(record, "kl")) or [target])
    evidence = {"target": target, "share": early, "kl": usual, "count": round(sum(stops))}
    said = mark("the bound on the KL, {target}, ended {count} updates early, {share:.0%} of all in their first epoch")
    if early > OFTEN:
        words = mark("{share:.0%} of the updates were ended in their first epoch by the bound on the KL of {target}")
        fix = mark("lower the learning rate: most of the samples are thrown away")
        return Check("STOP", said, evidence, Finding("PPO-STOP", "consistent with", words, evidence, fix))
    if not evidence["count"] and usual < TIMID * target:
        words = mark("no update came near the bound on the KL: {kl:.2g} nats, and {target} are allowed")
        fix = mark("raise the learning rate or the number of epochs: the policy could move further on each batch")
        return Check("STOP", said, evidence, Finding("PPO-STOP", "consistent with", words, evidence, fix))
    return Check("STOP", said, evidence)


FAULT = Fault(
    "PPO-KL",
    About(
        mark("An update takes the policy so far that the samples do not speak for the new one."),
        mark(
            "The KL between the policies before and after (k3, the mean over an update's last epoch) is once above 0.2 "
            "nats or no number, or above 0.04 in a twentieth of the updates while the return does not rise, or falls "
            "again."
        ),
        mark("Many epochs on easy tasks, or exploration by the state: the return rises all the same."),
        mark("Lower the learning rate or the number of epochs, or set target_kl=0.015."),
        ("https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/",),
    ),
    look,
)
STOP = Fault(
    "PPO-STOP",
    About(
        mark("The bound on the KL ends nearly every update at once, or is never felt."),
        mark("In how many updates the bound was reached, and in which epoch."),
        mark("Few epochs, so that there is nothing to end; a learning rate that has been annealed."),
        mark("Lower the learning rate where it fires at once; raise it, or lower the bound, where it never does."),
    ),
    look_stop,
)
