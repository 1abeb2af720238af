"""Log-probabilities of the policy that learns which are not those of the policy that acted."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy.rows import column
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

LIMITS = {"float32": 1e-3, "float64": 1e-3}
HALF = 2e-2  # bfloat16 alone was measured at 3e-3, a wrong log-probability at 3e-2 and more


def look(record: Record) -> Check | None:
    """Whether all ratios are 1 before the first step of each update, and between acting and scoring."""
    before, acted = column(record, "ratio_first"), column(record, "ratio_acted")
    if not before:
        return None
    limit = LIMITS.get(record.last("ppo").get("dtype", "float32"), HALF)
    evidence = {"first": _most(before), "acted": _most(acted), "limit": limit}
    said = mark(
        "one policy acts and learns: before any step its ratios were off 1 by {first:.2g}, when acting {acted:.2g}"
    )
    if evidence["first"] <= limit and evidence["acted"] <= limit:
        return Check("RATIO", said, evidence)
    words = mark(
        "the policy that learns is not the one that acted: before any step the mean of |ratio - 1| was {first:.2g}, "
        "between acting and scoring {acted:.2g}; more than {limit:.2g} is no rounding"
    )
    fix = mark(
        "score the very actions at the very observations that they were chosen at, with the weights of that time: "
        "dropout off, observations normalised once, actions before they are cut at the bounds"
    )
    return Check("RATIO", said, evidence, Finding("PPO-RATIO", "is", words, evidence, fix))


def _most(values: list[float]) -> float:
    return float("inf") if any(value != value for value in values) else max(values, default=0.0)


FAULT = Fault(
    "PPO-RATIO",
    About(
        mark("The old log-probabilities are not those of the policy that acted, or not of these actions."),
        mark(
            "Before the first step of an update old and new policy are one, so every ratio must be 1: the mean of "
            "|ratio - 1| is 0 in float32 and 3e-3 in bfloat16; with a fault it was 3e-2 or more."
        ),
        mark("A difference of some 1e-7: sums in another order."),
        mark(
            "Look for dropout or batch normalisation in training mode, log-probabilities from before the last update, "
            "an action and an observation of different steps, a normaliser that moved on, actions that were clipped."
        ),
        ("https://iclr-blog-track.github.io/2022/03/25/ppo-implementation-details/",),
    ),
    look,
)
