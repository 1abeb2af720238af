"""What to change in the script, with file and line, to have by itself what the climb had by intervention."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from leonui.ascent.regime import warmup as warmup_steps
from leonui.record import Record
from leonui.runs import shown


@dataclass(frozen=True)
class Manner:
    """How a loop is told its rate, its schedule and its limit on gradients, in code."""

    rate: str = "{name}(lr={rate})"
    schedule: str = "torch.optim.lr_scheduler.LambdaLR(optimizer, {factor}), stepped after each optimizer.step()"
    clip: str = "torch.nn.utils.clip_grad_norm_(model.parameters(), {clip:g}) before optimizer.step()"


PLAIN = Manner()
LIGHTNING = Manner(
    schedule='configure_optimizers: {{"scheduler": LambdaLR(optimizer, {factor}), "interval": "step"}}',
    clip="Trainer(gradient_clip_val={clip:g})",
)
# by the package that steps for the script
MANNERS = {
    "transformers": Manner(
        rate="TrainingArguments(learning_rate={rate})",
        schedule='TrainingArguments(lr_scheduler_type="linear", warmup_steps={warmup})',
        clip="TrainingArguments(max_grad_norm={clip:g})",
    ),
    "lightning": LIGHTNING,
    "pytorch_lightning": LIGHTNING,
    "accelerate": Manner(clip="accelerator.clip_grad_norm_(model.parameters(), {clip:g}) before optimizer.step()"),
    "ignite": Manner(
        schedule="torch.optim.lr_scheduler.LambdaLR(optimizer, {factor}), stepped at Events.ITERATION_COMPLETED",
        clip="a process function of your own, with clip_grad_norm_(model.parameters(), {clip:g})",
    ),
    "skorch": Manner(
        schedule='callbacks=[LRScheduler(LambdaLR, lr_lambda={factor}, step_every="batch")]',
        clip="callbacks=[GradientNormClipping({clip:g})]",
    ),
    "keras": Manner(
        rate="{name}(learning_rate={rate})",
        schedule="a keras.optimizers.schedules.LearningRateSchedule: the rate times ({factor})(step)",
        clip="{name}(global_clipnorm={clip:g})",
    ),
}


def changes(record: Record, scale: float, steps: int, clip: float | None) -> list[dict[str, Any]]:
    """Each change as file, line, from, to; from a baseline's record, which knows where things were made.

    A limit on gradients that the script has already is no change.
    """
    made, head = record.named("optimizer"), record.last("trailhead")
    manner = MANNERS.get(head.get("by", ""), PLAIN)
    found = [_rates(optimizer, scale, manner) for optimizer in made]
    scheduler = record.last("scheduler")
    before = scheduler.get("name") or "constant lr"
    place = scheduler.get("place") or (made[-1]["place"] if made else "")
    found.append(_at(place, before, schedule_code(steps, manner)))
    limited = record.last("clip")
    if clip and limited.get("most") != clip:
        code = partial(manner.clip.format, name=made[-1]["name"] if made else "")
        before = _limit(limited, code) if limited else "optimizer.step()" if manner is PLAIN else "-"
        found.append(_at(limited.get("place") or head.get("place", ""), before, code(clip=clip)))
    return found


def _limit(limited: dict[str, Any], code: Callable[..., str]) -> str:
    """The limit on gradients that there is: the script's own line, or, where a trainer limits for it, in its words."""
    file, _, line = limited.get("place", "").rpartition(":")
    written = linecache.getline(file, int(line)).strip() if line.isdigit() else ""
    return written if "clip_grad" in written else code(clip=limited["most"]).partition(" before ")[0]


def schedule_code(steps: int, manner: Manner = PLAIN) -> str:
    """The climb's warm-up and decay as one line of code."""
    warmup = warmup_steps(steps)
    factor = f"lambda t: max(0.0, min((t + 1) / {warmup}, ({steps} - t) / {steps - warmup}))"
    return manner.schedule.format(factor=factor, warmup=warmup)


def _rates(optimizer: dict[str, Any], scale: float, manner: Manner) -> dict[str, Any]:
    rates, name = [*dict.fromkeys(optimizer["lr"])], optimizer["name"]
    before, after = (", ".join(f"{rate * factor:.3g}" for rate in rates) for factor in (1.0, scale))
    return _at(optimizer["place"], *(manner.rate.format(name=name, rate=rate) for rate in (before, after)))


def _at(place: str, before: str, after: str) -> dict[str, Any]:
    file, _, line = place.rpartition(":")
    return {"file": shown(file), "line": int(line) if line.isdigit() else None, "from": before, "to": after}
