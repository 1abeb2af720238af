"""A policy that stops exploring before it has learned, or that never begins to choose."""

from __future__ import annotations

import math

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy.rows import column, ends, gained
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

COLLAPSED, UNIFORM = 0.05, 0.995  # of the entropy of a uniform choice
DROP, SOON = 0.8, 0.1  # of the entropy; of the run
NARROW, WIDE = 0.05, 5.0  # standard deviations of actions
FLAT = 1.0  # deviations of the return at the start


def look(record: Record) -> Check | None:
    """Whether the entropy falls with the return's rise, and not without it."""
    if not record.last("ppo").get("uniform") or len(column(record, "entropy")) < 10:
        return None
    values, full = column(record, "entropy"), record.last("ppo")["uniform"]
    soon = values[math.ceil(SOON * len(values))]
    evidence = {"first": values[0], "last": ends(values)[1], "uniform": full, "gained": gained(record) or 0.0}
    said = mark(
        "the policy chooses: its entropy went from {first:.2g} to {last:.2g} nats, {uniform:.2g} is pure chance"
    )
    flat = evidence["gained"] < FLAT
    fix = mark("raise the entropy's weight or lower the learning rate, so that the policy explores for longer")
    if flat and (evidence["last"] < COLLAPSED * full or soon < (1 - DROP) * values[0]):
        words = mark("the policy stopped exploring and had learned nothing: entropy {last:.2g} of {uniform:.2g} nats")
        return Check("ENTROPY", said, evidence, Finding("PPO-ENTROPY", "consistent with", words, evidence, fix))
    if flat and evidence["last"] > UNIFORM * full:
        words = mark("the policy still acts by pure chance at the end: entropy {last:.3g} of {uniform:.3g} nats")
        fix = mark("raise the learning rate, lower the entropy's weight, and look whether any reward was ever seen")
        return Check("ENTROPY", said, evidence, Finding("PPO-ENTROPY", "consistent with", words, evidence, fix))
    return Check("ENTROPY", said, evidence)


def look_deviation(record: Record) -> Check | None:
    """Whether a Gaussian policy keeps a deviation that it can learn with."""
    values = column(record, "std")
    if len(values) < 10:
        return None
    evidence = {"first": values[0], "last": ends(values)[1], "low": NARROW, "high": WIDE}
    said = mark("the deviation of the actions went from {first:.2g} to {last:.2g}")
    flat = (gained(record) or 0.0) < FLAT
    if evidence["last"] > WIDE or (flat and evidence["last"] < NARROW):
        words = mark("the deviation of the actions went from {first:.2g} to {last:.2g}; {low} to {high} is usual")
        fix = mark("narrow: raise the entropy's weight, begin wider; wide: lower it, and scale the actions to about 1")
        return Check("DEVIATION", said, evidence, Finding("PPO-ENTROPY", "consistent with", words, evidence, fix))
    return Check("DEVIATION", said, evidence)


_ABOUT = About(
    mark("The policy stops exploring before it has learned anything, or it never begins to choose."),
    mark(
        "The entropy, against that of a uniform choice: below 5%, or 80% lower after a tenth of the run, or still "
        "above 99.5% at the end, while the return does not rise. Of a Gaussian its deviation, outside of 0.05 to 5."
    ),
    mark("A policy that has solved its task may well be sure of itself."),
    mark("Change the entropy's weight or the learning rate; look at the reward."),
)
FAULT = Fault("PPO-ENTROPY", _ABOUT, look)
DEVIATION = Fault("PPO-ENTROPY", _ABOUT, look_deviation)
