"""The pictures of a race on a surface: everybody's way on the map, and how high all of them still are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.report.chart import QUIET, Chart, Lexicon, blank, ticks
from leonui.report.landscape import add_ground
from leonui.report.text import say
from leonui.words import mark

Result = Mapping[str, Any]
LIGHT = ("#ff9f1c", "#ff4d6d", "#2ec4b6", "#c77dff", "#e9c46a", "#4cc9f0")  # to be seen on the map's dark depths


def way_chart(result: Result) -> Chart | None:
    """The map of the surface and the way of each entrant from its start."""
    told = result.get("map")
    if not told:
        return None
    words = Lexicon()
    figure = blank("", "", hovermode="closest")
    add_ground(figure, words, told["plane"], [])
    count = len(told["ways"])
    for at, (name, way) in enumerate(told["ways"].items()):  # where they go the same way the first lie below, and wider
        figure.add_scatter(
            x=way["x"], y=way["y"], customdata=way["step"], name=name, mode="lines+markers", marker={"size": 4},
            line={"color": LIGHT[at % len(LIGHT)], "width": 2 + 1.5 * (count - 1 - at)}, hovertemplate="%{customdata}",
        )  # fmt: skip
    figure.add_scatter(
        x=[point[0] for point in told["minima"]], y=[point[1] for point in told["minima"]], mode="markers",
        marker={"symbol": "star", "size": 14, "color": "#ffffff", "line": {"width": 1, "color": "#000000"}},
        name=words(mark("minimum")), hoverinfo="skip",
    )  # fmt: skip
    for axis, values in ((figure.update_xaxes, told["plane"]["x"]), (figure.update_yaxes, told["plane"]["y"])):
        axis(range=[values[0], values[-1]], showgrid=False)
    spoken = say(mark("The ways of {count} optimizers on the surface {name}."), count=count,
                 name=result.get("program") or "")  # fmt: skip
    caption = say(mark("each from the same start, at the rate that its search found · constant rates, no noise"))
    return Chart("ways", say(mark("The way of each")), caption, spoken, figure, words)


def height_chart(result: Result, look: Any) -> Chart | None:
    """The height above the minimum over the steps; ``look`` gives an entrant's line by its place."""
    curves = {name: curve for name, curve in (result.get("curves") or {}).items() if curve.get("steps")}
    if not curves:
        return None
    words = Lexicon()
    figure = blank(words(mark("steps")), words(mark("height above the minimum")), hovermode="closest")
    values = [value for curve in curves.values() for value in curve["mean"]]
    figure.update_xaxes(**ticks("log", 1, max(curve["steps"][-1] for curve in curves.values())))
    figure.update_yaxes(**ticks("log", min(values), max(values)), exponentformat="power")
    for at, (name, curve) in enumerate(curves.items()):
        figure.add_scatter(
            x=curve["steps"], y=curve["mean"], name=name, mode="lines", line=look(at), hovertemplate="%{y:.3g}"
        )
    figure.update_layout(legend_font_color=QUIET)
    spoken = say(mark("Height above the minimum over the steps, for {count} optimizers."), count=len(curves))
    return Chart(
        "heights", say(mark("The race")), say(mark("each line: the median over all starts")), spoken, figure, words
    )
