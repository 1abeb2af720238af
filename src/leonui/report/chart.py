"""What every chart has: a look, texts in every language, a caption, and words for a reader who cannot see it.

Colours stand in a figure as names of the page's style, ``var(--climb)``: the page puts in those of its light or dark
scheme.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from leonui.report.text import Text, say

BASELINE, CLIMB, QUIET = "var(--baseline)", "var(--climb)", "var(--ink-soft)"


class Lexicon:
    """The texts inside one chart: gives the English for the figure, and keeps all languages for the page."""

    def __init__(self) -> None:
        self.texts: dict[str, dict[str, str]] = {}

    def __call__(self, template: str, /, **values: Any) -> str:
        text = say(template, **values)
        self.texts[str(text)] = text.forms
        return str(text)


@dataclass
class Chart:
    """One chart of a report."""

    name: str
    title: Text
    caption: Text
    spoken: Text
    figure: go.Figure = field(repr=False)
    words: Lexicon = field(repr=False)

    def spec(self) -> dict[str, Any]:
        """What the page needs to draw it, as plain values."""
        return {"figure": json.loads(self.figure.to_json() or "{}"), "words": self.words.texts}


def blank(x_title: str, y_title: str, **layout: Any) -> go.Figure:
    """A figure without traces, in the look of the page."""
    figure = go.Figure(layout={"template": "none", **_LOOK, **layout})
    figure.update_xaxes(title_text=x_title, **_AXIS)
    figure.update_yaxes(title_text=y_title, **_AXIS)
    return figure


_LOOK: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": "var(--font)", "size": 13, "color": QUIET},
    "margin": {"l": 12, "r": 12, "t": 12, "b": 12},
    "hoverlabel": {"bgcolor": "var(--card)", "bordercolor": "var(--line)", "font": {"color": "var(--ink)"}},
    "legend": {
        "orientation": "h",
        "x": 0,
        "y": 0,
        "yref": "container",
        "yanchor": "bottom",
        "font": {"color": "var(--ink)"},
    },
    "uirevision": "kept",
}

_AXIS: dict[str, Any] = {
    "automargin": True,
    "gridcolor": "var(--grid)",
    "linecolor": "var(--line)",
    "showline": True,
    "zeroline": False,
    "title_standoff": 10,
    "title_font_size": 13,
    "tickformat": "~g",
}


def scale(values: Sequence[float], ratio: float = 10) -> str:
    """The kind of axis that shows values best: "log" where all are above 0 and reach over a factor of ``ratio``."""
    return "log" if values and min(values) > 0 and max(values) / min(values) >= ratio else "linear"


def ticks(kind: str, low: float, high: float) -> dict[str, Any]:
    """The marks of an axis: of a logarithmic one 1, 2, 5, 10, or only powers of ten where it spans more than three."""
    if kind != "log":
        return {"type": kind}
    powers = math.log10(high / low)
    return {"type": "log", "dtick": "D2" if powers <= 3 else math.ceil(powers / 7)}


def span(kind: str, low: float, high: float, room: float = 0.05) -> list[float]:
    """The range of an axis with some room at both ends, as Plotly wants it: in powers of ten if the axis is "log"."""
    first, last = (math.log10(low), math.log10(high)) if kind == "log" else (low, high)
    space = room * (last - first) or abs(last) * room or room
    return [first - space, last + space]
