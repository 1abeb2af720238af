"""What is wrong with RLHF on a language model: each judge reads the rows of its Record.

Thresholds: measured log-prob faults give a mean of |ratio - 1| of 3e-2 and more, bfloat16 alone 3e-3, float32 0.
"""

from __future__ import annotations

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy import completions, reference
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

RATIO_LIMITS = {"float32": 1e-3, "float64": 1e-3}
RATIO_HALF = 2e-2  # bfloat16 and float16
LARGEST, OFTEN = 10.0, 0.1  # a ratio; in this share of the rows, for one token of a million says little


def ratio(record: Record) -> Check | None:
    """Whether the policy that is updated is the one that is scored, and that one the one that is sampled."""
    limit = RATIO_LIMITS.get(record.last("rlhf").get("dtype", "float32"), RATIO_HALF)
    ratios = {name: max(record.column(name)) for name in ("first_ratio", "sampling_ratio")}
    evidence = {"first": ratios["first_ratio"], "sampled": ratios["sampling_ratio"], "limit": limit}
    said = mark("one policy samples, scores and learns: its ratios were off 1 by {first:.2g} and {sampled:.2g} at most")
    if max(ratios.values()) <= limit:
        return Check("RATIO", said, evidence)
    words = mark(
        "the policy that learns is not the one that sampled: before any step the mean of |ratio - 1| was {first:.2g}, "
        "of scored against sampled tokens {sampled:.2g}; more than {limit:.2g} is no rounding"
    )
    fix = mark(
        "make both passes equal: dropout off, the same temperature, the attention mask, position_ids counted from the "
        "first real token, and the logit before a token for the token"
    )
    return Check("RATIO", said, evidence, Finding("RATIO", "is", words, evidence, fix))


def wide_ratio(record: Record) -> Check | None:
    """Whether the policy moves too far within one batch."""
    values = record.column("ratio_max")
    share = sum(value > LARGEST for value in values) / len(values)
    evidence = {"highest": max(values), "share": share, "limit": LARGEST}
    said = mark(
        "tokens became at most {highest:.3g}x as probable within a batch, above {limit:g}x in {share:.0%} of them"
    )
    if share <= OFTEN:
        return Check("RATIO-MAX", said, evidence)
    words = mark(
        "in {share:.0%} of the batches a token became more than {limit:g}x as probable, {highest:.3g}x at most: the "
        "steps are too large"
    )
    fix = mark("lower the learning rate or the number of epochs")
    return Check("RATIO-MAX", said, evidence, Finding("RATIO-MAX", "consistent with", words, evidence, fix))


def negative_entropy(record: Record) -> Check | None:
    """Whether an entropy over a vocabulary, which cannot be negative, is."""
    values = record.column("entropy")
    evidence = {"lowest": min(values), "last": values[-1]}
    said = mark("the entropy of the policy was {last:.3g} nats a token at the end, {lowest:.3g} at least")
    if evidence["lowest"] >= 0:
        return Check("ENTROPY-NEGATIVE", said, evidence)
    words = mark("the entropy was {lowest:.3g} nats, and that of a vocabulary is never negative")
    fix = mark("take padding out of the mean: weigh each token with the mask")
    return Check("ENTROPY-NEGATIVE", said, evidence, Finding("ENTROPY-NEGATIVE", "is", words, evidence, fix))


RATIO = Fault(
    "RATIO",
    About(
        mark("The policy that learns is not the one that sampled the completions."),
        mark(
            "Before the first step of an iteration the mean of |ratio - 1| is 0 in float32, 3e-3 in bfloat16; "
            "every wrong log-probability that was measured gave 3e-2 or more. It is taken twice: of the update "
            "against the scores, and of the scores against the tokens as they were sampled."
        ),
        mark("Some 1e-7 in float32: a cache sums in another order."),
        mark(
            "Put the model in evaluation mode, divide logits by the same temperature in every pass, hand over "
            "the attention mask and position_ids counted from the first real token, and take the logit before a "
            "token for the token."
        ),
        ("https://arxiv.org/abs/2403.17031",),
    ),
    ratio,
)
WIDE_RATIO = Fault(
    "RATIO-MAX",
    About(
        mark(
            "Within one batch tokens become many times as probable: the steps are too large for the clipping to hold."
        ),
        mark("The largest ratio is above 10 in more than a tenth of the iterations."),
        mark("One token in a million, once: rare tokens move by large factors."),
        mark("Lower the learning rate or the number of epochs, or take larger minibatches."),
        ("https://arxiv.org/abs/1707.06347",),
    ),
    wide_ratio,
)
NEGATIVE_ENTROPY = Fault(
    "ENTROPY-NEGATIVE",
    About(
        mark("The entropy of a distribution over words is told as negative, which it cannot be."),
        mark("The entropy of an iteration is below 0 in any row."),
        mark("None: only a density, as of continuous actions, has a negative entropy."),
        mark(
            "Padding stands in the mean, most often with a sentinel for its log-probability: weigh every token "
            "with the mask."
        ),
        ("https://github.com/huggingface/trl/issues/2022",),
    ),
    negative_entropy,
)

JUDGES = (
    RATIO,
    NEGATIVE_ENTROPY,
    reference.NEGATIVE_KL,
    reference.FAR,
    reference.HACKING,
    completions.FLAT_REWARD,
    completions.UNENDED,
    completions.LENGTHS,
    completions.DUPLICATES,
    WIDE_RATIO,
)


def judge_language(record: Record) -> list[Check]:
    """What each judge says of a Record, in order; an empty Record has nothing to say."""
    return [check for judge in JUDGES if record.rows and (check := judge.seen(record))]
