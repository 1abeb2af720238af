"""What must not be in a batch: steps that were resets, observations that leave their scale, gradients that break."""

from __future__ import annotations

import math
from statistics import fmean

from leonui.doctor.fault import About, Fault
from leonui.doctor.policy.rows import column, settled
from leonui.finding import Check, Finding
from leonui.record import Record
from leonui.words import mark

BEYOND = 0.01  # of the numbers of the observations
ALWAYS = 0.95  # of the steps


def look_reset(record: Record) -> Check | None:
    """Whether steps that only reset an environment were learned from."""
    values = column(record, "resets_kept")
    if not values:
        return None
    evidence = {"count": round(sum(values))}
    said = mark("no reset was learned from: {count} transitions that only began an episode")
    if not evidence["count"]:
        return Check("RESET", said, evidence)
    words = mark("{count} steps were learned from that only reset an environment: their actions were never carried out")
    fix = mark(
        "with gymnasium's NEXT_STEP autoreset leave out the step after an end; its observation is the last one of the "
        "episode that ended"
    )
    return Check("RESET", said, evidence, Finding("PPO-RESET", "is", words, evidence, fix))


def look_scale(record: Record) -> Check | None:
    """Whether normalised observations keep within ten deviations, and evaluation leaves the normaliser alone."""
    values = column(record, "observations_cut")
    moved = [event for event in record.named("evaluation") if event.get("normaliser_moved")]
    if not values and not moved:
        return None
    evidence = {"share": fmean(settled(values) or values or [0.0]), "count": len(moved)}
    said = mark("normalised observations keep their scale: {share:.2%} were beyond ten deviations and were cut")
    if moved:
        words = mark("the normaliser went on learning in {count} evaluations: they measure another policy")
        fix = mark("freeze the normaliser while evaluating, and save it with the weights")
        return Check("NORMALISER", said, evidence, Finding("PPO-NORMALISER", "is", words, evidence, fix))
    if evidence["share"] <= BEYOND:
        return Check("NORMALISER", said, evidence)
    words = mark("{share:.1%} of the normalised observations were beyond ten deviations and were cut")
    fix = mark(
        "look at observations that hardly ever change or are without bounds; was the normaliser saved and loaded?"
    )
    return Check("NORMALISER", said, evidence, Finding("PPO-NORMALISER", "consistent with", words, evidence, fix))


def look_gradient(record: Record) -> Check | None:
    """Whether the policy's gradient is finite, and clipping it is not the rule."""
    norms, clipped = column(record, "grad_policy"), column(record, "grad_clipped")
    if not norms:
        return None
    evidence = {"share": fmean(clipped) if clipped else 0.0, "broken": sum(not math.isfinite(norm) for norm in norms)}
    said = mark("the policy's gradient is finite, and was clipped in {share:.0%} of the steps")
    if evidence["broken"]:
        words = mark("the policy's gradient was no number in {broken} updates")
        fix = mark("look for log(0), a deviation of 0, or an observation or reward that is no number")
        return Check("GRADIENT", said, evidence, Finding("PPO-GRADIENT", "is", words, evidence, fix))
    if evidence["share"] <= ALWAYS:
        return Check("GRADIENT", said, evidence)
    words = mark("the policy's gradient was clipped in {share:.0%} of the steps: the clipping sets the pace")
    fix = mark("normalise the advantages, or raise max_norm and lower the learning rate")
    return Check("GRADIENT", said, evidence, Finding("PPO-GRADIENT", "consistent with", words, evidence, fix))


RESET = Fault(
    "PPO-RESET",
    About(
        mark("Steps are learned from that only reset an environment."),
        mark("With NEXT_STEP autoreset the step after an end ignores its action; those in the batch are counted."),
        mark("SAME_STEP autoreset, where every step is one; there the last observation is in info['final_obs']."),
        mark("Leave these steps out with a mask."),
        ("https://farama.org/Vector-Autoreset-Mode",),
    ),
    look_reset,
)
NORMALISER = Fault(
    "PPO-NORMALISER",
    About(
        mark("Observations leave the scale that they were normalised to, or the normaliser learns while it evaluates."),
        mark("The share of numbers beyond ten deviations, above 1% after the first tenth; moments before and after."),
        mark("The first updates, before the moments are known."),
        mark("Save the normaliser with the weights, freeze it while evaluating."),
    ),
    look_scale,
)
GRADIENT = Fault(
    "PPO-GRADIENT",
    About(
        mark("The policy's gradient is no number, or clipped at nearly every step."),
        mark("Its norm before clipping, at every step."),
        mark("A critic's gradient is large as long as returns are: clipped alone it harms nobody."),
        mark("Normalise advantages; choose the clipping above the usual norm."),
    ),
    look_gradient,
)
