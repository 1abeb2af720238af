"""What completions are like: how they differ in reward, how they end, how long and how alike they are."""

from __future__ import annotations

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy.rows import SUSTAINED, ends, over, step, sustained
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

TREND = 2.0  # times the length
CUT, SAME = 0.3, 0.5  # of the completions


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


def unended(record: Record) -> Check | None:
    """Whether completions end by themselves, where they can."""
    if not record.last("rlhf").get("eos"):
        return None
    values, _ = over(record, "no_eos", CUT)
    evidence = {"last": ends(values)[1]}
    said = mark("completions end by themselves: {last:.0%} of the last ones were cut")
    if evidence["last"] <= CUT:
        return Check("NO-EOS", said, evidence)
    words = mark("{last:.0%} of the last completions did not end and were cut: they were judged as if they were whole")
    fix = mark("let them be longer, or take something off the score of those that do not end: Sampling(missing_eos=1)")
    return Check("NO-EOS", said, evidence, Finding("NO-EOS", "is", words, evidence, fix))


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


def duplicates(record: Record) -> Check | None:
    """Whether the policy says the same again and again."""
    values, at = over(record, "duplicates", SAME)
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


FLAT_REWARD = Fault(
    "REWARD-FLAT",
    About(
        mark("Every completion gets the same reward, so there is nothing to learn from."),
        mark("The standard deviation of the reward over an iteration is 0 for five in a row."),
        mark("A task that is solved: every completion gets the full reward. Then stop."),
        mark(
            "Give a reward with steps between all and nothing, prompts that are sometimes answered well, or "
            "more completions of each."
        ),
        ("https://arxiv.org/abs/2503.14476",),
    ),
    flat_reward,
)
UNENDED = Fault(
    "NO-EOS",
    About(
        mark("Completions are cut at their greatest length and judged as if they were whole."),
        mark("More than 30% of the last completions did not come to an end-of-text token, where there is one."),
        mark("A task of fixed length, for which cutting is what is meant: give Sampling(eos=())."),
        mark(
            "Let completions be longer, or take something off the score of those that do not end: "
            "Sampling(missing_eos=1)."
        ),
        ("https://arxiv.org/abs/2403.17031",),
    ),
    unended,
)
LENGTHS = Fault(
    "LENGTH-DRIFT",
    About(
        mark("Completions become much longer or shorter: the reward may be one of length."),
        mark(
            "The mean length of the last tenth of the iterations is more than twice, or less than half, that of "
            "the first tenth."
        ),
        mark("A task for which a longer or shorter answer is better indeed."),
        mark("Look whether the reward grows with length alone; take that part off, or hold the KL tighter."),
        ("https://arxiv.org/abs/2310.03716",),
    ),
    lengths,
)
DUPLICATES = Fault(
    "DUPLICATES",
    About(
        mark("The policy says the same again and again."),
        mark(
            "More than half of an iteration's completions stand among them more than once, for five iterations "
            "in a row."
        ),
        mark("Answers of a word or two, of which there are only a few."),
        mark("Hold the KL tighter, lower the learning rate, or give more prompts."),
        ("https://arxiv.org/abs/2310.06452",),
    ),
    duplicates,
)
