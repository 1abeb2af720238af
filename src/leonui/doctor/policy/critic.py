"""A critic that predicts nothing, that stands still, that sees beyond the end, or that crowds out the policy."""

from __future__ import annotations

from statistics import fmean, median

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy.rows import column, finite, settled
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

BROKEN, WORSE = -1.0, -0.2  # explained variance: 0 is that of a constant, some -0.1 that of chance
END = 1e-3  # of the returns' deviation
STILL = 1e-6  # of the returns' deviation: rounding
CROWDED = 1000.0  # times the policy's gradient


def look(record: Record) -> Check | None:
    """Whether the critic moves, and predicts better than the mean of the returns would."""
    values, moved = column(record, "explained_variance"), column(record, "value_moved")
    if not settled(values):
        return None
    evidence = {"median": median(settled(values)), "lowest": min(settled(values))}
    said = mark("the critic predicts the returns: explained variance {median:.2g} in the median")
    fix = mark("look at the critic's learning rate, its targets, the mask of what is learned from; scale the returns")
    if moved and max(moved) <= STILL:
        words = mark("the critic stands still: no update changed what it predicts")
        fix = mark("hand the critic's parameters to an optimizer, and let its loss into backward()")
        return Check("VALUE", said, evidence, Finding("PPO-VALUE", "is", words, evidence, fix))
    for limit, kind in ((BROKEN, "is"), (WORSE, "consistent with")):
        if evidence["median"] < limit:
            words = mark(
                "the critic is worse than a constant in most updates: explained variance {median:.2g} in the median, "
                "{lowest:.2g} at worst"
            )
            return Check("VALUE", said, evidence, Finding("PPO-VALUE", kind, words, evidence, fix))
    return Check("VALUE", said, evidence)


def look_end(record: Record) -> Check | None:
    """Whether what is to be predicted at the last step of an episode is its reward alone."""
    values = column(record, "end_error")
    if not values:
        return None
    evidence = {"most": max(values)}
    said = mark("nothing is expected after the end of an episode: the returns there are the rewards")
    if evidence["most"] <= END:
        return Check("END", said, evidence)
    words = mark(
        "returns reach over the end of episodes: at steps that ended one they differ from the reward by {most:.2g} "
        "deviations"
    )
    fix = mark("multiply the next value and the carried advantage by (1 - terminated), of the same step")
    return Check("END", said, evidence, Finding("PPO-END", "is", words, evidence, fix))


def look_limit(record: Record) -> Check | None:
    """Whether an episode that a time limit cut off is taken for one that ended."""
    cut = finite(record, "truncated")
    if record.last("ppo").get("bootstrap") is None or not cut:
        return None
    evidence = {"share": fmean(cut)}
    said = mark("{share:.0%} of the episodes were cut off by a time limit, and their last state was given its value")
    if record.last("ppo")["bootstrap"] or evidence["share"] <= 0.5:
        return Check("LIMIT", said, evidence)
    words = mark("{share:.0%} of the episodes were cut off by a time limit and are learned from as if they had ended")
    fix = mark("add gamma times the value of the last observation where an episode was truncated")
    return Check("LIMIT", said, evidence, Finding("PPO-END", "is", words, evidence, fix))


def look_shared(record: Record) -> Check | None:
    """Whether the critic's gradient leaves room for the policy's, where they share weights."""
    policy, value = column(record, "shared_policy"), column(record, "shared_value")
    ratios = [theirs / own for own, theirs in zip(policy, value, strict=False) if own]
    if not ratios:
        return None
    evidence = {"times": median(ratios), "limit": CROWDED}
    said = mark("policy and critic share weights: the critic's gradient there is {times:.3g}x the policy's")
    if evidence["times"] <= CROWDED:
        return Check("SHARED", said, evidence)
    words = mark(
        "the critic crowds out the policy: in the weights that they share its gradient is {times:.3g}x the policy's"
    )
    fix = mark("scale rewards by the deviation of the returns, lower the critic's weight in the loss, or share nothing")
    return Check("SHARED", said, evidence, Finding("PPO-SHARED", "is", words, evidence, fix))


FAULT = Fault(
    "PPO-VALUE",
    About(
        mark("The critic predicts worse than a constant would, or does not learn at all."),
        mark(
            "Explained variance, 1 - var(returns - values) / var(returns): below -0.2 in the median over "
            "the run, its first tenth left out; or values that no update changes."
        ),
        mark("About 0 is usual at the beginning, and where all states are worth the same."),
        mark("Look at the critic's learning rate and targets; scale the returns."),
    ),
    look,
)
_END = About(
    mark("The end of an episode is not taken for one, or a time limit is taken for an end."),
    mark(
        "At a step that ended an episode nothing follows: the return that the critic is to predict must be the reward "
        "itself. Where a time limit cut an episode off, something would have followed."
    ),
    mark("Tasks without an end."),
    mark("Keep terminated and truncated apart: no value after the one, the last state's value after the other."),
    ("https://arxiv.org/abs/1712.00378",),
)
END_FAULT = Fault("PPO-END", _END, look_end)
LIMIT = Fault("PPO-END", _END, look_limit)
SHARED = Fault(
    "PPO-SHARED",
    About(
        mark("Policy and critic share weights, and the critic's gradient is so large that the policy's is lost in it."),
        mark("The norms of both gradients in the shared weights, each alone: a thousandfold in the median."),
        mark("Separate networks: there a critic with a large gradient does no harm, if each is clipped alone."),
        mark("Scale the rewards, lower the critic's weight in the loss, clip both apart, or use separate networks."),
    ),
    look_shared,
)
