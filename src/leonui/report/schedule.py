"""What the page of ``leonui schedule`` says: the learning rate at each step, and where its phases join."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.report.chart import CLIMB, Chart, Lexicon, blank
from leonui.report.numerals import number, rate
from leonui.report.text import Text, say
from leonui.report.told import run, tile
from leonui.words import mark

Result = Mapping[str, Any]


def content(result: Result) -> dict[str, Any]:
    """Everything that the template of the page shows."""
    return run(result, mark("leonui schedule: {program}")) | {
        "tone": "sure",
        "verdict": _sentence(result),
        "tiles": [
            tile(mark("Highest rate"), None, rate(_highest(result)[1]), None),
            tile(mark("Last rate"), None, rate(result["curve"][-1][1]), None),
            tile(mark("Steps"), None, number(result["steps"]), None),
        ],
        "charts": [_chart(result)],
    }


def _highest(result: Result) -> tuple[int, float]:
    step, value = max(result["curve"], key=lambda point: point[1])
    return step, value


def _sentence(result: Result) -> Text:
    step, high = _highest(result)
    last, low = result["curve"][-1]
    words = mark("The learning rate is highest at step {step}, {high}; at step {last} it is {low}.")
    return say(words, step=number(step), high=rate(high), last=number(last), low=rate(low))


def _chart(result: Result) -> Chart:
    words, (steps, values) = Lexicon(), zip(*result["curve"], strict=True)
    figure = blank(words(mark("step")), words(mark("learning rate")), hovermode="x unified")
    line = {"color": CLIMB, "width": 2.5, "shape": "hv"}  # a rate holds for its whole step
    look = {"line": line, "name": words(mark("learning rate")), "showlegend": False}
    figure.add_scatter(x=steps, y=values, mode="lines", hovertemplate="%{y:.4g}", **look)
    for join in result["joins"]:
        figure.add_vline(x=join, line={"color": "var(--line)", "width": 1, "dash": "dash"})
    figure.update_yaxes(type="log") if result["log"] else figure.update_yaxes(rangemode="tozero")
    caption = say(mark("dashed: where one phase ends and the next begins"))
    return Chart("schedule", say(mark("The learning rate, step by step")), caption, _sentence(result), figure, words)
