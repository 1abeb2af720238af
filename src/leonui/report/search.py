"""The charts of a learning-rate search: what every rate that was tried led to, and what being off would cost."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from leonui.report.chart import BASELINE, CLIMB, QUIET, Chart, Lexicon, blank, scale, span, ticks
from leonui.report.numerals import UNKNOWN, known, number, rate
from leonui.report.series import Curve, finite, thin
from leonui.report.text import Text, join, say
from leonui.words import LANGUAGES, mark

_DASHES = ("dot", "dash", "dashdot", "longdash")
_SYMBOLS = ("circle-open", "square-open", "diamond-open", "triangle-up-open")
_MARKERS = ("circle", "square", "diamond", "triangle-up", "star")


@dataclass(frozen=True)
class Search:
    """What was tried: the ramp, the rungs, the script's own learning rate and the one that was chosen.

    ``interval`` is where the best one probably lies; ``suggested`` what the rules of a range test read off the ramp,
    None where there was more than a ramp; ``measure`` the marked name of what the candidates were compared by.
    """

    ramp: Curve
    rungs: Sequence[Mapping[str, Any]]
    own: float | None
    chosen: float | None
    interval: tuple[float, float] | None = None
    suggested: Mapping[str, float] | None = None
    measure: str = mark("loss")

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
    """The search as a result tells of it: one of a climb under ``search``, one of ``leonui lr`` beside all else.

    Where candidates were not judged by training losses the ramp, which is of those, is left out.
    """
    told = result.get("search") or result
    rungs = [rung for rung in told.get("rungs") or [] if rung.get("lr") and rung.get("loss")]
    own = next(iter(result.get("base_lr") or []), None)
    kind, upwards = str(told.get("judged_by")), result.get("goal") == "max"
    measure = {"metric": mark("minus the metric") if upwards else mark("metric"), "validation": mark("validation loss")}
    ramp = Curve([], []) if kind in measure else _curve(told.get("ramp") or {})
    return Search(ramp, rungs, drawable(own), drawable(result.get("lr")), measure=measure.get(kind, mark("loss")))


def _curve(points: Mapping[str, Any]) -> Curve:
    """The points in the order of their learning rates: a rung that was continued downwards has its lowest ones last."""
    pairs = sorted(
        zip(points.get("lr") or [], finite(points.get("loss") or []), strict=False), key=lambda pair: pair[0]
    )
    return Curve([lr for lr, _ in pairs], [loss for _, loss in pairs])


def drawable(lr: Any) -> float | None:
    """A learning rate, if it has a place on a logarithmic axis."""
    return lr if known(lr) and lr > 0 else None


def search_chart(search: Search, about: Text) -> Chart | None:
    """Loss against learning rate; None where nothing was searched."""
    if not any(search.curves):
        return None
    words = Lexicon()
    figure = blank(words(mark("learning rate")), words(search.measure), hovermode="closest", margin_t=52)
    _draw(figure, words, search)
    title = say(mark("The search for the learning rate"))
    return Chart("search", title, _caption(search, about), _spoken(search), figure, words)


def _draw(figure: go.Figure, words: Lexicon, search: Search) -> None:
    kind, low, high = _loss_axis(search)
    _add_interval(figure, search.interval)
    _add_ramp(figure, words, search)
    for place, rung in enumerate(search.rungs):
        _add_rung(figure, words, rung, place, len(search.rungs))
    _add_diverged(figure, words, search.diverged, high)
    _add_suggested(figure, search)
    _add_lines(figure, words, search)
    figure.update_xaxes(type="log", nticks=6)
    figure.update_yaxes(**ticks(kind, low, high), range=span(kind, low, high))


def _loss_axis(search: Search) -> tuple[str, float, float]:
    """The loss axis ends at three times the loss that the smallest learning rates leave: what is above has failed."""
    values = [value for curve in search.curves for value in curve.values]
    starts = [curve.values[0] for curve in search.curves if curve]
    high = min(max(values), 3 * max(starts)) if max(starts) > 0 else max(values)
    return scale([value for value in values if value <= high]), min(values), high


def _add_interval(figure: go.Figure, interval: tuple[float, float] | None) -> None:
    if interval:
        look = {"fillcolor": CLIMB, "opacity": 0.1, "line_width": 0, "layer": "below"}
        figure.add_shape(type="rect", x0=interval[0], x1=interval[1], y0=0, y1=1, yref="paper", **look)


def _add_ramp(figure: go.Figure, words: Lexicon, search: Search) -> None:
    """The ramp: beside rungs it only shows where they stand, but of a range test it is all there is."""
    if search.ramp:
        drawn, alone = thin(search.ramp), search.suggested is not None
        line = {"color": CLIMB, "width": 2.5} if alone else {"color": QUIET, "width": 1.5}
        look = {"line": line, "opacity": 1.0 if alone else 0.7, "name": words(mark("ramp, lr rising"))}
        figure.add_scatter(x=drawn.x, y=drawn.y, mode="lines", hovertemplate=_HOVER, **look)


def _add_suggested(figure: go.Figure, search: Search) -> None:
    """What each rule of a range test suggests, on the ramp."""
    points = [(lr, loss) for lr, loss in zip(search.ramp.x, search.ramp.y, strict=True) if loss is not None]
    for place, (rule, lr) in enumerate((search.suggested or {}).items() if points else ()):
        _, loss = min(points, key=lambda point: abs(math.log(point[0] / lr)))
        edge = {"color": "var(--card)", "width": 1.5}
        marker = {"symbol": _MARKERS[place % len(_MARKERS)], "size": 13, "color": BASELINE, "line": edge}
        figure.add_scatter(x=[lr], y=[loss], mode="markers", marker=marker, name=rule, hovertemplate=_HOVER)


def _add_rung(figure: go.Figure, words: Lexicon, rung: Mapping[str, Any], place: int, count: int) -> None:
    """One rung; the later, the stronger it is drawn, and the last, which decides, without dashes."""
    last, curve = place == count - 1, _curve(rung)
    line = {"color": CLIMB, "width": 3 if last else 1.5, "dash": "solid" if last else _DASHES[place % 4]}
    marker = {"color": CLIMB, "symbol": "circle" if last else _SYMBOLS[place % 4], "size": 8}
    bars = {"type": "data", "array": _errors(rung), "thickness": 1, "width": 3}
    name = words(mark("after {steps} steps"), steps=number(rung.get("steps")))
    look = {"line": line, "marker": marker, "error_y": bars, "opacity": 0.45 + 0.55 * (place + 1) / count}
    figure.add_scatter(x=curve.x, y=curve.y, mode="lines+markers", name=name, hovertemplate=_HOVER, **look)


def _errors(rung: Mapping[str, Any]) -> list[float | None]:
    return list(_curve({"lr": rung["lr"], "loss": rung.get("se")}).y)


def _add_diverged(figure: go.Figure, words: Lexicon, rates: Sequence[float], high: float) -> None:
    if rates:
        marker = {"symbol": "x", "size": 9, "color": "var(--bad)"}
        name, tip = words(mark("diverged")), "lr %{x:.3g}"
        figure.add_scatter(x=rates, y=[high] * len(rates), mode="markers", marker=marker, name=name, hovertemplate=tip)


_HOVER = "lr %{x:.3g}<br>%{y:.4g}"


def _add_lines(figure: go.Figure, words: Lexicon, search: Search) -> None:
    """Lines at the script's own learning rate and the chosen one; where they are near, one label stands higher."""
    tried = [x for curve in search.curves for x in curve.x]
    ends, lift = (min(tried), max(tried)), 0
    if search.own:
        label = words(mark("yours {lr}"), lr=rate(search.own))
        add_line(figure, search.own, label, side(search.own, ends), color=BASELINE, dash="dash")
    if search.chosen:
        lift = 20 if search.own and abs(_share(search.own, search.chosen, ends)) < 0.4 else 0
        label = words(mark("chosen {lr}"), lr=rate(search.chosen))
        add_line(figure, search.chosen, label, side(search.chosen, ends), color=CLIMB, lift=lift)


def add_line(
    figure: go.Figure, lr: float, label: str, anchor: str, *, color: str, dash: str = "solid", lift: int = 0
) -> None:
    """A line from bottom to top at one place of a logarithmic axis, its label above it."""
    line = {"color": color, "width": 1.5, "dash": dash}
    figure.add_shape(type="line", x0=lr, x1=lr, y0=0, y1=1, yref="paper", line=line, layer="below")
    # Plotly places a shape on a logarithmic axis by its value, but an annotation by the logarithm of it.
    place = {"x": math.log10(lr), "y": 1, "yref": "paper", "yshift": lift, "yanchor": "bottom", "xanchor": anchor}
    figure.add_annotation(text=label, font={"color": color}, showarrow=False, **place)


def side(lr: float, ends: tuple[float, float]) -> str:
    """Which side of a label stands on its line: near an end of the axis the outer one, so that no label is cut."""
    share = _share(ends[0], lr, ends)
    return "left" if share < 0.2 else "right" if share > 0.8 else "center"


def _share(one: float, other: float, ends: tuple[float, float]) -> float:
    """The way from one learning rate to another as a share of the axis."""
    return math.log(other / one) / (math.log(ends[1] / ends[0]) or 1)


def _caption(search: Search, about: Text) -> Text:
    points = mark("every point is a short training, branched from your own run: same start, same batches, another lr")
    rising = mark("one training whose rate rises from step to step")
    bars = say(mark("bars: one standard error")) if any(rung.get("se") for rung in search.rungs) else None
    band = say(mark("shaded: where the best rate probably lies")) if search.interval else None
    how = say(points if search.suggested is None else rising)
    return join([about, how, bars, band, _choice(search)], " · ")


def _choice(search: Search) -> Text | None:
    """How the learning rate was chosen from the last rung."""
    best = search.rungs[-1].get("best") if search.rungs else None
    if not search.chosen or not known(best):
        return None
    if search.chosen < 0.95 * best:
        return say(mark("chosen: below the best of the last rung, because the whole run is longer"))
    return say(mark("chosen: the best of the last rung"))


def _spoken(search: Search) -> Text:
    curves = search.curves[1:] if search.rungs else [search.ramp]
    tried = {lr for curve in curves for lr in curve.x}
    points = [(y, x) for curve in curves for x, y in zip(curve.x, curve.y, strict=True) if y is not None]
    loss, lr = min(points, default=(None, None))
    told = mark("Loss against learning rate: {count} learning rates tried from {low} to {high}; {diverged} diverged.")
    lowest = mark("The lowest loss is {loss}, at {lr}.")
    ends = {"low": rate(min(tried)), "high": rate(max(tried))}
    first = say(told, count=len(tried), diverged=len(search.diverged), **ends)
    return join([first, say(lowest, loss=number(loss), lr=rate(lr))])


def lost_chart(rows: Sequence[Mapping[str, Any]], lr: float | None, own: float | None) -> Chart | None:
    """The predicted share of the progress that is lost against how far a rate is off; None where it is not known.

    Each of ``rows`` has a ``factor``, and the share that is lost at a rate so many times too ``low``, or too ``high``.
    """
    points = _shares(rows)
    if len(points) < 2 or not lr:
        return None
    words, (x, y) = Lexicon(), zip(*points, strict=True)
    title = words(mark("learning rate, as a multiple of {lr}"), lr=rate(lr))
    figure = blank(title, words(mark("progress lost")), hovermode="closest", margin_t=32)
    look = {"line": {"color": CLIMB, "width": 3}, "marker": {"color": CLIMB, "size": 9}, "cliponaxis": False}
    area = {"fill": "tozeroy", "fillcolor": "var(--ridge)", "showlegend": False, "name": words(mark("progress lost"))}
    tip = {"customdata": [by * lr for by in x], "hovertemplate": "lr %{customdata:.3g}<br>%{y:.1%}<extra></extra>"}
    figure.add_scatter(x=x, y=y, mode="lines+markers", **look, **area, **tip)
    if own and x[0] <= own / lr <= x[-1]:
        label = words(mark("yours {lr}"), lr=rate(own))
        add_line(figure, own / lr, label, side(own / lr, (x[0], x[-1])), color=BASELINE, dash="dash")
    ends = span("log", x[0], x[-1], 0.03)
    figure.update_xaxes(type="log", range=ends, tickvals=x, ticktext=[_multiple(by) for by in x])
    figure.update_yaxes(tickformat=".0%", nticks=6, range=[0, max(0.1, 1.05 * max(y))])
    return Chart("lost", say(mark("What being off costs")), say(_PREDICTED), _spoken_lost(rows), figure, words)


_PREDICTED = mark(
    "predicted from the short trainings, for the whole run: of what the loss falls by at the found rate, the share "
    "that another rate loses"
)


def _shares(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    low = [(1 / row["factor"], row.get("low")) for row in rows]
    high = [(row["factor"], row.get("high")) for row in rows]
    return sorted((by, share) for by, share in [*low, (1.0, 0.0), *high] if known(share))


def _multiple(by: float) -> str:
    return "1" if by == 1 else f"×{number(by)}" if by > 1 else f"÷{number(1 / by)}"


def _spoken_lost(rows: Sequence[Mapping[str, Any]]) -> Text:
    each = mark("{factor} times too low: {low}; too high: {high}.")
    told = [
        say(each, factor=number(row["factor"]), low=percent(row.get("low")), high=percent(row.get("high")))
        for row in rows
    ]
    return join([say(mark("Predicted share of the progress that is lost.")), *told])


def percent(share: Any) -> str:
    """A share as a percentage.

    >>> percent(0.0177), percent(0.706), percent(1.0), percent(None)
    ('1.8%', '71%', '100%', '–')
    """
    return f"{100 * share:.{1 if 0 < share < 0.0995 else 0}f}%" if known(share) else UNKNOWN


def plain_figure(chart: Chart | None, heading: Text, said: Text, lang: str | None) -> go.Figure:
    """A chart as a figure that is drawn without a page: in one language, with colours instead of their names."""
    lang = lang if lang in LANGUAGES else "en"
    title = f"{escape(heading[lang])}<br><sub>{escape(said[lang])}</sub>"
    words = Lexicon()
    empty = {"figure": blank(words(mark("learning rate")), words(mark("loss"))).to_dict(), "words": words.texts}
    spec = chart.spec() if chart else empty
    figure = go.Figure(_localized(spec["figure"], spec["words"], lang))
    figure.update_layout(title={"text": title, "x": 0.02, "y": 0.96}, height=480, margin={"t": 110, "b": 60})
    figure.update_layout(paper_bgcolor=_colours()["--card"], plot_bgcolor=_colours()["--card"])
    return figure


def _localized(value: Any, words: Mapping[str, Mapping[str, str]], lang: str) -> Any:
    """What the page's script does to a figure before it draws it."""
    if isinstance(value, str):
        name = re.fullmatch(r"var\((--[\w-]+)\)", value)
        return _colours()[name[1]] if name else words.get(value, {}).get(lang, value)
    if isinstance(value, Mapping):
        return {key: _localized(item, words, lang) for key, item in value.items()}
    return [_localized(item, words, lang) for item in value] if isinstance(value, list | tuple) else value


@cache
def _colours() -> dict[str, str]:
    """The page's colours and fonts in its light scheme, by their names."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    light = style[style.index(":root {") : style.index("}")]
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", light))
