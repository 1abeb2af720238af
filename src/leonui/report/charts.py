"""The charts of two runs over their steps: the loss, and the learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from leonui.record import Record
from leonui.report import series
from leonui.report.chart import BASELINE, CLIMB, Chart, Lexicon, blank, scale, span, ticks
from leonui.report.numerals import number, rate
from leonui.report.series import Curve
from leonui.report.text import Text, join, say
from leonui.words import mark

_STYLE = {
    "baseline": {"color": BASELINE, "dash": "dash", "symbol": "diamond", "name": mark("baseline")},
    "climb": {"color": CLIMB, "dash": "solid", "symbol": "circle", "name": mark("climb")},
}
_CHECKED = {"baseline": mark("baseline, validation"), "climb": mark("climb, validation")}

Runs = Mapping[str, Record | None]


def loss_chart(runs: Runs, about: Text) -> Chart | None:
    """The training loss of every step of both runs, and their validation losses; None where nothing was recorded."""
    curves = {name: curve for name, record in runs.items() if (curve := series.training(record))}
    if not curves:
        return None
    words = Lexicon()
    figure = blank(words(mark("step")), words(mark("loss")), hovermode="x unified")
    width = _width(curves)
    for name, curve in curves.items():
        _add_loss(figure, words, name, curve, width)
    site = runs["baseline"].validation_site if runs["baseline"] else None
    for name in curves:
        _add_validation(figure, words, name, series.validation(runs[name], site))
    figure.update_yaxes(**_loss_axis(curves))
    title = say(mark("The loss on the way"))
    return Chart("loss", title, _loss_caption(curves, about), _spoken_loss(curves), figure, words)


def _width(curves: Mapping[str, Curve]) -> int:
    """Over how many steps the curves are smoothed: all alike, as it suits the shortest."""
    return series.window(min(len(curve.x) for curve in curves.values()))


def _add_loss(figure: go.Figure, words: Lexicon, name: str, curve: Curve, width: int) -> None:
    raw, smooth, style = series.thin(curve), series.smooth(curve, width), _STYLE[name]
    common = {"mode": "lines", "legendgroup": name, "name": words(style["name"])}
    faint = {"color": style["color"], "width": 1}
    figure.add_scatter(x=raw.x, y=raw.y, line=faint, opacity=0.3, showlegend=False, hoverinfo="skip", **common)
    line = {"color": style["color"], "width": 2.5, "dash": style["dash"]}
    figure.add_scatter(x=smooth.x, y=smooth.y, line=line, hovertemplate="%{y:.4g}", **common)


def _add_validation(figure: go.Figure, words: Lexicon, name: str, curve: Curve) -> None:
    if not curve:
        return
    curve, style = series.thin(curve), _STYLE[name]
    edge = {"color": "var(--card)", "width": 1}
    marker = {"color": style["color"], "symbol": style["symbol"], "size": 9, "line": edge}
    label = words(_CHECKED[name])
    figure.add_scatter(
        x=curve.x,
        y=curve.y,
        mode="markers",
        marker=marker,
        name=label,
        legendgroup=name,
        hovertemplate="%{y:.4g}",
    )


def _loss_axis(curves: Mapping[str, Curve]) -> dict[str, Any]:
    """The loss axis; a few spikes far above all else are let out of it, so that they do not flatten the rest."""
    values = sorted(value for curve in curves.values() for value in curve.values)
    usual = max(values[int(0.98 * (len(values) - 1))], *(curve.values[0] for curve in curves.values()))
    high = 1.5 * usual if values[-1] > 3 * usual > 0 else values[-1]
    kind = scale([value for value in values if value <= high], 8)
    return {**ticks(kind, values[0], high), "range": span(kind, values[0], high)}


def _loss_caption(curves: Mapping[str, Curve], about: Text) -> Text:
    thinned = any(len(curve.x) > series.LIMIT for curve in curves.values())
    thin = mark("thin line: lowest and highest of every few steps") if thinned else mark("thin line: every step")
    thick = mark("thick line: running median over {width} steps")
    points = mark("points: validation loss, where the script computes one")
    return join([about, say(thin), say(thick, width=_width(curves)), say(points)], " · ")


def _spoken_loss(curves: Mapping[str, Curve]) -> Text:
    ends = {name: series.smooth(curve, _width(curves)).values for name, curve in curves.items()}
    return join([say(mark("Training loss over the steps.")), *_per_run(_SPOKEN_LOSS, ends)])


def _per_run(templates: Mapping[str, str], values: Mapping[str, list[float]]) -> list[Text]:
    return [
        say(templates[name], first=number(v[0]), last=number(v[-1]), highest=rate(max(v))) for name, v in values.items()
    ]


_SPOKEN_LOSS = {
    "baseline": mark("Baseline: from {first} to {last}."),
    "climb": mark("Climb: from {first} to {last}."),
}
_SPOKEN_RATE = {
    "baseline": mark("Baseline: at most {highest}."),
    "climb": mark("Climb: at most {highest}."),
}


def rate_chart(runs: Runs, about: Text, groups: int = 1) -> Chart | None:
    """The learning rate of every step of both runs; None where none was recorded."""
    curves = {name: curve for name, record in runs.items() if (curve := series.rates(record))}
    if not curves:
        return None
    words = Lexicon()
    figure = blank(words(mark("step")), words(mark("learning rate")), hovermode="x unified")
    for name, curve in curves.items():
        drawn, style = series.thin(curve), _STYLE[name]
        line = {"color": style["color"], "dash": style["dash"], "width": 2.5}
        label = words(style["name"])
        figure.add_scatter(x=drawn.x, y=drawn.y, mode="lines", line=line, name=label, hovertemplate="%{y:.3g}")
    figure.update_yaxes(**_rate_axis(curves))
    spoken = join([say(mark("Learning rate over the steps.")), *_per_run(_SPOKEN_RATE, _values(curves))])
    return Chart("rate", say(mark("The learning rate on the way")), _rate_caption(about, groups), spoken, figure, words)


def _values(curves: Mapping[str, Curve]) -> dict[str, list[float]]:
    return {name: curve.values for name, curve in curves.items()}


def _rate_axis(curves: Mapping[str, Curve]) -> dict[str, Any]:
    peaks = [max(values) for values in _values(curves).values()]
    kind = scale([value for values in _values(curves).values() for value in values], 1)
    return (
        {"type": "log"}
        if kind == "log" and max(peaks) > 200 * min(peaks)
        else {"type": "linear", "rangemode": "tozero"}
    )


def _rate_caption(about: Text, groups: int) -> Text:
    many = mark("first of {groups} parameter groups; all are scaled by the same factor")
    used = say(mark("as the optimizer used it, step by step"))
    return join([about, used, say(many, groups=groups) if groups > 1 else None], " · ")
