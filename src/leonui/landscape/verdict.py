"""What became of a climb, in one word and the step at which it was decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from leonui.words import mark

if TYPE_CHECKING:
    from leonui.landscape.surface import Surface

CLOSE = 1e-3  # of the way down from the start to the floor: who is that near has arrived
LEVEL = 1e-3  # a slope below this share of the surface's own is none

SAYINGS = {
    "converged": mark("converged at step {step}"),
    "local": mark("in a local minimum since step {step}, {above:.3g} above the lowest"),
    "saddle": mark("stuck at a saddle since step {step}"),
    "flat": mark("stuck on level ground, where the gradient is {slope:.2g}"),
    "oscillates": mark("oscillates at a loss of {loss:.3g}"),
    "diverged": mark("diverged at step {step}"),
    "fell": mark("went off the map at step {step}: there is no floor"),
    "rising": mark("higher than at the start, at a loss of {loss:.3g}"),
    "descending": mark("still descending, at a loss of {loss:.3g}"),
    "nowhere": mark("ended at step {step}, where there is no gradient"),
}


@dataclass(frozen=True)
class Verdict:
    """``kind``: a key of SAYINGS; ``figures``: what its words ask for: step, above (the floor), slope."""

    kind: str
    figures: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return SAYINGS[self.kind].format(**self.figures)


def judge(surface: Surface, points: np.ndarray, losses: np.ndarray, steps: int, how: Any) -> Verdict:
    """The verdict on a path of ``steps`` steps under Conditions, of which every ``how.every``-th point is there."""
    if steps < how.steps:
        return _ended(surface, losses, steps)
    drop = max(losses[0] - surface.floor, CLOSE * surface.height)
    above, near = float(losses[-1] - surface.floor), float(CLOSE * drop)
    if abs(above) <= near:
        return Verdict("converged", {"step": since(np.abs(losses - surface.floor) <= near) * how.every})
    kind = "oscillates" if _bounces(points, losses) else "rising" if losses[-1] > losses[0] else "descending"
    return _rest(surface, points, losses, near, how.every) or Verdict(kind, {"loss": float(losses[-1])})


def _rest(surface: Surface, points: np.ndarray, losses: np.ndarray, near: float, every: int) -> Verdict | None:
    """Where a path came to rest that is not the floor; None if it did not."""
    end = torch.from_numpy(points[-1])
    slope, matrix = surface.gradient(end), surface.hessian(end.tolist())
    window = max(high - low for low, high in surface.window)
    steep, size = surface.height / window, float(slope.norm())
    if _moves(points, window) or not bool(matrix.isfinite().all()):
        return None
    curved, settled = torch.linalg.eigvalsh(matrix), since(np.abs(losses - losses[-1]) <= near) * every
    if curved[0] > 0 and float(slope @ torch.linalg.solve(matrix, slope)) / 2 <= max(near, CLOSE * surface.height):
        above = float(losses[-1] - surface.floor)
        return Verdict("local", {"step": settled, "above": above}) if above > 0 else None
    if size < LEVEL * steep and (curved[0] < 0 or (len(curved) > 1 and curved.abs().max() < LEVEL * steep / window)):
        return Verdict("saddle", {"step": settled})
    level = size < 100 * LEVEL * steep and not _bounces(points, losses)
    return Verdict("flat", {"slope": size}) if level else None


def _ended(surface: Surface, losses: np.ndarray, steps: int) -> Verdict:
    last = losses[-1]
    if last < -surface.height:
        return Verdict("fell", {"step": steps})
    if abs(last - surface.floor) <= CLOSE * max(losses[0] - surface.floor, CLOSE * surface.height):
        return Verdict("converged", {"step": steps})
    high = not np.isfinite(last) or abs(last) > surface.height
    return Verdict("diverged" if high else "nowhere", {"step": steps})


def since(holds: np.ndarray) -> int:
    """The first row from which on it always holds."""
    fails = np.flatnonzero(~holds)
    return int(fails[-1]) + 1 if len(fails) else 0


def _last_quarter(values: np.ndarray) -> np.ndarray:
    return values[-max(4, len(values) // 4) :]


def _moves(points: np.ndarray, window: float) -> bool:
    """Whether the last quarter of a path still went somewhere: by a hundredth of the way, or of the window."""
    extent, recent = np.ptp(points, axis=0).max(), np.ptp(_last_quarter(points), axis=0).max()
    return bool(recent > 1e-2 * max(min(extent, window), window / 10))


def _bounces(points: np.ndarray, losses: np.ndarray) -> bool:
    """Whether the last quarter went to and fro: most steps against the one before, or the loss as high as ever."""
    if len(points) < 4:
        return False
    moves = np.diff(_last_quarter(points), axis=0)
    turns = (moves[1:] * moves[:-1]).sum(axis=1) < 0
    recent = _last_quarter(losses)
    half = len(recent) // 2
    no_lower = recent[half:].mean() >= 0.98 * recent[:half].mean()
    return bool(turns.mean() > 0.5 or (no_lower and turns.any()))
