"""What the page of a climb says, in the order in which it says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from leonui.record import Record
from leonui.report import verdict
from leonui.report.chart import Chart
from leonui.report.charts import loss_chart, rate_chart
from leonui.report.numerals import duration, known, number, pair, rate, signed
from leonui.report.search import plain_figure, read, search_chart
from leonui.report.text import Text, join, say, verbatim
from leonui.report.told import place, run, tile
from leonui.words import mark

Result = Mapping[str, Any]
TITLE = mark("leonui climb: {program}")


def content(result: Result, baseline: Record | None = None, climb: Record | None = None) -> dict[str, Any]:
    """Everything that the template of the page shows, from the result and the Records of the two runs."""
    return run(result, TITLE) | {
        "pattern": result.get("metric_pattern"),
        "interrupted": result.get("complete") is False and result.get("verdict") is not None,
        "tone": verdict.tone(result),
        "verdict": verdict.sentence(result),
        "tiles": [tile for tile in (_judged(result), _rate(result), _difference(result), _effort(result)) if tile],
        "quantities": _quantities(result),
        "changes": [_change(told) for told in result.get("changes") or []],
        "advice": _advice(result),
        "charts": _charts(result, baseline or Record(), climb),
        "costs": _costs(result),
        "seeds": [_seed(result, pair) for pair in result.get("pairs") or []],
        "compared": _compared(result),
    }


def climb_figure(result: Result, baseline: Record | None, climb: Record | None) -> go.Figure:
    """The loss of both trainings as a plain Plotly figure, for a notebook, in the result's language."""
    rates = join([_seed_used(result), _rates_used(result)], " · ")
    chart = loss_chart({"baseline": baseline or Record(), "climb": climb}, rates)
    heading = say(TITLE, program=result.get("program") or "")
    return plain_figure(chart, heading, verdict.sentence(result), result.get("lang"))


def _judged(result: Result) -> dict[str, Any] | None:
    before, after = verdict.both(result)
    if not known(verdict.value(result, "baseline")) and not known(verdict.value(result, "climb")):
        return None
    upwards = result.get("judged_by") == "metric" and result.get("goal") == "max"
    goal = mark("higher is better") if upwards else mark("lower is better")
    return tile(mark("Judged by"), before, after, join([verdict.judged(result), say(goal)], " · "))


def _rate(result: Result) -> dict[str, Any] | None:
    own, lr = verdict.own_rate(result), result.get("lr")
    if not known(lr):
        return None
    factor = verbatim(f"×{number(result['scale'])}") if known(result.get("scale")) else None
    note = join([factor, verbatim(result.get("optimizer") or "")], " · ")
    return tile(mark("Learning rate"), rate(own), rate(lr), note)


def _difference(result: Result) -> dict[str, Any] | None:
    change = result.get("difference")
    if not known(change):
        return None
    return tile(mark("Difference"), None, signed(change), verdict.interval(result)) | {"bar": _bar(result)}


def _effort(result: Result) -> dict[str, Any] | None:
    if not known(result.get("seconds")):
        return None
    return tile(mark("Time"), None, duration(result["seconds"]), verdict.seeds(result))


def _bar(result: Result) -> dict[str, float] | None:
    """Where the interval, the difference and zero lie on a line of length 100."""
    ends, middle = result.get("interval") or [], result.get("difference")
    if len(ends) != 2 or not all(known(value) for value in (*ends, middle)):
        return None
    low, high = min(0.0, *ends), max(0.0, *ends)
    length = high - low or 1.0
    names = {"low": ends[0], "high": ends[1], "middle": middle, "zero": 0.0}
    return {name: 5 + 90 * (value - low) / length for name, value in names.items()}


def _quantities(result: Result) -> list[dict[str, Any]]:
    """A row for each quantity that was measured; the one that decided stands first."""
    known_ones = [
        _quantity(result, key, name)
        for key, name in verdict.QUANTITIES.values()
        if known(verdict.value(result, "baseline", key)) or known(verdict.value(result, "climb", key))
    ]
    return sorted(known_ones, key=lambda row: not row["decides"])


def _quantity(result: Result, key: str, name: str) -> dict[str, Any]:
    before, after = verdict.both(result, key)
    change = signed(verdict.difference(result, key))
    decides = key == verdict.judged_key(result)
    return {"name": say(name), "before": before, "after": after, "change": change, "decides": decides}


def _advice(result: Result) -> Text | None:
    """What to do, where no line of the script can be named; after a verdict other than better: nothing."""
    if verdict.tone(result) in ("worse", "no_difference"):
        return say(mark("Nothing: keep your lr {own}."), own=rate(verdict.own_rate(result)))
    rates = verdict.rates(result)
    if result.get("changes") or not rates:
        return None
    return say(mark("Set lr {lr} where your script sets {own}."), **rates)


def _change(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"place": place(told), "before": told.get("from") or "", "after": told.get("to") or ""}


def _charts(result: Result, baseline: Record, climb: Record | None) -> list[Chart]:
    runs, search = {"baseline": baseline, "climb": climb}, read(result)
    rates = join([_seed_used(result), _rates_used(result)], " · ")
    charts = (
        loss_chart(runs, rates),
        search_chart(search, join([_seed_used(result), _steps_searched(result)], " · ")),
        rate_chart(runs, rates, len(result.get("base_lr") or [])),
    )
    return [chart for chart in charts if chart]


def _seed_used(result: Result) -> Text | None:
    pairs = result.get("pairs") or []
    seed = pairs[0].get("seed") if pairs else None
    return None if seed is None else say(mark("Seed {seed}"), seed=seed)


def _steps_searched(result: Result) -> Text | None:
    steps = (result.get("steps") or {}).get("search")
    return say(mark("{steps} steps in all"), steps=number(steps)) if steps else None


def _rates_used(result: Result) -> Text | None:
    told = mark("baseline: lr {own} as the script sets it; climb: lr {lr} as the search chose it")
    rates = verdict.rates(result)
    return say(told, **rates) if rates else None


_PHASES = {
    "baseline": mark("Baseline: your script as it is"),
    "search": mark("Search: branches of your run"),
    "final": mark("Climb: your script with the changes"),
}


def _costs(result: Result) -> list[dict[str, Any]]:
    """A row for each phase: its steps, and its share of all."""
    steps = result.get("steps") or {}
    total = sum(count for count in steps.values() if known(count))
    return [
        {"phase": say(name), "steps": number(steps.get(key)), "share": 100 * steps[key] / total}
        for key, name in _PHASES.items()
        if total and known(steps.get(key))
    ]


def _seed(result: Result, sides: Mapping[str, Any]) -> dict[str, Any]:
    key = verdict.judged_key(result)
    before, after = pair(verdict.value(sides, "baseline", key), verdict.value(sides, "climb", key))
    return {
        "seed": sides.get("seed"),
        "before": before,
        "after": after,
        "change": signed(verdict.difference(sides, key)),
    }


def _compared(result: Result) -> Text:
    """By what the seeds were compared, and what the interval is an interval of."""
    how = mark("Each seed ran twice: as your script is, and with the changes. Compared by {what}.")
    several = mark("The interval is that of the mean difference over seeds.")
    single = mark("With one seed the interval is that over batches: it does not tell how other seeds would do.")
    over = several if len(result.get("pairs") or []) > 1 else single
    return join([say(how, what=verdict.judged(result)), say(over) if verdict.interval(result) else None])
