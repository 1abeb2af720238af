"""What to change in the script, with file and line, to have by itself what the climb had by intervention."""

from __future__ import annotations

from typing import Any

from leonui.ascent.regime import warmup as warmup_steps
from leonui.record import Record
from leonui.runs import shown


def changes(record: Record, scale: float, steps: int, clip: float | None) -> list[dict[str, Any]]:
    """Each change as file, line, from, to; from a baseline's record, which knows where things were made."""
    made, head = record.named("optimizer"), record.last("trailhead")
    found = [_rates(optimizer, scale) for optimizer in made]
    scheduler = record.last("scheduler")
    before = scheduler.get("name") or "constant lr"
    place = scheduler.get("place") or (made[-1]["place"] if made else "")
    found.append(_at(place, before, schedule_code(steps)))
    if clip:
        code = f"torch.nn.utils.clip_grad_norm_(model.parameters(), {clip:g}) before optimizer.step()"
        found.append(_at(head.get("place", ""), "optimizer.step()", code))
    return found


def schedule_code(steps: int) -> str:
    """The climb's warm-up and decay as one line of torch."""
    warmup = warmup_steps(steps)
    rise, fall = f"(t + 1) / {warmup}", f"({steps} - t) / {steps - warmup}"
    schedule = f"torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: max(0.0, min({rise}, {fall})))"
    return f"{schedule}, stepped after each optimizer.step()"


def _rates(optimizer: dict[str, Any], scale: float) -> dict[str, Any]:
    rates = optimizer["lr"]
    before, after = (", ".join(f"{rate * factor:.3g}" for rate in rates) for factor in (1.0, scale))
    return _at(optimizer["place"], f"{optimizer['name']}(lr={before})", f"{optimizer['name']}(lr={after})")


def _at(place: str, before: str, after: str) -> dict[str, Any]:
    file, _, line = place.rpartition(":")
    return {"file": shown(file), "line": int(line) if line.isdigit() else None, "from": before, "to": after}
