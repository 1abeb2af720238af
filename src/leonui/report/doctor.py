"""What the page of ``leonui doctor`` says: the verdict, each finding with its proof as two curves, the checklist."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from leonui.report import series
from leonui.report.chart import BASELINE, CLIMB, Chart, Lexicon, blank, scale, span, ticks
from leonui.report.numerals import known, number, signed
from leonui.report.search import percent
from leonui.report.series import Curve, finite
from leonui.report.text import Text, join, say, verbatim
from leonui.report.told import finding, retold, run, tile
from leonui.words import mark

Result = Mapping[str, Any]

_TONES = {"healthy": "sure", "faults": "faults", "unknown": "careful"}
_VERDICTS = {
    "healthy": mark("Healthy: nothing was found that is wrong."),
    "faults": mark("What is wrong: {codes}."),
    "unknown": mark("Something is not right, and its cause was not proved: {codes}."),
}
_OF_LOG = {
    "healthy": mark("Nothing in the log looks wrong."),
    "unknown": mark("The log is consistent with: {codes}. It proves nothing."),
}
_NOTHING = mark("the training learned nothing")


def content(result: Result) -> dict[str, Any]:
    """Everything that the template of the page shows."""
    told = result.get("findings") or []
    findings = [_finding(result, one, at, _twin(told[:at], one)) for at, one in enumerate(told)]
    return run(result, mark("leonui doctor: {program}")) | {
        "tone": "careful" if _unfinished(result) else _TONES.get(result.get("verdict") or "", "none"),
        "verdict": sentence(result),
        "tiles": [tile for tile in (_steps(result), _passed(result)) if tile],
        "findings": findings,
        "checks": [retold(told) | {"ok": told.get("ok")} for told in result.get("checklist") or []],
        "charts": [one["chart"] for one in findings if one["chart"]],
        "patch": _lines(result.get("patch") or ""),
    }


# the headline


def sentence(result: Result) -> Text:
    """The verdict, how many faults there are, and what it took to find them."""
    if _unfinished(result):
        return say(mark("Interrupted before a verdict: nothing wrong was found until then."))
    words = (_OF_LOG if result.get("log") else _VERDICTS).get(result.get("verdict") or "")
    if not words:
        return say(mark("No verdict was reached."))
    codes = ", ".join(dict.fromkeys(str(told.get("code") or "?") for told in result.get("findings") or []))
    return join([say(words, codes=verbatim(codes) if codes else say(_NOTHING)), _took(result)])


def _unfinished(result: Result) -> bool:
    """Whether nothing was found only because nobody looked to the end."""
    return result.get("complete") is False and result.get("verdict") == "healthy"


def _took(result: Result) -> Text | None:
    times = _times(result)
    if times is None:
        return None
    more = say(mark("{times} times the steps of the script itself"), times=number(times, 2))
    cost = more if times > 1 else say(mark("no more steps than the script itself takes"))
    count = len(result.get("findings") or []) if result.get("verdict") == "faults" else 0
    return say(_COUNTED[min(count, 2)], count=count, cost=cost)


_COUNTED = (
    mark("The visit took {cost}."),
    mark("1 fault; the visit took {cost}."),
    mark("{count} faults; the visit took {cost}."),
)


def _times(result: Result) -> float | None:
    """The steps of the visit as a multiple of the script's own."""
    steps, run = result.get("steps"), result.get("run")
    return steps / run if known(steps) and known(run) and run > 0 else None


def _steps(result: Result) -> dict[str, Any] | None:
    times = _times(result)
    if times is None:
        return None
    words = mark("{times} times the run of {run} steps")
    note = say(words, times=number(times, 2), run=number(result["run"]))
    return tile(mark("Steps spent"), None, number(result["steps"]), note)


def _passed(result: Result) -> dict[str, Any] | None:
    checks = result.get("checklist") or []
    passed = sum(bool(told.get("ok")) for told in checks)
    return tile(mark("Checks passed"), None, f"{passed} / {len(checks)}", None) if checks else None


def _lines(patch: str) -> list[tuple[str, str]]:
    """The lines of unified diffs, each with its kind: head, gone, come or same."""
    kinds = {"-": "gone", "+": "come", "@": "head"}
    lines = [f"{line}\n" for line in patch.removesuffix("\n").split("\n")] if patch else []
    return [("head" if line.startswith(("--- ", "+++ ")) else kinds.get(line[:1], "same"), line) for line in lines]


# findings


def _twin(before: Sequence[Result], told: Result) -> str | None:
    """The code of an earlier finding that was proved by the same replay: several exact faults are mended at once."""
    proof = told.get("proof")
    return next((str(other.get("code")) for other in before if proof and other.get("proof") == proof), None)


def _finding(result: Result, told: Result, at: int, twin: str | None) -> dict[str, Any]:
    proof = {} if twin else told.get("proof") or {}
    return finding(told) | {
        "certain": told.get("class") in ("is", "caused by"),
        "fixes": "\n".join(told.get("fixes") or []),
        "evidence": _evidence(told),
        "twin": say(mark("Proved by the same replay as {code}."), code=twin) if twin else None,
        "chart": _proof_chart(proof, f"proof{at}", result.get("run")),
        "ends": _ends(proof),
        "difference": _difference(proof),
        "tried": _tried(proof),
    }


_LABELS = {
    "lr": mark("learning rate"),
    "better": mark("better rate"),
    "factor": mark("times off"),
    "share": mark("share gained"),
    "optimizer": mark("optimizer"),
    "loss": mark("loss"),
    "step": mark("step"),
    "steps": mark("steps"),
    "count": mark("count"),
    "parameters": mark("parameters"),
    "held": mark("held by the optimizer"),
    "unheld": mark("not held"),
    "calls": mark("calls looked at"),
    "batches": mark("batches looked at"),
    "first": mark("first at step"),
}
_SHARES = ("share", "mixed")
_SHORT = 40  # letters: a longer text is no figure, and the message has it


def _evidence(told: Result) -> list[tuple[Text, str]]:
    """The figures behind a finding; a zero that nothing is said of stands for what was not measured."""
    said = f"{told.get('template')} {told.get('fix_template')}"
    rows = {name: value for name, value in (told.get("evidence") or {}).items() if value or f"{{{name}" in said}
    return [
        (say(_LABELS.get(name, "{name}"), name=name.replace("_", " ")), _figure(name, value))
        for name, value in rows.items()
        if _figure(name, value)
    ]


def _figure(name: str, value: Any) -> str:
    if known(value):
        return percent(value) if name in _SHARES else number(value)
    return value if isinstance(value, str) and len(value) <= _SHORT and name != "place" else ""


_CHANGES = {
    "as it is": mark("as it is"),
    "mended": mark("mended"),
    "standardised inputs": mark("standardised inputs"),
    "shuffled inputs": mark("shuffled inputs"),
    "fresh weights": mark("fresh weights"),
    "averaged gradients": mark("averaged gradients"),
    "gradients clipped": mark("gradients clipped"),
    "no clipping": mark("no clipping"),
    "no dropout": mark("no dropout"),
    "no weight decay": mark("no weight decay"),
    "constant rate": mark("constant rate"),
}
_BY = {
    "lr x": mark("lr × {value}"),
    "gradient norm clipped at": mark("gradient norm clipped at {value}"),
    "weight decay": mark("weight decay {value}"),
    "seeds +": mark("seeds + {value}"),
}


def change(words: object) -> Text:
    """What was changed, in every language, as far as its words are known.

    >>> str(change("lr x 0.1, no clipping"))
    'lr × 0.1, no clipping'
    """
    return join([_part(part) for part in str(words or "").split(", ")], ", ")


def _part(words: str) -> Text:
    head, _, value = words.rpartition(" ")
    if words in _CHANGES:
        return say(_CHANGES[words])
    return say(_BY[head], value=value) if head in _BY else verbatim(words)


def _ends(proof: Result) -> tuple[Text | None, Text] | None:
    """The training loss at the end of both trainings, the mean over the last tenth of each."""
    if not proof.get("changed"):
        return None
    before = _end(proof["control"]) if proof.get("control") else None
    return before, _end(proof["changed"])


def _end(curve: Sequence[Any]) -> Text:
    last = curve[-max(1, len(curve) // 10) :]
    return verbatim(number(sum(last) / len(last))) if all(map(known, last)) else say(mark("not a number"))


def _difference(proof: Result) -> Text | None:
    """By how much the change moves the loss at the end, with its interval, where two trainings were compared."""
    gain, ends = proof.get("gain"), proof.get("interval") or ()
    if not proof.get("control") or not known(gain) or len(ends) != 2 or not all(map(known, ends)):
        return None
    interval = mark("{level}% interval {low} to {high}")
    sure = say(interval, level=95, low=signed(-ends[1]), high=signed(-ends[0]))
    return say(mark("difference {gain}; {interval}"), gain=signed(-gain), interval=sure)


def _tried(proof: Result) -> list[dict[str, Any]]:
    """What was tried in short trainings, the best first, each with a bar as long as its loss."""
    tried, enough = proof.get("tried") or {}, proof.get("suffices") or ()
    losses = {name: loss if known(loss) else math.inf for name, loss in tried.items()}
    shares = _bars(losses)
    return [
        {
            "name": change(name),
            "loss": number(loss) if known(loss) else say(mark("broke")),
            "share": shares.get(name),
            "enough": name in enough,
            "own": name == "as it is",
        }
        for name, loss in sorted(losses.items(), key=lambda item: item[1])
    ]


_LONGEST = 8.0  # times the best loss: longer bars are cut off, how long they are does not matter


def _bars(losses: Mapping[str, float]) -> dict[str, float]:
    """The lengths of the bars in percent of the longest that is drawn whole."""
    drawn = {name: loss for name, loss in losses.items() if known(loss)}
    least, most = min(drawn.values(), default=0.0), max(drawn.values(), default=0.0)
    base, top = min(0.0, least), min(most, _LONGEST * least) if least > 0 else most
    return {name: 100 * (loss - base) / ((top - base) or 1.0) for name, loss in drawn.items()}


# the chart of a proof

_STYLE = {
    "control": {"color": BASELINE, "dash": "dash", "name": mark("as it is")},
    "changed": {"color": CLIMB, "dash": "solid", "name": mark("with the change")},
}
_SPOKEN = {
    "control": mark("As it is: from {first} to {last}."),
    "changed": mark("With the change: from {first} to {last}."),
}
_ROOM = 20.0  # times the calmer curve's highest loss: what is above has left the chart


def _proof_chart(proof: Result, name: str, run: Any) -> Chart | None:
    """The two trainings of a proof over their steps; None where there is none."""
    lengths = {"control": run if known(run) else proof.get("steps"), "changed": proof.get("steps")}
    curves = {who: curve for who in lengths if (curve := _curve(proof.get(who) or [], lengths[who]))}
    if "changed" not in curves:
        return None
    words = Lexicon()
    figure = blank(words(mark("step")), words(mark("training loss")), hovermode="x unified")
    low, high = _reach(curves)
    width = series.window(min(len(curve.x) for curve in curves.values()))
    for who, curve in curves.items():
        _add_curve(figure, words, who, curve, width)
    for curve in (curve for curve in curves.values() if None in curve.y):
        _add_break(figure, words(mark("not a number")), curve, high)
    kind = scale([value for curve in curves.values() for value in curve.values if value <= high], 20)
    figure.update_yaxes(**ticks(kind, low, high), range=span(kind, low, high))
    told = mark("As it is, and with {change}") if proof.get("control") else mark("Once more, with {change}")
    title, caption = say(told, change=change(proof.get("change"))), _caption(curves, width, high)
    return Chart(name, title, caption, _spoken(proof, curves), figure, words)


def _curve(losses: Sequence[Any], steps: Any) -> Curve:
    """A curve of a result, each of its points the mean over a stretch of steps, in the middle of that stretch."""
    width = max(1, math.ceil(steps / len(losses))) if losses and known(steps) else 1
    return Curve([at * width + (width + 1) / 2 for at in range(len(losses))], finite(losses))


def _reach(curves: Mapping[str, Curve]) -> tuple[float, float]:
    """The ends of the loss axis: a training that explodes leaves the chart, so that the other can be read."""
    values = [value for curve in curves.values() for value in curve.values]
    calm = min(max(curve.values) for curve in curves.values())
    return min(values), min(max(values), _ROOM * calm) if calm > 0 else max(values)


def _add_curve(figure: go.Figure, words: Lexicon, who: str, curve: Curve, width: int) -> None:
    style = _STYLE[who]
    common = {"mode": "lines", "legendgroup": who, "name": words(style["name"])}
    if width > 1:
        faint = {"color": style["color"], "width": 1}
        look, raw = {"line": faint, "opacity": 0.3, "showlegend": False, "hoverinfo": "skip"}, series.thin(curve)
        figure.add_scatter(x=raw.x, y=raw.y, **look, **common)
    smooth, line = series.smooth(curve, width), {"color": style["color"], "width": 2.5, "dash": style["dash"]}
    figure.add_scatter(x=smooth.x, y=smooth.y, line=line, hovertemplate="%{y:.4g}", **common)


def _add_break(figure: go.Figure, name: str, curve: Curve, high: float) -> None:
    """A cross at the top where the loss is no number any more."""
    marker = {"symbol": "x", "size": 10, "color": "var(--bad)"}
    at = curve.x[list(curve.y).index(None)]
    figure.add_scatter(x=[at], y=[high], mode="markers", marker=marker, name=name, hovertemplate="%{x}")


def _caption(curves: Mapping[str, Curve], width: int, high: float) -> Text:
    steps = round(2 * curves["changed"].x[0] - 1)
    means, all_of_them = mark("thin line: mean over {steps} steps"), mark("thin line: every step")
    thin = say(means if steps > 1 else all_of_them, steps=steps)
    thick = say(mark("thick line: running median over {width} steps"), width=width * steps)
    gone = any(max(curve.values) > high for curve in curves.values())
    above = say(mark("a curve that leaves the chart goes far above it")) if gone else None
    same = say(mark("the same weights at the start, the same batches")) if "control" in curves else None
    return join([same, *((thin, thick) if width > 1 else ()), above], " · ")


def _spoken(proof: Result, curves: Mapping[str, Curve]) -> Text:
    told = [say(_SPOKEN[who], first=number(curve.values[0]), last=_end(proof[who])) for who, curve in curves.items()]
    return join([say(mark("Training loss over the steps.")), *told])
