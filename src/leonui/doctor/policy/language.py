"""What is wrong with RLHF on a language model: each judge reads the rows of its Record.

Thresholds: measured log-prob faults give a mean of |ratio - 1| of 3e-2 and more, bfloat16 alone 3e-3, float32 0.
"""

from __future__ import annotations

from collections.abc import Callable

from leonui.doctor.policy.rows import SUSTAINED, ends, step, sustained
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

Judge = Callable[[Record], Check | None]
RATIO = {"float32": 1e-3, "float64": 1e-3}
RATIO_HALF = 2e-2  # bfloat16 and float16
NEGATIVE, LEAST_KL = 0.05, 0.05  # of k3; nats, below which the mean of few samples may well be negative
OVER = 2.0  # times the target
HACKED = 10.0  # nats
TREND = 2.0  # times the length
UNENDED, SAME = 0.3, 0.5  # of the completions
LARGEST, OFTEN = 10.0, 0.1  # a ratio; in this share of the rows, for one token of a million says little


def judge_language(record: Record) -> list[Check]:
    """What each judge says of a Record, in order; an empty Record has nothing to say."""
    return [check for judge in JUDGES if record.rows and (check := judge(record))]


def _over(record: Record, name: str, limit: float) -> tuple[list[float], int | None]:
    values = record.column(name)
    return values, sustained([value > limit for value in values])


def ratio(record: Record) -> Check | None:
    """Whether the policy that is updated is the one that is scored, and that one the one that is sampled."""
    limit = RATIO.get(record.last("rlhf").get("dtype", "float32"), RATIO_HALF)
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
    values, at = _over(record, "kl", OVER * target)
    evidence = {"target": target, "last": ends(values)[1], "highest": max(values)}
    said = mark("the KL target was held: {last:.3g} nats at the end, {target:.3g} wanted")
    if at is None:
        return Check("KL-HIGH", said, evidence)
    evidence |= {"step": step(record, at)}
    words = mark("the KL to the reference went to {highest:.3g} nats from step {step} on, {target:.3g} were wanted")
    fix = mark("lower the learning rate or the number of epochs, or begin with a higher beta")
    return Check("KL-HIGH", said, evidence, Finding("KL-HIGH", "is", words, evidence, fix))


def hacking(record: Record) -> Check | None:
    """Whether the reward rises while the policy leaves its reference far behind."""
    (before, after), target = ends(record.column("reward")), record.last("rlhf").get("target") or 0.0
    values, at = _over(record, "kl", max(HACKED, OVER * target))
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


def lengths(record: Record) -> Check | None:
    """Whether completions become much longer or shorter."""
    if len(record.rows) < 2 * SUSTAINED:
        return None
    before, after = ends(record.column("length"))
    evidence = {"before": before, "after": after}
    said = mark("the length of the completions held: {before:.3g} tokens at first, {after:.3g} at the end")
    if 1 / TREND <= after / before <= TREND:
        return Check("LENGTH-DRIFT", said, evidence)
    words = mark("the completions went from {before:.3g} to {after:.3g} tokens: the reward may be one of length")
    fix = mark("look whether the reward grows with length alone; take it off, or hold the KL tighter")
    return Check("LENGTH-DRIFT", said, evidence, Finding("LENGTH-DRIFT", "consistent with", words, evidence, fix))


def unended(record: Record) -> Check | None:
    """Whether completions end by themselves, where they can."""
    if not record.last("rlhf").get("eos"):
        return None
    values, _ = _over(record, "no_eos", UNENDED)
    evidence = {"last": ends(values)[1]}
    said = mark("completions end by themselves: {last:.0%} of the last ones were cut")
    if evidence["last"] <= UNENDED:
        return Check("NO-EOS", said, evidence)
    words = mark("{last:.0%} of the last completions did not end and were cut: they were judged as if they were whole")
    fix = mark("let them be longer, or take something off the score of those that do not end: Sampling(missing_eos=1)")
    return Check("NO-EOS", said, evidence, Finding("NO-EOS", "is", words, evidence, fix))


def flat_reward(record: Record) -> Check | None:
    """Whether the reward tells completions apart."""
    values = record.column("reward_std")
    at = sustained([value == 0 for value in values])
    evidence = {"last": ends(values)[1]}
    said = mark("the reward tells completions apart: its standard deviation was {last:.3g} at the end")
    if at is None:
        return Check("REWARD-FLAT", said, evidence)
    evidence |= {"step": step(record, at)}
    words = mark("from step {step} on every completion got the same reward: there was nothing to learn from it")
    fix = mark("give a reward with steps between, other prompts, or stop: it may be solved")
    return Check("REWARD-FLAT", said, evidence, Finding("REWARD-FLAT", "is", words, evidence, fix))


def duplicates(record: Record) -> Check | None:
    """Whether the policy says the same again and again."""
    values, at = _over(record, "duplicates", SAME)
    evidence = {"highest": max(values), "last": ends(values)[1]}
    said = mark("completions differ: {last:.0%} of the last ones stood there more than once")
    if at is None:
        return Check("DUPLICATES", said, evidence)
    evidence |= {"step": step(record, at)}
    words = mark(
        "from step {step} on more than half of the completions stood there more than once, {highest:.0%} at most"
    )
    fix = mark("hold the KL tighter, lower the learning rate, or give more prompts")
    return Check("DUPLICATES", said, evidence, Finding("DUPLICATES", "consistent with", words, evidence, fix))


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


JUDGES: tuple[Judge, ...] = (
    ratio,
    negative_entropy,
    negative_kl,
    far,
    hacking,
    flat_reward,
    unended,
    lengths,
    duplicates,
    wide_ratio,
)
