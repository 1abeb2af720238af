"""What the page of ``leonui rlhf`` says: what was gained, how far the policy went for it, what it says now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.record import Record
from leonui.report import series
from leonui.report.chart import CLIMB, QUIET, Chart, Lexicon, blank
from leonui.report.numerals import duration, known, number
from leonui.report.series import Curve, finite
from leonui.report.text import Text, join, say
from leonui.report.told import named, retold, run, tile
from leonui.words import mark

Result = Mapping[str, Any]


def content(result: Result, record: Record) -> dict[str, Any]:
    """Everything that the template of the page shows."""
    return run(result, mark("leonui rlhf: {program}")) | {
        "tone": _tone(result),
        "verdict": _sentence(result),
        "tiles": [one for one in _tiles(result) if one],
        "samples": [_sample(row) for row in result.get("samples") or []],
        "checks": [retold(told) | {"ok": told.get("ok")} for told in result.get("checks") or [] if told.get("ok")],
        "notes": result.get("failures") or [],
        "charts": [one for one in (_reward_chart(record), _kl_chart(record, result), _entropy_chart(record)) if one],
        "settings": named(_flat(result.get("settings") or {})),
    }


def _flat(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{group} · {name}": value for group, values in settings.items() for name, value in values.items()}


def _ends(result: Result, name: str) -> tuple[Any, Any]:
    both = result.get(name) or {}
    return both.get("before"), both.get("after")


def _tone(result: Result) -> str:
    before, after = _ends(result, "reward")
    if not known(before) or not known(after):
        return "none"
    return "sure" if after > before and not result.get("findings") else "careful"


def _sentence(result: Result) -> Text:
    before, after = _ends(result, "reward")
    if not known(after):
        return say(mark("Interrupted before the first iteration was done."))
    words = mark("The reward went from {before} to {after}, {kl} nats from where the model began.")
    return say(words, before=number(before), after=number(after), kl=number(_ends(result, "kl")[1]))


def _tiles(result: Result) -> list[dict[str, Any] | None]:
    target = result.get("target")
    wanted = say(mark("{target} nats were the target"), target=number(target)) if known(target) else None
    price = say(mark("beta {beta} at the end"), beta=number(result.get("beta")))
    return [
        _tile(mark("Reward"), result, "reward", say(mark("mean of the last iterations"))),
        _tile(mark("KL to the reference"), result, "kl", join([wanted, price], " · ")),
        _tile(mark("Entropy"), result, "entropy", say(mark("nats a token"))),
        _tile(mark("Length"), result, "length", say(mark("tokens a completion"))),
        tile(mark("Time"), None, duration(result.get("seconds")), _iterations(result)),
    ]


def _iterations(result: Result) -> Text:
    return say(mark("{steps} iterations"), steps=number(result.get("steps")))


def _tile(label: str, result: Result, name: str, note: Text | None) -> dict[str, Any] | None:
    before, after = _ends(result, name)
    return tile(label, number(before), number(after), note) if known(after) else None


def _sample(row: Mapping[str, Any]) -> dict[str, str]:
    told = {"prompt": str(row.get("prompt") or "").strip("\n")}
    for who in ("before", "after"):
        sample = row.get(who) or {}
        told |= {who: str(sample.get("completion")), f"{who}_reward": number(sample.get("reward"))}
    return told


# charts


def _curve(record: Record, name: str) -> Curve:
    return Curve(record.column("step"), finite(record.column(name)))


def _drawn(name: str, title: str, words: Lexicon, curve: Curve, caption: Text, y_title: str) -> Chart | None:
    """A chart of one column: thin as it was, thick its running median."""
    if not curve:
        return None
    figure = blank(words(mark("iteration")), words(y_title), hovermode="x unified")
    width = series.window(len(curve.x) * 4)
    raw, smooth = series.thin(curve), series.smooth(curve, width)
    thin, thick = {"color": CLIMB, "width": 1}, {"color": CLIMB, "width": 2.5}
    common = {"mode": "lines", "showlegend": False}
    figure.add_scatter(x=raw.x, y=raw.y, line=thin, opacity=0.35, hoverinfo="skip", **common)
    figure.add_scatter(x=smooth.x, y=smooth.y, line=thick, name=words(y_title), hovertemplate="%{y:.4g}", **common)
    spoken = say(
        mark("{title}: from {first} to {last}."),
        title=say(title),
        first=number(smooth.values[0]),
        last=number(smooth.values[-1]),
    )
    thick_line = say(mark("thick line: running median over {width} iterations"), width=width)
    return Chart(name, say(title), join([caption, thick_line], " · "), spoken, figure, words)


def _reward_chart(record: Record) -> Chart | None:
    caption = say(mark("mean over the completions of an iteration, before its update"))
    return _drawn("reward", mark("The reward on the way"), Lexicon(), _curve(record, "reward"), caption, mark("reward"))


def _kl_chart(record: Record, result: Result) -> Chart | None:
    words, curve, target = Lexicon(), _curve(record, "kl"), result.get("target")
    caption = say(mark("KL(policy || reference) of a whole completion, estimated without bias (k1)"))
    chart = _drawn("kl", mark("How far it went"), words, curve, caption, mark("nats"))
    if chart and known(target):
        ends, line = [curve.x[0], curve.x[-1]], {"color": QUIET, "dash": "dash", "width": 1.5}
        chart.figure.add_scatter(x=ends, y=[target] * 2, mode="lines", line=line, name=words(mark("target")))
    return chart


def _entropy_chart(record: Record) -> Chart | None:
    caption = say(mark("exact, over the whole vocabulary; 0 where the policy always says the same"))
    title = mark("How freely it still speaks")
    return _drawn("entropy", title, Lexicon(), _curve(record, "entropy"), caption, mark("nats a token"))
