"""Advantages that are not normalised, or that point the wrong way."""

from __future__ import annotations

from statistics import median

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy.rows import column, ends, finite, gained
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

OFF, WIDTH, NOTHING = 1e-3, 0.05, 1e-6
FALLEN = -1.0  # deviations of the return at the start
CHOSEN = 0.2  # of the first entropy


def look(record: Record) -> Check | None:
    """Whether the advantages that were learned from have mean 0 and deviation 1."""
    means, widths, raw = (column(record, f"advantage_{name}") for name in ("mean", "std", "raw"))
    if not means or not widths:
        return None
    evidence = {"mean": max(means, key=abs), "std": max(widths, key=lambda width: abs(width - 1))}
    said = mark("advantages have mean 0 and deviation 1: off by {mean:.1g} at most, deviation {std:.3g}")
    if any(value != value for value in (*means, *widths)) or (raw and not max(raw) > NOTHING):
        words = mark("there is nothing to compare: the advantages are all alike, or no numbers")
        fix = mark("give minibatches of two samples and more, and rewards that differ")
        return Check("ADVANTAGE", said, evidence, Finding("PPO-ADVANTAGE", "is", words, evidence, fix))
    if abs(median(means)) <= OFF and abs(median(widths) - 1) <= WIDTH:
        return Check("ADVANTAGE", said, evidence)
    evidence |= {"mean": median(means), "std": median(widths)}
    words = mark(
        "advantages are not normalised where they are learned from: mean {mean:.2g}, deviation {std:.3g} in the median"
    )
    fix = mark("normalise them in each minibatch, over what the mask keeps: leonui.ppo.normalize(advantage, mask)")
    return Check("ADVANTAGE", said, evidence, Finding("PPO-ADVANTAGE", "is", words, evidence, fix))


def look_sign(record: Record) -> Check | None:
    """Whether what was better than expected is made more probable."""
    values, returns, entropies = column(record, "advantage_match"), finite(record, "return"), column(record, "entropy")
    if not values and len(returns) < 10:
        return None
    evidence = {"match": median(values) if values else 1.0, "gained": gained(record) or 0.0}
    evidence |= dict(zip(("before", "after"), ends(returns) if returns else (0.0, 0.0), strict=True))
    said = mark(
        "what went better than expected is made more probable: return {before:.4g} at first, {after:.4g} at the end"
    )
    fix = mark("minimise -ratio * advantage, and take advantage = return - value, in this order")
    if evidence["match"] < 0:
        words = mark("the advantage has the wrong sign: its correlation with return - value is {match:.2g}")
        return Check("SIGN", said, evidence, Finding("PPO-SIGN", "is", words, evidence, fix))
    sure = bool(entropies) and ends(entropies)[1] < CHOSEN * max(entropies[0], 0.0)
    if sure and evidence["gained"] < FALLEN:
        words = mark(
            "the policy chooses what is worst: its return fell from {before:.4g} to {after:.4g}, below that of chance, "
            "while it became sure"
        )
        return Check("SIGN", said, evidence, Finding("PPO-SIGN", "consistent with", words, evidence, fix))
    return Check("SIGN", said, evidence)


FAULT = Fault(
    "PPO-ADVANTAGE",
    About(
        mark("The advantages are not normalised where they are learned from, or all alike."),
        mark("Their mean must be 0 within 1e-3, and their deviation 1 within 5%, in each minibatch, padding left out."),
        mark("Some trainers scale the returns instead and normalise nothing; then it is a choice."),
        mark("Normalise them in each minibatch over what the mask keeps."),
    ),
    look,
)
SIGN = Fault(
    "PPO-SIGN",
    About(
        mark("The sign of the advantage or of the loss is turned round: the worst actions are learned."),
        mark(
            "The advantage is compared with return - value; and the return of the end with that of the beginning, "
            "where the policy acted by chance, while its entropy falls."
        ),
        mark("A return that falls because the critic or the learning rate breaks: then the entropy tells nothing."),
        mark("Minimise -ratio * advantage; take return - value."),
    ),
    look_sign,
)
