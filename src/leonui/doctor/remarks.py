"""What is worth a word though nothing is wrong: said beside the findings, and never a verdict."""

from __future__ import annotations

import math
import statistics
from typing import Any

from leonui.record import Record
from leonui.words import mark

OFTEN = 0.8  # of the steps add up as many batches as is usual
LEAST = 200  # steps from which on the end of a run tells anything
NOISY = 0.1  # of the mean: a loss that scatters by less leaves nothing for a decay to win
CALM = 2.0  # standard errors


def remarks(record: Record) -> list[dict[str, Any]]:
    """All that a record of a run gives reason to say, as templates with their evidence."""
    return [said for said in (unheard(record), leftover(record), undecayed(record)) if said]


def unheard(record: Record) -> dict[str, Any] | None:
    """That there is no validation, in a training that is long enough for one."""
    if record.steps < LEAST or record.named("validation"):
        return None
    words = mark(
        "no loss is computed under torch.no_grad(), so nothing can be said of overfitting: add one on samples that are "
        "not trained on, after each epoch"
    )
    return {"template": words, "evidence": {}}


def leftover(record: Record) -> dict[str, Any] | None:
    """Batches at the end of an epoch that accumulation leaves over: they add to the next step, or are lost."""
    counts = [row["micro"] for row in record.rows if "micro" in row and row.get("phase", "train") == "train"]
    usual = statistics.mode(counts) if counts else 1
    more = [count for count in counts if count != usual]
    odd = set(more)
    if usual < 2 or len(more) < 2 or len(odd) > 1 or len(more) > (1 - OFTEN) * len(counts):
        return None
    evidence = {"usual": usual, "odd": more[0], "count": len(more), "steps": len(counts), "rest": more[0] - usual}
    if not usual < more[0] < 2 * usual:
        return None
    words = mark(
        "{count} of {steps} steps come after {odd} batches and not after {usual}: the last {rest} of an epoch wait for"
        " the next one's first step, or are lost where gradients are cleared there; make a step at the end of the epoch"
    )
    return {"template": words, "evidence": evidence}


def undecayed(record: Record) -> dict[str, Any] | None:
    """A rate that stays as it is to the end, where the loss only scatters: a decay would average that out."""
    rates = {tuple(row["lr"]) for row in record.rows if "lr" in row}
    losses = record.losses()
    if len(rates) != 1 or len(losses) < LEAST or not all(map(math.isfinite, losses)):
        return None
    third, fourth = losses[len(losses) // 2 : 3 * len(losses) // 4], losses[3 * len(losses) // 4 :]
    end, scatter = statistics.fmean(fourth), statistics.stdev(fourth)
    error = scatter * math.sqrt(1 / len(third) + 1 / len(fourth))
    if statistics.fmean(third) - end > CALM * error or scatter < NOISY * abs(end):
        return None
    words = mark(
        "the rate stays at {lr:.3g} to the end, where the loss no longer falls and scatters by {scatter:.0%}: one that"
        " falls to 0 may gain; leonui lr with --schedule constant --schedule linear tells how much"
    )
    return {"template": words, "evidence": {"lr": max(min(rates)), "scatter": scatter / abs(end)}}
