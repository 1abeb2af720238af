"""What the gradient norms and the loss scale of a log look like."""

from __future__ import annotations

import math

import numpy as np

from leonui.doctor.log.digest import Curve
from leonui.doctor.log.noise import noise
from leonui.doctor.log.past import Past
from leonui.finding import Check, Finding
from leonui.words import mark

# Chosen on logs of the development workloads of bench/faults, then frozen.
LEAST = 20  # points of a curve
SPIKE = 10.0  # times the median norm of the points before
STRANGE = 6.0  # robust standard deviations of the logarithms of norms
SURELY = 4.0  # standard deviations of losses
JUMPS = 2  # of them, where the run recovers from each
BEFORE, AFTER = 20, 5  # points
BEGINS = 0.05  # of the run: the first gradients are large
HALVES = 5.0  # times that a scale was halved in the second half of a run and not doubled again


def spikes(past: Past) -> Check | None:
    """Whether single gradient norms stand out, and the loss jumps with them: more than once, or for good."""
    norms, losses = past.curve(past.norm), past.curve(past.loss)
    if len(norms) < LEAST or len(losses) < LEAST:
        return None
    evidence = {"most": float(norms.most.max()), "median": float(np.median(norms.mean)), "count": 0}
    said = mark("gradients did not explode: the largest norm was {most:.3g}, the median {median:.3g}")
    jumps = [at for at in _spikes(norms) if _jumps(losses, norms.at[at])]
    if not jumps or (len(jumps) < JUMPS and _recovers(losses, norms.at[jumps[0]])):
        return Check("SPIKES", said, evidence)
    worst = max(jumps, key=lambda at: norms.most[at])
    evidence |= {"most": float(norms.most[worst]), "count": len(jumps), "step": int(norms.at[worst])}
    words = mark(
        "the gradient's norm jumped to {most:.3g} at step {step} (median {median:.3g}), and the loss jumped with it; "
        "such jumps: {count}"
    )
    fix = mark("clip the gradients between backward() and step()")
    return Check("SPIKES", said, evidence, Finding("EXPLODING", "consistent with", words, evidence, fix))


def _spikes(norms: Curve) -> list[int]:
    """Where a norm stands out from those before it; the first ones of a run are large anyway."""
    logs = np.log(np.maximum(norms.most, 1e-300))
    spread = max(STRANGE * noise(logs), math.log(SPIKE))
    begin = max(BEFORE // 2, int(BEGINS * len(norms)))
    found: list[int] = []
    for at in range(begin, len(norms)):
        stands = logs[at] - np.median(logs[max(0, at - BEFORE) : at]) > spread
        if stands and (not found or at > found[-1] + AFTER):
            found.append(at)
    return found


def _jumps(losses: Curve, step: float) -> bool:
    """Whether the losses after a step are surely above those before it, one alone not counted."""
    at, then = np.searchsorted(losses.at, step, "left"), np.searchsorted(losses.at, step, "right")
    before, after = losses.mean[max(0, at - BEFORE) : at], losses.mean[then : then + AFTER]
    if len(before) < AFTER or len(after) < 2:
        return False
    return float(np.median(after[:3])) > float(before.mean()) + SURELY * max(float(before.std()), noise(losses.mean))


def _recovers(losses: Curve, step: float) -> bool:
    """Whether the loss is in the end below that before the step."""
    at = int(np.searchsorted(losses.at, step, "left"))
    before, end = losses.mean[max(0, at - BEFORE) : at], losses.mean[-BEFORE:]
    return float(end.mean()) <= float(before.mean())


def scale(past: Past) -> Check | None:
    """Whether the scale of mixed precision is still being halved in the second half of the run."""
    scales = past.curve(past.scale).mean
    if len(scales) < LEAST or not scales[0] > 0:
        return None
    middle, last = float(scales[len(scales) // 2 - 1]), float(scales[-1])
    halves = math.log2(middle / last) if middle > 0 and last > 0 else math.inf * (middle > 0)
    evidence = {"first": float(scales[0]), "middle": middle, "last": last}
    said = mark("the loss scale held: {middle:.4g} in the middle of the run, {last:.4g} at its end")
    if not halves >= HALVES:
        return Check("SCALE", said, evidence)
    words = mark(
        "the loss scale falls and falls: {first:.4g} at first, {middle:.4g} in the middle, {last:.4g} at the end: "
        "gradients overflow again and again, and their steps are left out"
    )
    fix = mark("use bfloat16, or keep the layer that overflows in float32; the loss itself may be infinite")
    return Check("SCALE", said, evidence, Finding("AMP-SKIPS", "consistent with", words, evidence, fix))
