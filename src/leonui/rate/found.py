"""What was found: the rate, how sure it is, what being off would cost, where to write it, what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leonui.patch import patch

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, repr=False)
class LRFinding:
    """The learning rate of a program; ``result`` holds everything as plain values, as ``leonui lr --json`` prints it.

    >>> found = LRFinding({"lr": 0.3, "interval": [0.2, 0.5], "status": "ok", "steps": 900})
    >>> found.lr, found.interval, found.status
    (0.3, (0.2, 0.5), 'ok')
    """

    result: dict[str, Any]

    @property
    def lr(self) -> float | None:
        """The highest rate of the first group over the run; None where no rate can be given."""
        return self.result.get("lr")

    @property
    def scale(self) -> float | None:
        """The factor on all of the script's own rates, its schedule and groups included."""
        return self.result.get("scale")

    @property
    def per_group(self) -> list[float]:
        """The highest rate of each group of each optimizer."""
        return self.result.get("per_group") or []

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the best rate lies with a probability of 80%."""
        ends = self.result.get("interval")
        return (ends[0], ends[1]) if ends else None

    @property
    def lost(self) -> dict[float, tuple[float, float]]:
        """The predicted share of the loss reduction that is lost at a rate 2, 3, 10 times too low, and too high."""
        return {row["factor"]: (row["low"], row["high"]) for row in self.result.get("lost") or []}

    @property
    def status(self) -> str:
        """ok, flat, edge, needs_warmup, not_learning or overfit_horizon."""
        return self.result.get("status") or "not_learning"

    @property
    def steps(self) -> int:
        """The optimizer steps and coasted batches that it took."""
        return self.result.get("steps") or 0

    @property
    def rungs(self) -> list[dict[str, Any]]:
        """Each rung: its steps, the rates, the loss of each and its standard error."""
        return self.result.get("rungs") or []

    def patch(self) -> str:
        """The line to change, as a unified diff; empty where there is none to show."""
        return patch(self.result.get("file"), self.result.get("line"), self.result.get("scale"))

    def plot(self) -> go.Figure:
        """A Plotly figure: loss against learning rate, the ramp, every rung, the script's rate and the one found."""
        from leonui.report import rate_figure

        return rate_figure(self.result)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return self.result

    def __repr__(self) -> str:
        if self.lr is None:
            return f"no learning rate: {self.status}"
        low, high = self.interval or (self.lr, self.lr)
        return f"lr {self.lr:.3g} (80%: {low:.3g} to {high:.3g}), {self.status}"
