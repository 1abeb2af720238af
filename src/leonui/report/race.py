"""What the page of ``leonui race`` says: who is best, how sure that is, what each needs to come as far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.report.chart import BASELINE, CLIMB, QUIET, Chart, Lexicon, blank, scale, ticks
from leonui.report.numerals import duration, known, number, size
from leonui.report.text import Text, say
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
}
HEADS = (
    mark("optimizer"), mark("lr"), mark("final loss"), mark("behind the best"), mark("p"), mark("steps to target"),
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
        "heads": [say(head) for head in HEADS],
        "entrants": [_row(row, result) for row in result.get("entrants") or []],
        "charts": [chart for chart in (_lengths(result), _seeds(result)) if chart],
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
    fresh = say(mark("whole trainings of each, none of them searched on"))
    faster = best and best.get("faster")
    to_target = say(mark("to the median end of {reference}"), reference=result.get("reference") or "")
    return [
        tile(mark("Final loss"), before, number(best["mean"]), quantity) if best else None,
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
            number(row.get("steps")), number(row.get("passes")), duration(row.get("seconds")),
            "" if row.get("arrived") is None else f"{row['arrived']}/{result.get('seeds')}",
            size(row.get("state_bytes")), size(row.get("peak_bytes")),
        ),
    }  # fmt: skip


def _lengths(result: Result) -> Chart | None:
    """The loss at the end of whole trainings of several lengths: the picture of the race."""
    curves = {name: curve for name, curve in (result.get("curves") or {}).items() if curve.get("steps")}
    if not curves:
        return None
    words = Lexicon()
    values = [value for curve in curves.values() for value in curve["mean"] if known(value)]
    figure = blank(words(mark("steps of a whole training")), words(_quantity(result)), hovermode="closest")
    figure.update_yaxes(**ticks(scale(values), min(values), max(values)))
    for at, (name, curve) in enumerate(curves.items()):
        colour, dash = COLOURS[at % len(COLOURS)], DASHES[at // len(COLOURS) % len(DASHES)]
        reach = [(high - mean) if known(high) else 0 for mean, high in zip(curve["mean"], curve["high"], strict=True)]
        figure.add_scatter(
            x=curve["steps"], y=curve["mean"], name=name, mode="lines+markers", error_y={"array": reach, "width": 3},
            line={"color": colour, "dash": dash, "width": 2.5}, marker={"size": 7}, hovertemplate="%{y:.4g}",
        )  # fmt: skip
    if known(result.get("target")):
        figure.add_hline(y=result["target"], line={"color": QUIET, "dash": "dot", "width": 1})
    spoken = say(mark("Final loss over the length of a training, for {count} optimizers."), count=len(curves))
    caption = say(
        mark("each point: mean over seeds of whole trainings of this length, schedule included · bar: its 95% interval")
    )
    return Chart("lengths", say(mark("The race")), caption, spoken, figure, words)


def _seeds(result: Result) -> Chart | None:
    """Every seed's final loss: how much is chance."""
    rows = [row for row in result.get("entrants") or [] if any(map(known, row.get("losses") or []))]
    if not rows or (result.get("seeds") or 0) < 2:
        return None
    words = Lexicon()
    figure = blank("", words(_quantity(result)), hovermode="closest", showlegend=False)
    values = [loss for row in rows for loss in row["losses"] if known(loss)]
    figure.update_yaxes(**ticks(scale(values), min(values), max(values)))
    for row in rows:
        figure.add_scatter(
            x=[row["entrant"]] * len(row["losses"]), y=row["losses"], mode="markers", hovertemplate="%{y:.4g}",
            marker={"color": CLIMB, "size": 9, "opacity": 0.7}, name=row["entrant"],
        )  # fmt: skip
    spoken = say(mark("The final loss of every seed, for {count} optimizers."), count=len(rows))
    caption = say(mark("each point: one seed; the same seeds for all"))
    return Chart("seeds", say(mark("Seed by seed")), caption, spoken, figure, words)


def _quantity(result: Result) -> str:
    return QUANTITIES.get(str(result.get("judged_by")), QUANTITIES["training"])
