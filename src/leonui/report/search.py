"""The chart of the learning-rate search: what every learning rate that was tried led to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from leonui.report.chart import BASELINE, CLIMB, QUIET, Chart, Lexicon, blank, scale, span
from leonui.report.numerals import known, number, rate
from leonui.report.series import Curve, finite, thin
from leonui.report.text import Text, join, say
from leonui.words import mark

_DASHES = ("dot", "dash", "dashdot", "longdash")
_SYMBOLS = ("circle-open", "square-open", "diamond-open", "triangle-up-open")


@dataclass(frozen=True)
class Search:
    """What was tried: the ramp, the rungs, the script's own learning rate and the one that was chosen."""

    ramp: Curve
    rungs: Sequence[Mapping[str, Any]]
    own: float | None
    chosen: float | None

    @property
    def curves(self) -> list[Curve]:
        """Every curve of losses against learning rates."""
        return [self.ramp, *(_curve(rung) for rung in self.rungs)]

    @property
    def diverged(self) -> list[float]:
        """The learning rates of the branches whose loss was not a number at their end."""
        tried = (point for rung in self.rungs for point in zip(rung["lr"], finite(rung["loss"]), strict=False))
        return sorted({lr for lr, loss in tried if loss is None})


def read(result: Mapping[str, Any]) -> Search:
    """The search as a result tells of it."""
    told = result.get("search") or {}
    rungs = [rung for rung in told.get("rungs") or [] if rung.get("lr") and rung.get("loss")]
    own = next(iter(result.get("base_lr") or []), None)
    return Search(_curve(told.get("ramp") or {}), rungs, _drawable(own), _drawable(result.get("lr")))


def _curve(points: Mapping[str, Any]) -> Curve:
    return Curve(points.get("lr") or [], finite(points.get("loss") or []))


def _drawable(lr: Any) -> float | None:
    return lr if known(lr) and lr > 0 else None


def search_chart(search: Search, about: Text) -> Chart | None:
    """Loss against learning rate; None where nothing was searched."""
    if not any(search.curves):
        return None
    words = Lexicon()
    figure = blank(words(mark("learning rate")), words(mark("loss")), hovermode="closest", margin_t=52)
    kind, low, high = _loss_axis(search)
    _add_ramp(figure, words, search.ramp)
    for place, rung in enumerate(search.rungs):
        _add_rung(figure, words, rung, place, len(search.rungs))
    _add_diverged(figure, words, search.diverged, high)
    _add_lines(figure, words, search)
    figure.update_xaxes(type="log", nticks=6)
    figure.update_yaxes(type=kind, range=span(kind, low, high))
    return Chart(
        "search",
        say(mark("The search for the learning rate")),
        _caption(search, about),
        _spoken(search),
        figure,
        words,
    )


def _loss_axis(search: Search) -> tuple[str, float, float]:
    """The loss axis ends at three times the loss that the smallest learning rates leave: what is above has failed."""
    values = [value for curve in search.curves for value in curve.values]
    starts = [curve.values[0] for curve in search.curves if curve]
    high = min(max(values), 3 * max(starts)) if max(starts) > 0 else max(values)
    return scale([value for value in values if value <= high]), min(values), high


def _add_ramp(figure: go.Figure, words: Lexicon, ramp: Curve) -> None:
    if ramp:
        drawn, line = thin(ramp), {"color": QUIET, "width": 1.5}
        name = words(mark("ramp"))
        figure.add_scatter(x=drawn.x, y=drawn.y, mode="lines", line=line, opacity=0.7, name=name, hovertemplate=_HOVER)


def _add_rung(figure: go.Figure, words: Lexicon, rung: Mapping[str, Any], place: int, count: int) -> None:
    """One rung; the later, the stronger it is drawn, and the last, which decides, without dashes."""
    last, curve = place == count - 1, _curve(rung)
    line = {"color": CLIMB, "width": 3 if last else 1.5, "dash": "solid" if last else _DASHES[place % 4]}
    marker = {"color": CLIMB, "symbol": "circle" if last else _SYMBOLS[place % 4], "size": 8}
    bars = {"type": "data", "array": rung.get("se") or [], "thickness": 1, "width": 3}
    name = words(mark("after {steps} steps"), steps=number(rung.get("steps")))
    look = {"line": line, "marker": marker, "error_y": bars, "opacity": 0.45 + 0.55 * (place + 1) / count}
    figure.add_scatter(x=curve.x, y=curve.y, mode="lines+markers", name=name, hovertemplate=_HOVER, **look)


def _add_diverged(figure: go.Figure, words: Lexicon, rates: Sequence[float], high: float) -> None:
    if rates:
        marker = {"symbol": "x", "size": 9, "color": "var(--bad)"}
        name, tip = words(mark("diverged")), "lr %{x:.3g}"
        figure.add_scatter(x=rates, y=[high] * len(rates), mode="markers", marker=marker, name=name, hovertemplate=tip)


_HOVER = "lr %{x:.3g}<br>%{y:.4g}"


def _add_lines(figure: go.Figure, words: Lexicon, search: Search) -> None:
    """Vertical lines at the script's own learning rate and the chosen one, their labels on two levels above the chart."""
    if search.own:
        _add_line(figure, search, search.own, words(mark("yours {lr}"), lr=rate(search.own)), BASELINE, "dash", 0)
    if search.chosen:
        _add_line(
            figure,
            search,
            search.chosen,
            words(mark("chosen {lr}"), lr=rate(search.chosen)),
            CLIMB,
            "solid",
            20,
        )


def _add_line(figure: go.Figure, search: Search, lr: float, label: str, color: str, dash: str, lift: int) -> None:
    line = {"color": color, "width": 1.5, "dash": dash}
    figure.add_shape(type="line", x0=lr, x1=lr, y0=0, y1=1, yref="paper", line=line, layer="below")
    # Plotly places a shape on a logarithmic axis by its value, but an annotation by the logarithm of it.
    place = {"x": math.log10(lr), "y": 1, "yref": "paper", "yshift": lift, "yanchor": "bottom"}
    text = {"text": label, "font": {"color": color}, "showarrow": False, "xanchor": _anchor(search, lr)}
    figure.add_annotation(**text, **place)


def _anchor(search: Search, lr: float) -> str:
    """Which side of a label stands on its line: near an end of the axis the outer one, so that no label is cut."""
    tried = [x for curve in search.curves for x in curve.x]
    share = math.log(lr / min(tried)) / (math.log(max(tried) / min(tried)) or 1)
    return "left" if share < 0.2 else "right" if share > 0.8 else "center"


def _caption(search: Search, about: Text) -> Text:
    points = mark("every point is a branch of your own run: same start, same batches, another learning rate")
    bars = say(mark("bars: one standard error")) if any(rung.get("se") for rung in search.rungs) else None
    decides = say(mark("the rung with most steps decides")) if len(search.rungs) > 1 else None
    return join([about, say(points), bars, decides], " · ")


def _spoken(search: Search) -> Text:
    points = [
        (y, x)
        for curve in search.curves[1:] or search.curves
        for x, y in zip(curve.x, curve.y, strict=False)
        if y is not None
    ]
    tried = {x for curve in search.curves[1:] for x in curve.x} or set(search.ramp.x)
    told = mark(
        "Loss against learning rate: {count} learning rates tried from {low} to {high}; lowest loss {loss} at {lr}; {diverged} diverged."
    )
    loss, lr = min(points) if points else (None, None)
    ends = {"low": rate(min(tried)), "high": rate(max(tried)), "loss": number(loss), "lr": rate(lr)}
    return say(told, count=len(tried), diverged=len(search.diverged), **ends)
