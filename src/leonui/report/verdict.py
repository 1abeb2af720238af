"""The verdict of a climb in one sentence, and the quantity that it was judged by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.report.numerals import known, number, pair, rate, signed
from leonui.report.text import Text, join, retell, say, shorten, verbatim
from leonui.words import mark

Result = Mapping[str, Any]

QUANTITIES = {
    "metric": ("metric", mark("the script's own metric")),
    "validation": ("validation", mark("validation loss")),
    "training": ("loss", mark("training loss")),
}

_SENTENCES = {
    "better": mark("Better: {what} {before} → {after}{detail}{change}."),
    "no_difference": mark("No difference found: {what} {before} → {after}{detail}{change}. Keep your setting."),
    "worse": mark("Your own setting is the better one: keep it. Tried: {what} {before} → {after}{detail}{change}."),
}
_FOUND = mark("No verdict. Found: {finding}.")
_NO_VERDICT = mark("No verdict: there are not two finished runs to compare.")
_STOPPED = mark("Interrupted before a verdict: this is what was seen until then.")


def tone(result: Result) -> str:
    """The verdict as a word for the page's style: "better", "no_difference", "worse" or "none"."""
    return result["verdict"] if result.get("verdict") in _SENTENCES else "none"


def sentence(result: Result) -> Text:
    """The verdict, its figures, and the change that it is about."""
    if tone(result) == "none":
        return _why_none(result)
    before, after = both(result)
    parts = {"what": judged(result), "before": before, "after": after}
    return say(_SENTENCES[tone(result)], **parts, detail=_detail(result), change=_change(result))


def _why_none(result: Result) -> Text:
    if findings := result.get("findings"):
        last = findings[-1]
        finding = retell(last.get("template"), last.get("evidence"), last.get("message"))
        return say(_FOUND, finding=shorten(finding, 200))
    return say(_STOPPED if result.get("complete") is False else _NO_VERDICT)


def judged(result: Result) -> Text:
    """The name of the quantity that decided."""
    return say(QUANTITIES.get(result.get("judged_by") or "", QUANTITIES["training"])[1])


def judged_key(result: Result) -> str:
    """Under which key the sides of a result hold the quantity that decided."""
    return QUANTITIES.get(result.get("judged_by") or "", QUANTITIES["training"])[0]


def both(result: Result, key: str | None = None) -> tuple[str, str]:
    """A quantity of the baseline and of the climb, as text; the one that decided, if none is named."""
    return pair(value(result, "baseline", key), value(result, "climb", key))


def value(result: Result, side: str, key: str | None = None) -> Any:
    """A quantity of one side of a result or of one of its pairs."""
    return (result.get(side) or {}).get(key or judged_key(result))


def difference(result: Result, key: str) -> float | None:
    """Climb minus baseline in one quantity, where both are known."""
    before, after = value(result, "baseline", key), value(result, "climb", key)
    return after - before if known(before) and known(after) else None


def interval(result: Result) -> Text | None:
    """The interval of the difference in words, or None."""
    low, high = result.get("interval") or (None, None)
    if not known(low) or not known(high):
        return None
    words = mark("{level}% interval {low} to {high}")
    return say(words, level=number(100 * (result.get("level") or 0.95)), low=signed(low), high=signed(high))


def seeds(result: Result) -> Text | None:
    """How many seeds were compared, in words, or None."""
    count = len(result.get("pairs") or [])
    return say(mark("1 seed") if count == 1 else mark("{count} seeds"), count=count) if count else None


def rates(result: Result) -> dict[str, str]:
    """The script's own learning rate and the chosen one, as text; empty unless both are known."""
    own, lr = own_rate(result), result.get("lr")
    return {"own": rate(own), "lr": rate(lr)} if known(own) and known(lr) else {}


def own_rate(result: Result) -> float | None:
    """The learning rate that the script sets, in its first parameter group."""
    return next(iter(result.get("base_lr") or []), None)


def _detail(result: Result) -> Text | str:
    change = verbatim(signed(result["difference"])) if known(result.get("difference")) else None
    parts = join([change, interval(result), seeds(result)], ", ")
    return join([verbatim(" ("), parts, verbatim(")")], "") if parts else ""


def _change(result: Result) -> Text | str:
    return say(mark(" with lr {lr} instead of {own}"), **rates(result)) if rates(result) else ""
