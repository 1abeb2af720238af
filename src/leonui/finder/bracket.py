"""Where to look: from the relative size of one update, and from a ramp that raises the rate until training breaks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from leonui.record import Record

RATIOS = (1e-5, 1.0)  # the relative size of an update at the two ends of the ramp
ANYWHERE = (1e-4, 1e4)  # the range of factors where no update could be measured
FROM_ZERO = 1e3  # an update this large against the weights: they begin at zero, and a ratio means nothing
BROKEN_BY = 0.5  # of the first loss above it: the ramp has broken the training
IN_A_ROW = 3  # losses: one alone is a batch with a target far off


def span(dry: Record) -> tuple[float, float]:
    """The ramp's two factors: from an update that is a 1e-5th of the weights to one that is as large as they are."""
    ratios = [ratio for ratio in dry.column("update_ratio") if math.isfinite(ratio) and ratio > 0]
    if not ratios or ratios[0] > FROM_ZERO:
        return ANYWHERE
    return RATIOS[0] / ratios[-1], RATIOS[1] / ratios[-1]


def breaking(scales: Sequence[float], losses: Sequence[float]) -> float:
    """The first factor from which on the ramp's loss is not finite, or far above where it began; else the last."""
    calm = [loss for loss in losses[: max(3, len(losses) // 4)] if math.isfinite(loss)]
    if not calm:
        return scales[0]
    begin, noise = statistics.fmean(calm), statistics.pstdev(calm)
    limit = begin + max(4 * noise, BROKEN_BY * abs(begin))
    stays = [all(loss > limit for loss in losses[i : i + IN_A_ROW]) for i in range(len(losses))]
    broke = [above or not math.isfinite(loss) for above, loss in zip(stays, losses, strict=True)]
    return next((scale for scale, there in zip(scales, broke, strict=True) if there), scales[-1])
