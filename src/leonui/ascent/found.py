"""What a climb came to: the verdict, the rate, what to write into the script, the curves."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leonui.record import Record

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 720  # of the report in a notebook, in pixels


@dataclass(frozen=True, repr=False)
class ClimbFinding:
    """A climb of a program; ``result`` is what ``leonui climb --json`` prints. A notebook shows its report.

    >>> found = ClimbFinding(
    ...     {"verdict": "better", "lr": 0.3, "scale": 3.0, "difference": -0.1, "interval": [-0.2, -0.05]}
    ... )
    >>> found.verdict, found.lr, found.interval
    ('better', 0.3, (-0.2, -0.05))
    """

    result: dict[str, Any]

    @property
    def verdict(self) -> str | None:
        """better, worse, no_difference or the like; None where the climb did not come so far."""
        return self.result.get("verdict")

    @property
    def lr(self) -> float | None:
        """The learning rate of the better training."""
        return self.result.get("lr")

    @property
    def scale(self) -> float | None:
        """The factor on the script's own rates."""
        return self.result.get("scale")

    @property
    def difference(self) -> float | None:
        """The climb's mean final loss, or metric, minus that of the script as it is."""
        return self.result.get("difference")

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the difference: over seeds, or over batches where there is one seed."""
        ends = self.result.get("interval")
        return (ends[0], ends[1]) if ends else None

    @property
    def changes(self) -> list[dict[str, Any]]:
        """What to write into the script, if the climb was better."""
        return self.result.get("changes") or []

    @property
    def report(self) -> Path | None:
        """The page of the climb."""
        path = self.result.get("report")
        return Path(path) if path else None

    def plot(self) -> go.Figure:
        """A Plotly figure: the loss on the way, of the script as it is and of the climb."""
        from leonui.report import climb_figure

        return climb_figure(self.result, *map(self._record, ("baseline", "climb")))

    def __repr__(self) -> str:
        if self.verdict is None:
            return f"no verdict: {', '.join(found['code'] for found in self.result.get('findings') or [])}"
        return f"{self.verdict}: lr {self.lr:.3g}" if self.lr else self.verdict

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return self.result

    def _record(self, who: str) -> Record | None:
        name = (self.result.get("trials") or {}).get(who)
        return Record.read(self.report.parent / "trials" / name) if name and self.report else None

    def _repr_html_(self) -> str | None:
        if self.report is None or not self.report.is_file():
            return None
        page = html.escape(self.report.read_text(encoding="utf-8"))
        return f'<iframe srcdoc="{page}" style="width: 100%; height: {HEIGHT}px; border: 0" title="leonui"></iframe>'
