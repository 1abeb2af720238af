"""What the page of ``leonui landscape`` says: the path of the weights, the loss around it, the curvature on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from leonui.record import Record
from leonui.report import series
from leonui.report.chart import BASELINE, CLIMB, Chart, Lexicon, blank, scale, span, ticks
from leonui.report.numerals import duration, known, number, rate
from leonui.report.search import percent, plain_figure
from leonui.report.series import Curve, finite
from leonui.report.text import Text, join, retell, say, shorten
from leonui.report.told import run, tile
from leonui.words import mark

Result = Mapping[str, Any]
TITLE = mark("leonui landscape: {program}")

# ColorBrewer's Blues: the deeper, the lower
_DEPTHS = [[0, "#08306b"], [0.25, "#2171b5"], [0.5, "#6baed6"], [0.75, "#c6dbef"], [1, "#f7fbff"]]
_PATH, _RIM = "#d55e00", "#ffffff"
_CUT = 3.0  # times the highest loss of the path: what is higher is drawn as high as that

_TONES = {"below": "sure", "edge": "careful", "beyond": "careful", "diverged": "worse", "seen": "sure"}
_SENTENCES = {
    "below": mark(
        "Below the edge of stability: the sharpest curvature is {strain} of what lr {lr} can bear. Loss {first} → "
        "{last} along the path."
    ),
    "edge": mark(
        "At the edge of stability: the sharpest curvature is {strain} of what lr {lr} can bear. Loss {first} → {last} "
        "along the path."
    ),
    "beyond": mark(
        "Beyond the edge of stability: the sharpest curvature is {strain} of what lr {lr} can bear. Loss {first} → "
        "{last} along the path."
    ),
    "diverged": mark("Diverged: loss {first} → {last} along the path, at lr {lr}."),
    "seen": mark("Loss {first} → {last} along the path; what its rate can bear is not known."),
}


def content(result: Result, watch: Record | None = None) -> dict[str, Any]:
    """Everything that the template of the page shows, from the result and the Record of the watched training."""
    charts = (_map_chart(result), _loss_chart(result, watch or Record()), _curvature_chart(result))
    return run(result, TITLE) | {
        "interrupted": result.get("complete") is False and not result.get("findings"),
        "tone": _TONES.get(result.get("verdict") or "", "none"),
        "verdict": sentence(result),
        "tiles": [one for one in (_loss(result), _curved(result), _held(result), _effort(result)) if one],
        "charts": [chart for chart in charts if chart],
    }


def sentence(result: Result) -> Text:
    """The verdict and its figures; or why there is no path."""
    words = _SENTENCES.get(result.get("verdict") or "")
    if words:
        first, last = _ends(result)
        strained = percent(result.get("strain"))
        return say(words, first=number(first), last=number(last), strain=strained, lr=rate(result.get("lr")))
    if findings := result.get("findings"):
        last = findings[-1]
        told = retell(last.get("template"), last.get("evidence"), last.get("message"))
        return say(mark("No path can be drawn. Found: {finding}."), finding=shorten(told, 200))
    return say(mark("Interrupted before there was a path."))


def _ends(result: Result) -> tuple[Any, Any]:
    """The first and the last loss on the path that is known."""
    losses = [loss for *_, loss, _ in result.get("path") or [] if known(loss)]
    return (losses[0], losses[-1]) if losses else (None, None)


# the tiles


def _loss(result: Result) -> dict[str, Any] | None:
    first, last = _ends(result)
    if not known(last):
        return None
    batches = (result.get("plane") or {}).get("batches") if _around(result) else None
    note = say(mark("on the same {batches} batches everywhere"), batches=batches) if batches else None
    return tile(mark("Loss along the path"), number(first), number(last), note)


def _around(result: Result) -> bool:
    """Whether there is a loss around the path."""
    return bool((result.get("plane") or {}).get("places"))


def _curved(result: Result) -> dict[str, Any] | None:
    rows = [row for row in result.get("curvature") or [] if known(row[1])]
    if not rows:
        return None
    bound = next((row[2] for row in reversed(rows) if known(row[2])), None)
    note = say(mark("lambda_max; lr {lr} bears {bound}"), lr=rate(result.get("lr")), bound=number(bound))
    return tile(mark("Sharpest curvature"), number(rows[0][1]), number(rows[-1][1]), note if bound else None)


def _held(result: Result) -> dict[str, Any] | None:
    shares = result.get("explained") or []
    if len(shares) != 2:
        return None
    words = mark("of the path's variance: {first} and {second} along the two directions")
    return tile(
        mark("In the plane"),
        None,
        f"{number(100 * sum(shares))}%",
        say(words, first=percent(shares[0]), second=percent(shares[1])),
    )


def _effort(result: Result) -> dict[str, Any] | None:
    if not known(result.get("seconds")):
        return None
    places = (result.get("plane") or {}).get("places")
    note = say(mark("{steps} steps watched, {places} places asked"), steps=number(result.get("steps")), places=places)
    return tile(mark("Time"), None, duration(result["seconds"]), note)


# the charts


def _map_chart(result: Result) -> Chart | None:
    path = result.get("path") or []
    if len(path) < 2:
        return None
    words, shares = Lexicon(), result.get("explained") or (None, None)
    ways = (mark("first direction: {share} of the way"), mark("second direction: {share} of the way"))
    titles = [words(way, share=percent(share)) for way, share in zip(ways, shares, strict=True)]
    figure = blank(*titles, hovermode="closest")
    if _around(result):
        add_ground(figure, words, result["plane"], [loss for *_, loss, _ in path if known(loss)])
    _add_path(figure, words, path)
    caption = join([_asked(result), say(mark("the line: the weights of the run, from the circle to the star"))], " · ")
    title = say(mark("The loss around the path"))
    return Chart("landscape", title, caption, _spoken_map(result), figure, words)


def add_ground(figure: go.Figure, words: Lexicon, plane: Mapping[str, Any], path: list[float]) -> None:
    """The loss at each place of the grid, drawn in its logarithm where it reaches far."""
    losses = [loss for row in plane["loss"] for loss in row if known(loss)]
    high = min(max(losses), _CUT * max(path)) if path and max(path) > 0 else max(losses)
    kind = scale([loss for loss in losses if loss <= high])
    drawn = [[_height(loss, high, kind) for loss in row] for row in plane["loss"]]
    marks = _marks(min(losses), high, kind)
    figure.add_contour(
        x=plane["x"],
        y=plane["y"],
        z=drawn,
        customdata=plane["loss"],
        hovertemplate="%{customdata:.4g}<extra></extra>",
        colorscale=_DEPTHS,
        ncontours=24,
        line={"width": 0.5, "color": "rgba(255,255,255,.45)"},
        connectgaps=True,
        name=words(mark("loss")),
        colorbar={
            "title": {"text": words(mark("loss")), "side": "top", "font": {"size": 13}},
            "thickness": 12,
            "outlinewidth": 0,
            "tickvals": [_height(value, high, kind) for value in marks],
            "ticktext": [number(value, 2) for value in marks],
        },
    )


def _height(loss: Any, high: float, kind: str) -> float | None:
    if not known(loss):
        return None
    return math.log10(min(loss, high)) if kind == "log" else min(loss, high)


def _marks(low: float, high: float, kind: str) -> list[float]:
    """Five values from the lowest to the highest."""
    if kind == "log":
        return [low * (high / low) ** (i / 4) for i in range(5)]
    return [low + (high - low) * i / 4 for i in range(5)]


def _add_path(figure: go.Figure, words: Lexicon, path: list[list[Any]]) -> None:
    x, y, losses, steps = zip(*path, strict=True)
    told = [[step, number(loss, 4)] for step, loss in zip(steps, losses, strict=True)]
    look = {"line": {"color": _PATH, "width": 2.5}, "marker": {"size": 7, "color": _PATH, "line": _EDGE}}
    tip = {"customdata": told, "hovertemplate": "%{customdata[0]}: %{customdata[1]}<extra></extra>"}
    figure.add_scatter(x=x, y=y, mode="lines+markers", name=words(mark("path")), showlegend=False, **look, **tip)
    ends = {
        "symbol": ["circle", "star"],
        "size": [15, 19],
        "color": _PATH,
        "opacity": 1,
        "line": {"color": _RIM, "width": 1.5},
    }
    both = {"x": [x[0], x[-1]], "y": [y[0], y[-1]], "mode": "markers", "marker": ends, "showlegend": False}
    figure.add_scatter(**both, name=words(mark("start and end")), hoverinfo="skip")


_EDGE = {"color": _RIM, "width": 1}


def _asked(result: Result) -> Text | None:
    plane = result.get("plane") or {}
    if not _around(result):
        return None
    words = mark("{places} places, each judged by the loss of its weights on the same {batches} batches")
    return say(words, places=number(plane["places"]), batches=plane["batches"])


def _spoken_map(result: Result) -> Text:
    first, last = _ends(result)
    way = say(mark("The path leads from a loss of {first} to {last}."), first=number(first), last=number(last))
    losses = [loss for row in (result.get("plane") or {}).get("loss") or [] for loss in row if known(loss)]
    if not losses:
        return way
    around = mark("Around it, at {count} places, the loss lies between {low} and {high}.")
    return join([way, say(around, count=len(losses), low=number(min(losses)), high=number(max(losses)))])


def _loss_chart(result: Result, watch: Record) -> Chart | None:
    curve = series.training(watch)
    if not curve:
        return None
    words, width = Lexicon(), series.window(len(curve.x))
    figure = blank(words(mark("step")), words(mark("loss")), hovermode="x unified")
    raw, smooth = series.thin(curve), series.smooth(curve, width)
    thin, thick = {"color": CLIMB, "width": 1}, {"color": CLIMB, "width": 2.5}
    common = {"mode": "lines", "name": words(mark("training"))}
    figure.add_scatter(x=raw.x, y=raw.y, line=thin, opacity=0.3, hoverinfo="skip", showlegend=False, **common)
    figure.add_scatter(x=smooth.x, y=smooth.y, line=thick, hovertemplate="%{y:.4g}", **common)
    kept = Curve([row[3] for row in result.get("path") or []], finite(row[2] for row in result.get("path") or []))
    if _around(result) and kept:
        marker = {"color": _PATH, "size": 7, "line": {"color": "var(--card)", "width": 1}}
        name = words(mark("kept weights, on the same batches"))
        figure.add_scatter(x=kept.x, y=kept.y, mode="markers", marker=marker, name=name, hovertemplate="%{y:.4g}")
    values = curve.values
    figure.update_yaxes(**ticks(scale(values, 8), min(values), max(values)))
    caption = say(mark("thin line: every step; thick line: running median over {width} steps"), width=width)
    spoken = say(
        mark("Training loss over the steps: from {first} to {last}."),
        first=number(smooth.values[0]),
        last=number(smooth.values[-1]),
    )
    return Chart("loss", say(mark("The loss on the way")), caption, spoken, figure, words)


def _curvature_chart(result: Result) -> Chart | None:
    rows = [row for row in result.get("curvature") or [] if known(row[1]) and row[1] > 0]
    if len(rows) < 2:
        return None
    words = Lexicon()
    figure = blank(words(mark("step")), words(mark("curvature")), hovermode="x unified")
    steps = [row[0] for row in rows]
    look = {"line": {"color": CLIMB, "width": 2.5}, "marker": {"color": CLIMB, "size": 7}, "hovertemplate": "%{y:.3g}"}
    figure.add_scatter(x=steps, y=[row[1] for row in rows], mode="lines+markers", name="lambda_max", **look)
    bounds = [row[2] for row in rows]
    if any(map(known, bounds)):
        line = {"color": BASELINE, "width": 2, "dash": "dash"}
        name = words(mark("what the rate can bear"))
        figure.add_scatter(x=steps, y=bounds, mode="lines", line=line, name=name, hovertemplate="%{y:.3g}")
    values = [value for row in rows for value in row[1:] if known(value)]
    kind = scale(values, 8)
    figure.update_yaxes(**ticks(kind, min(values), max(values)), range=span(kind, min(values), max(values)))
    caption = say(
        mark(
            "lambda_max: the largest eigenvalue of the Hessian on the batch of that step, as the optimizer scales it; "
            "dashed: 2 / lr for plain SGD, what stands in its place for other optimizers"
        )
    )
    words_spoken = mark("Sharpest curvature over the steps: from {first} to {last}; the rate can bear {bound}.")
    bound = next((value for value in reversed(bounds) if known(value)), None)
    spoken = say(words_spoken, first=number(rows[0][1]), last=number(rows[-1][1]), bound=number(bound))
    return Chart("curvature", say(mark("The curvature on the way")), caption, spoken, figure, words)


def landscape_figure(result: Result) -> go.Figure:
    """The loss around the path as a plain Plotly figure, for a notebook, in the result's language."""
    heading = say(TITLE, program=result.get("program") or "")
    return plain_figure(_map_chart(result), heading, sentence(result), result.get("lang"))
