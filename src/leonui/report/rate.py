"""What the page of ``leonui lr`` says: the learning rate that was found, how sure it is, what being off costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go

from leonui.report.chart import Chart
from leonui.report.numerals import UNKNOWN, duration, known, number, rate
from leonui.report.search import Search, drawable, lost_chart, percent, plain_figure, read, search_chart
from leonui.report.text import Text, join, say, shorten, verbatim
from leonui.report.told import place, retold, run, tile
from leonui.words import mark

Result = Mapping[str, Any]
TITLE = mark("leonui lr: {program}")

_WHY = {
    "flat": mark("the candidates do not differ by more than their noise"),
    "edge": mark("the best one tried is the outermost one, at {lr}"),
    "not_learning": mark("nothing was learned at any rate, or the first loss is not finite"),
}
_WARNED = {
    "needs_warmup": mark("With a warm-up over the first tenth of the run it would train better."),
    "overfit_horizon": mark("Each sample is trained on {epochs} times: overfitting may ask for a smaller one."),
}


def content(result: Result) -> dict[str, Any]:
    """Everything that the template of the page shows."""
    return run(result, TITLE) | {
        "pattern": result.get("metric_pattern"),
        "interrupted": result.get("complete") is False and known(result.get("lr")),
        "tone": tone(result),
        "verdict": sentence(result),
        "tiles": [tile for tile in _tiles(result) if tile],
        "advice": _advice(result),
        "place": place(result),
        "diff": _diff(result.get("patch") or ""),
        "groups": _groups(result),
        "contenders": _contenders(result),
        "measure": say(_search(result).measure),
        "suggestions": _suggestions(result),
        "charts": [
            chart
            for chart in (_search_chart(result), lost_chart(_lost(result), result.get("lr"), _own(result)))
            if chart
        ],
        "curvature": _curvature(result),
    }


# the headline


def tone(result: Result) -> str:
    """The outcome as a word for the page's style: "sure", "careful" or "none"."""
    if not known(result.get("lr")):
        return "none"
    return "sure" if result.get("status") == "ok" and not _range_test(result) else "careful"


def sentence(result: Result) -> Text:
    """The learning rate and how sure it is; or why there is none to give."""
    if known(result.get("lr")):
        return join([_found(result), _warning(result)])
    if findings := result.get("findings"):
        told = shorten(retold(findings[-1])["said"], 200)
        return say(mark("No learning rate can be given. Found: {finding}."), finding=told)
    if _range_test(result):
        return _suggested(result)
    if result.get("complete") is False:
        return say(mark("Interrupted before a learning rate was found: this is what was seen until then."))
    return _refusal(result)


def _range_test(result: Result) -> bool:
    return result.get("method") == "ramp"


def _found(result: Result) -> Text:
    lr, scale = rate(result["lr"]), result.get("scale")
    ends = _ends(result)
    words = mark("; best between {low} and {high} with {level}% probability")
    sure = say(words, level=_level(result), **_written(ends)) if ends else ""
    if known(scale):
        return say(mark("lr {lr}, {scale}× yours{sure}."), lr=lr, scale=number(scale, 2), sure=sure)
    return say(mark("lr {lr}{sure}."), lr=lr, sure=sure)


def _warning(result: Result) -> Text | None:
    if _range_test(result):
        return say(mark("It was read off a range test: no other rate was trained to compare it with."))
    told = _WARNED.get(result.get("status") or "")
    if not told or (result.get("status") == "overfit_horizon" and not known(result.get("epochs"))):
        return None
    return say(told, epochs=number(round(result.get("epochs") or 0)))


def _suggested(result: Result) -> Text:
    rates = _rules(result).values()
    if not rates:
        return say(mark("No learning rate can be given: no rule reads one off this range test."))
    words = mark("A range test only: its rules suggest rates from {low} to {high}.")
    return say(words, low=rate(min(rates)), high=rate(max(rates)))


def _refusal(result: Result) -> Text:
    why = _WHY.get(result.get("status") or "")
    if not why:
        return say(mark("No learning rate was found."))
    best = (next(iter(result.get("rungs") or []), None) or {}).get("best")
    return say(mark("No learning rate can be given: {why}."), why=say(why, lr=rate(best)))


def _ends(result: Result) -> tuple[float, float] | None:
    """The ends of the interval, if both are known."""
    low, high = map(drawable, result.get("interval") or (None, None))
    return (low, high) if low and high else None


def _written(ends: Sequence[float]) -> dict[str, str]:
    low, high = (number(end, 2).replace("−", "-") for end in ends)
    return {"low": low, "high": high}


def _level(result: Result) -> str:
    return number(100 * (result.get("level") or 0.8))


def _own(result: Result) -> float | None:
    return drawable(next(iter(result.get("base_lr") or []), None))


def _tiles(result: Result) -> list[dict[str, Any] | None]:
    return [_rate(result), _interval(result), _rules_tile(result), _off(result), _effort(result)]


def _rate(result: Result) -> dict[str, Any] | None:
    lr, own = result.get("lr"), _own(result)
    if not known(lr):
        return None
    factor = verbatim(f"×{number(result['scale'])}") if known(result.get("scale")) else None
    decay = result.get("weight_decay")
    parts = [verbatim(result.get(name) or "") for name in ("optimizer", "schedule")]
    parts += [say(mark("weight decay {value}"), value=rate(decay))] if known(decay) else []
    return tile(mark("Learning rate"), rate(own) if own else None, rate(lr), join([factor, *parts], " · "))


def _interval(result: Result) -> dict[str, Any] | None:
    ends = _ends(result)
    if not ends or not drawable(result.get("lr")):
        return None
    sure = say(mark("with {level}% probability"), level=_level(result))
    figures = "{low} – {high}".format(**_written(ends))
    note = join([sure, _where(result, ends)], "; ")
    return tile(mark("The best lies between"), None, figures, note) | {"bar": _bar(ends, result["lr"], _own(result))}


def _rules_tile(result: Result) -> dict[str, Any] | None:
    """What the rules of a range test suggest, from the lowest to the highest."""
    rates = _rules(result).values()
    if not rates:
        return None
    ends = min(rates), max(rates)
    figures = "{low} – {high}".format(**_written(ends)) if ends[0] < ends[1] else rate(ends[0])
    return tile(mark("The rules suggest"), None, figures, _where(result, ends))


def _where(result: Result, ends: tuple[float, float]) -> Text | None:
    """Where the script's own rate lies."""
    own = _own(result)
    if not own:
        return None
    if own < ends[0]:
        return say(mark("yours ({own}) lies below"), own=rate(own))
    return say(mark("yours ({own}) lies above") if own > ends[1] else mark("yours ({own}) lies within"), own=rate(own))


def _bar(ends: tuple[float, float], lr: float, own: float | None) -> dict[str, float | None]:
    """Where the interval, the rate and the script's own lie on a logarithmic line of length 100."""
    places = {"low": ends[0], "high": ends[1], "middle": lr, "zero": own}
    logs = {name: math.log(value) for name, value in places.items() if value}
    first, length = min(logs.values()), (max(logs.values()) - min(logs.values())) or 1.0
    return {"zero": None} | {name: 5 + 90 * (value - first) / length for name, value in logs.items()}


def _off(result: Result) -> dict[str, Any] | None:
    rows = _lost(result)
    if not rows:
        return None
    columns = [say(mark("too low")), say(mark("too high"))]
    shares = [(f"{number(row['factor'])}×", percent(row.get("low")), percent(row.get("high"))) for row in rows]
    note = say(mark("of the progress is lost"))
    return tile(mark("Being off costs"), None, "", note) | {"columns": columns, "rows": shares}


def _lost(result: Result) -> list[Mapping[str, Any]]:
    """What being off costs, where there is a rate to be off from."""
    rows = result.get("lost") or []
    return [row for row in rows if drawable(row.get("factor"))] if drawable(result.get("lr")) else []


def _effort(result: Result) -> dict[str, Any] | None:
    steps, horizon = result.get("steps"), result.get("horizon")
    if not known(steps) and not known(result.get("seconds")):
        return None
    spent = verbatim(duration(result["seconds"])) if known(result.get("seconds")) else None
    run = mark("{share} of a run of {horizon} steps")
    runs = say(run, share=percent(steps / horizon), horizon=number(horizon)) if known(steps) and horizon else None
    return tile(mark("Steps spent"), None, number(steps), join([runs, spent], " · "))


def _advice(result: Result) -> Text | None:
    """What trained best, of several contenders; else what to do, where no line of the script can be shown."""
    own, lr = _own(result), result.get("lr")
    if known(lr) and (best := next(iter(_contenders(result)), None)):
        return say(mark("Trained best: {name}, at lr {lr}."), name=best["name"], lr=rate(lr))
    if not known(lr) or not own or result.get("patch"):
        return None
    return say(mark("Set lr {lr} where your script sets {own}."), lr=rate(lr), own=rate(own))


def _diff(patch: str) -> list[tuple[str, str]]:
    """The lines of a unified diff, each with its kind: head, gone, come or same."""
    kinds = {"-": "gone", "+": "come", "@": "head"}
    lines = [f"{line}\n" for line in patch.removesuffix("\n").split("\n")] if patch else []
    return [("head" if at < 2 else kinds.get(line[:1], "same"), line) for at, line in enumerate(lines)]


def _contenders(result: Result) -> list[dict[str, Any]]:
    """Optimizers and schedules that were tried, the best first."""
    told = sorted(result.get("contenders") or [], key=lambda row: row["loss"] if known(row.get("loss")) else math.inf)
    return [row | {"lr": rate(row.get("lr")), "loss": number(row.get("loss"))} for row in told]


def _groups(result: Result) -> list[tuple[int, str, str]]:
    """Every parameter group with its rates, where there are several."""
    before, after = result.get("base_lr") or [], result.get("per_group") or []
    rows = zip(before, after, strict=False) if len(after) > 1 else ()
    return [(place, rate(own), rate(lr)) for place, (own, lr) in enumerate(rows)]


_RULES = {
    "steepest/10": mark("a tenth of the steepest point, as most tutorials teach"),
    "steepest": mark("the steepest point, as torch-lr-finder does"),
    "valley": mark("the middle of the longest fall, as fastai does"),
    "minimum/10": mark("a tenth of the rate with the lowest loss"),
    "slide": mark("from the right, where the fall is the same at both ends of a window: fastai's slide"),
}


def _rules(result: Result) -> dict[str, float]:
    """What each rule of a range test suggests, as far as it suggests anything."""
    told = (result.get("suggestions") or {}) if _range_test(result) else {}
    return {rule: lr for rule, lr in told.items() if drawable(lr)}


def _suggestions(result: Result) -> list[dict[str, Any]]:
    own = _own(result)
    told = (result.get("suggestions") or {}) if _range_test(result) else {}
    return [
        {
            "rule": rule,
            "how": say(_RULES[rule]) if rule in _RULES else None,
            "lr": rate(lr),
            "scale": f"×{number(lr / own)}" if own and drawable(lr) else UNKNOWN,
        }
        for rule, lr in told.items()
    ]


def _curvature(result: Result) -> list[tuple[str, str, str]]:
    rows = (result.get("curvature") or []) if known(result.get("lr")) else []
    return [(number(row.get("step")), number(row.get("lambda_max")), rate(row.get("limit"))) for row in rows]


# charts


def _search(result: Result) -> Search:
    """The search of a result, with its interval; of a range test what its rules suggest."""
    search = replace(read(result), interval=_ends(result) if drawable(result.get("lr")) else None)
    return replace(search, suggested=_rules(result)) if _range_test(result) else search


def _search_chart(result: Result) -> Chart | None:
    steps = result.get("steps")
    about = say(mark("{steps} steps in all"), steps=number(steps)) if steps else verbatim("")
    return search_chart(_search(result), about)


def rate_figure(result: Result) -> go.Figure:
    """The search as a plain Plotly figure, for a notebook: real colours, a title, texts in the result's language."""
    heading = say(TITLE, program=result.get("program") or "")
    return plain_figure(_search_chart(result), heading, sentence(result), result.get("lang"))
