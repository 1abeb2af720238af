"""What the page of ``leonui race`` says: who is best, how sure that is, what each needs to come as far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.report.ascents import height_chart, way_chart
from leonui.report.chart import BASELINE, CLIMB, QUIET, Chart, Lexicon, blank, scale, span, ticks
from leonui.report.numerals import duration, known, number, size
from leonui.report.text import Text, join, say
from leonui.report.told import run, tile
from leonui.words import mark

Result = Mapping[str, Any]

TITLES = {
    "winner": mark("{best} is best here: the others end higher, and not by chance."),
    "indistinguishable": mark("No winner: {tied} cannot be told apart."),
    "one_seed": mark("{best} ended lowest, with one seed: that says nothing."),
    "none": mark("No winner: no entrant came to an end that can be compared."),
}
QUANTITIES = {
    "training": mark("training loss"),
    "validation": mark("validation loss"),
    "metric": mark("metric, lower is better"),
    "arrival": mark("steps to the minimum"),
}
LOSS = mark("final loss")
HEADS = (
    mark("optimizer"), mark("lr"), LOSS, mark("behind the best"), mark("p"), mark("steps to target"),
    mark("passes"), mark("time"), mark("seeds there"), mark("state"), mark("peak memory"),
)  # fmt: skip
COLOURS = (CLIMB, BASELINE, "var(--good)", "var(--bad)", "var(--ink)", QUIET)
DASHES = ("solid", "dash", "dot", "dashdot")


def content(result: Result) -> dict[str, Any]:
    """Everything that the template of the page shows."""
    return run(result, mark("leonui race: {program}")) | {
        "tone": {"winner": "sure", "indistinguishable": "careful"}.get(str(result.get("verdict")), "none"),
        "verdict": _sentence(result),
        "tiles": [one for one in _tiles(result) if one],
        "heads": [say(_quantity(result) if head == LOSS and arrives(result) else head) for head in HEADS],
        "entrants": [_row(row, result) for row in result.get("entrants") or []],
        "charts": [chart for chart in _charts(result) if chart],
        "interpolated": not arrives(result),
    }


def _sentence(result: Result) -> Text:
    words = TITLES.get(str(result.get("verdict")), TITLES["none"])
    return say(words, best=result.get("best") or "", tied=", ".join(result.get("tied") or []))


def _tiles(result: Result) -> list[dict[str, Any] | None]:
    rows = result.get("entrants") or []
    best = next((row for row in rows if row["entrant"] == result.get("best")), None)
    quantity = say(QUANTITIES.get(str(result.get("judged_by")), QUANTITIES["training"]))
    own = next((row for row in rows if row["entrant"] == result.get("reference")), None)
    before = number(own["mean"]) if own and own is not best else None
    climbs = mark("starts of each, none of them searched from")
    fresh = say(climbs if arrives(result) else mark("whole trainings of each, none of them searched on"))
    faster = best and best.get("faster")
    ended = mark("The best") if arrives(result) else mark("Final loss")
    to_target = say(mark("to the median end of {reference}"), reference=result.get("reference") or "")
    return [
        tile(ended, before, number(best["mean"]), quantity) if best else None,
        tile(mark("Steps saved"), None, f"{faster:.2g}×", to_target) if known(faster) else None,
        tile(mark("Seeds"), None, number(result.get("seeds")), fresh),
        tile(mark("Search"), None, number(result.get("search")), say(mark("steps, of all entrants together"))),
    ]  # fmt: skip


def _row(row: Mapping[str, Any], result: Result) -> dict[str, Any]:
    """One line of the table."""
    interval = row.get("behind_interval")
    behind = "" if row.get("behind") is None else number(row["behind"])
    return {
        "name": row.get("entrant"),
        "first": row.get("entrant") in (result.get("tied") or [result.get("best")]),
        "cells": (
            number(row.get("lr")), number(row.get("mean")),
            f"{behind} ({number(interval[0])} … {number(interval[1])})" if interval else behind,
            "" if row.get("p") is None else f"{row['p']:.2g}",
            number(row.get("steps")), number(row.get("passes")), _whole(duration(row.get("seconds"))),
            "" if row.get("arrived") is None else f"{row['arrived']}/{result.get('seeds')}",
            _whole(size(row.get("state_bytes"))), _whole(size(row.get("peak_bytes"))),
        ),
    }  # fmt: skip


def _whole(text: str) -> str:
    """A number that does not leave its unit on another line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def arrives(result: Result) -> bool:
    """Whether it is a race on a surface, where steps to the minimum are compared."""
    return result.get("judged_by") == "arrival"


def _charts(result: Result) -> tuple[Chart | None, ...]:
    if arrives(result):
        return way_chart(result), _ends(result), height_chart(result, _look)
    return _ends(result), _lengths(result)


def _look(at: int) -> dict[str, Any]:
    """The line of the entrant at a place."""
    return {"color": COLOURS[at % len(COLOURS)], "dash": DASHES[at // len(COLOURS) % len(DASHES)], "width": 2.5}


def _lengths(result: Result) -> Chart | None:
    """The loss at the end of whole trainings of several lengths."""
    curves = {name: curve for name, curve in (result.get("curves") or {}).items() if curve.get("steps")}
    if not curves:
        return None
    words = Lexicon()
    values = [value for curve in curves.values() for value in curve["mean"] if known(value)]
    figure = blank(words(mark("steps of a whole training")), words(_quantity(result)), hovermode="closest")
    kind = scale(values)
    room = span(kind, min(values), max(values), 0.2)  # an interval of few seeds may reach far
    figure.update_yaxes(**ticks(kind, min(values), max(values)), range=room)
    for at, (name, curve) in enumerate(curves.items()):
        reach = [(high - mean) if known(high) else 0 for mean, high in zip(curve["mean"], curve["high"], strict=True)]
        figure.add_scatter(
            x=curve["steps"], y=curve["mean"], name=name, mode="lines+markers", error_y={"array": reach, "width": 3},
            line=_look(at), marker={"size": 7}, hovertemplate="%{y:.4g}",
        )  # fmt: skip
    if known(result.get("target")):
        figure.add_hline(y=result["target"], line={"color": QUIET, "dash": "dot", "width": 1})
    spoken = say(mark("Final loss over the length of a training, for {count} optimizers."), count=len(curves))
    caption = say(
        mark("each point: mean over seeds of whole trainings of this length, schedule included · bar: its 95% interval")
    )
    return Chart("lengths", say(mark("What longer trainings bring")), caption, spoken, figure, words)


def _ends(result: Result) -> Chart | None:
    """Who ended where: every seed, the mean of each and its interval, the best on top. The picture of the race."""
    rows = [row for row in result.get("entrants") or [] if any(map(known, row.get("losses") or []))]
    if not rows:
        return None
    words = Lexicon()
    figure = blank(words(_quantity(result)), "", hovermode="closest", showlegend=False)
    losses = [loss for row in rows for loss in row["losses"] if known(loss)]
    kind = scale(losses)
    figure.update_xaxes(**ticks(kind, min(losses), max(losses)), range=span(kind, min(losses), max(losses)))
    figure.update_yaxes(showgrid=False, tickfont={"size": 15, "color": "var(--ink)"})
    first = result.get("tied") or [result.get("best")]
    for row in reversed(rows):
        _add_ends(figure, row, CLIMB if row["entrant"] in first else QUIET)
    if known(result.get("target")):
        figure.add_vline(x=result["target"], line={"color": BASELINE, "dash": "dot", "width": 2})
    spoken = say(mark("The final loss of every seed, for {count} optimizers."), count=len(rows))
    large = say(mark("each small dot: one seed, the same seeds for all · large: the mean, and its 95% interval"))
    dotted = say(mark("dotted: the target, the median end of {reference}"), reference=result.get("reference") or "")
    caption = join([large, *([dotted] if known(result.get("target")) else [])], " · ")
    return Chart("ends", say(mark("The race")), caption, spoken, figure, words)


def _add_ends(figure: Any, row: Mapping[str, Any], colour: str) -> None:
    """One entrant's line."""
    name, seen = row["entrant"], [loss for loss in row["losses"] if known(loss)]
    figure.add_scatter(
        x=seen, y=[name] * len(seen), mode="markers", marker={"color": colour, "size": 8, "opacity": 0.4},
        hovertemplate="%{x:.4g}", name=name,
    )  # fmt: skip
    if known(row.get("mean")) and len(seen) > 1:
        low, high = row.get("spread") or (row["mean"], row["mean"])
        reach = {"array": [high - row["mean"]], "arrayminus": [row["mean"] - low], "thickness": 3, "width": 0}
        figure.add_scatter(
            x=[row["mean"]], y=[name], mode="markers", marker={"color": colour, "size": 15}, error_x=reach,
            hovertemplate="%{x:.4g}", name=name,
        )  # fmt: skip


def _quantity(result: Result) -> str:
    return QUANTITIES.get(str(result.get("judged_by")), QUANTITIES["training"])
