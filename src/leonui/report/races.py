"""What the page of races on several scripts says: the profiles, and each race in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.report import race
from leonui.report.chart import Chart, Lexicon, blank
from leonui.report.numerals import number
from leonui.report.text import Text, say
from leonui.report.told import run, tile
from leonui.words import mark

Result = Mapping[str, Any]
TITLE = mark("leonui race: {program}")
NEAR = mark("{best} was within twice the fewest steps on {count} of {scripts} scripts; nobody was more often.")
NOBODY = mark("Nobody reached a target yet.")
SHOWN = 8.0  # the widest factor that is drawn


def content(result: Result) -> dict[str, Any]:
    """Everything that the template of the page shows."""
    told = result["profiles"]["steps"]
    seeds = [one.get("seeds") or 0 for one in result["races"]]
    said = say(mark("fresh trainings of each, on each script"))
    return run(result, TITLE) | {
        "tone": "careful" if told["ratios"] else "none",
        "verdict": _sentence(told),
        "tiles": [
            tile(mark("Scripts"), None, number(told["scripts"]), say(mark("on which somebody reached the target"))),
            tile(mark("Seeds"), None, number(min(seeds, default=0)), said),
        ],
        "charts": [chart for chart in (_profile(told),) if chart],
        "races": [_line(one) for one in result["races"]],
    }


def _sentence(told: Mapping[str, Any]) -> Text:
    if not told["ratios"]:
        return say(NOBODY)
    best, ratios = next(iter(told["ratios"].items()))
    count = sum(ratio is not None and ratio <= 2.0 for ratio in ratios)
    return say(NEAR, best=best, count=count, scripts=told["scripts"])


def _line(one: Result) -> dict[str, Any]:
    words = race.TITLES.get(str(one.get("verdict")), race.TITLES["none"])
    return {
        "program": one.get("program"),
        "verdict": say(words, best=one.get("best") or "", tied=", ".join(one.get("tied") or [])),
    }


def _profile(told: Mapping[str, Any]) -> Chart | None:
    """The picture: on what share of the scripts each needs at most so many times the fewest steps."""
    if not told["ratios"]:
        return None
    words = Lexicon()
    figure = blank(words(mark("times the fewest steps")), words(mark("share of the scripts")), hovermode="closest")
    figure.update_xaxes(type="log", range=[0, 0.92], tickvals=[1, 1.5, 2, 3, 4, 6, 8])
    figure.update_yaxes(range=[-0.02, 1.04], tickformat=".0%")
    for at, (name, ratios) in enumerate(told["ratios"].items()):
        known = sorted(ratio for ratio in ratios if ratio is not None and ratio <= SHOWN)
        heights = [(place + 1) / len(ratios) for place in range(len(known))]
        x, y = [1.0, *known, SHOWN], [0.0, *heights, heights[-1] if heights else 0.0]
        colour, dash = race.COLOURS[at % len(race.COLOURS)], race.DASHES[at % len(race.DASHES)]  # lines lie on lines
        line = {"color": colour, "dash": dash, "width": 2.5, "shape": "hv"}
        figure.add_scatter(x=x, y=y, name=name, mode="lines", line=line, hovertemplate="%{x:.3g}x: %{y:.0%}")
    spoken = say(mark("Performance profiles of {count} optimizers."), count=len(told["ratios"]))
    caption = say(
        mark(
            "higher is better · where a line begins: how often the fewest steps; where it ends: how often there at all"
        )
    )
    return Chart("profile", say(mark("Who is near the best, and how often")), caption, spoken, figure, words)
