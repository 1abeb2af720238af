"""What else is to be known of a rate that was found: what was assumed, and what warns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from leonui.finder.horizon import AGENT
from leonui.words import mark

if TYPE_CHECKING:
    from leonui.rate.job import Job

STATUSES = {
    "needs_warmup": mark("a warm-up over the first tenth of the run would train better; without one this is the rate"),
    "overfit_horizon": mark(
        "each sample is trained on {epochs:.0f} times: short trainings cannot see overfitting, a smaller rate or an "
        "earlier end may be better"
    ),
}
VALIDATED = mark(
    "each sample is trained on {epochs:.0f} times: the script's own validation judged the short trainings; a whole "
    "run may overfit more than they show"
)


def remarks(job: Job) -> list[dict[str, Any]]:
    """Each as a template and its figures."""
    return [{"template": template, "evidence": evidence} for template, evidence in _remarks(job)]


def _remarks(job: Job) -> Iterator[tuple[str, dict[str, Any]]]:
    search = job.search
    if search is None:
        return
    if job.status in STATUSES:
        validated = job.status == "overfit_horizon" and search.judge.site
        yield (
            VALIDATED if validated else STATUSES[job.status],
            {} if math.isnan(job.walk.epochs) else {"epochs": job.walk.epochs},
        )
    if job.walk.acts and not job.wishes.metric:
        yield AGENT, {}
    count = len(job.walk.named("optimizer"))
    if count > 1:
        words = mark("{count} optimizers train here: the rates of all are scaled together, by one factor")
        yield words, {"count": count}
    if job.walk.last("end").get("reason") == "budget":
        words = mark("the run is longer than the {steps} steps that could be walked; --steps tells how long it is")
        yield words, {"steps": job.steps}
    if not job.walk.named("scheduler") and job.moves and job.scale:
        words = mark("the script sets its rate itself at each step: multiply it there by {scale:.3g}")
        yield words, {"scale": job.scale}
    yield from _sharpness(job)


def _sharpness(job: Job) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where the rate exceeds what the curvature allows: a warning, not an answer."""
    for row in job.sharp.named("curvature"):
        limit = float(row.get("limit", math.nan))
        rates = [other["lr"][0] for other in job.sharp.rows if other["step"] == row["step"] and other.get("lr")]
        if rates and rates[0] > limit:
            words = mark(
                "at step {step} the curvature allows a rate of {limit:.2g}, and this one is {lr:.2g}: training there "
                "goes along the edge of stability; a warm-up is safer"
            )
            yield words, {"step": row["step"], "limit": limit, "lr": rates[0]}
            return
