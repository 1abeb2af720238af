"""What was drawn: the path, the loss around it, the curvature on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class LossLandscape:
    """The landscape of a program; ``result`` is what ``leonui landscape --json`` prints, plain values.

    >>> found = LossLandscape({"verdict": "below", "explained": [0.9, 0.05], "path": [[1.0, 0.0, 2.3, 0]]})
    >>> found.verdict, round(found.explained, 3), found.path
    ('below', 0.95, [[1.0, 0.0, 2.3, 0]])
    """

    result: dict[str, Any] = field(repr=False)

    @property
    def verdict(self) -> str:
        """below, edge or beyond what the rate can bear; seen where that is not known; diverged; none."""
        return self.result.get("verdict") or "none"

    @property
    def path(self) -> list[list[float]]:
        """Each kept place: x, y, loss, and the steps that had been made."""
        return self.result.get("path") or []

    @property
    def plane(self) -> dict[str, Any]:
        """The loss around the path: "x" [n], "y" [n], and "loss" [n, n], a row for each y."""
        return self.result.get("plane") or {}

    @property
    def explained(self) -> float:
        """The share of the path's variance that lies in the plane."""
        return sum(self.result.get("explained") or [])

    @property
    def curvature(self) -> list[list[float | None]]:
        """Each measurement: step, lambda_max, and the lambda_max that the rate could bear, 2 / lr for SGD."""
        return self.result.get("curvature") or []

    def plot(self) -> go.Figure:
        """A Plotly figure: the loss around the path, and the path."""
        from leonui.report import landscape_figure

        return landscape_figure(self.result)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return self.result
