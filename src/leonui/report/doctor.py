"""What the page of ``leonui doctor`` says: the verdict, each finding with its proof as two curves, the checklist."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from leonui.record import Record, encode
from leonui.report.chart import Chart
from leonui.report.charts import loss_chart
from leonui.report.climb import finding, retold, tile
from leonui.report.numerals import known, number
from leonui.report.series import Curve
from leonui.report.text import Text, join, say, verbatim
from leonui.words import mark

Result = Mapping[str, Any]

TONES = {"healthy": "sure", "faults": "worse", "unknown": "careful"}
_VERDICTS = {
    "healthy": mark("Healthy: nothing was found that is wrong."),
    "faults": mark("What is wrong: {codes}."),
    "unknown": mark("Something is not right, and its cause was not proved: {codes}."),
}
_NOTHING = mark("the training learned nothing")
_NAMES = {"baseline": mark("as it is"), "climb": mark("with the change")}


def content(result: Result) -> dict[str, Any]:
    """Everything that the template of the page shows."""
    findings = result.get("findings") or []
    return {
        "program": result.get("program") or "",
        "version": result.get("leonui") or "",
        "interrupted": result.get("complete") is False,
        "tone": TONES.get(result.get("verdict") or "", "none"),
        "title": say(mark("leonui doctor: {program}"), program=result.get("program") or ""),
        "verdict": sentence(result),
        "tiles": [one for one in (_steps(result), _checks(result)) if one],
        "findings": [finding(told) | {"fixes": told.get("fixes") or [], "tried": _tried(told)} for told in findings],
        "checks": [retold(told) | {"ok": told.get("ok")} for told in result.get("checklist") or [] if told.get("ok")],
        "notes": [retold(told)["said"] for told in result.get("notes") or []],
        "charts": [chart for at, told in enumerate(findings) if (chart := _proof(told, at))],
        "patch": result.get("patch") or "",
        "raw": json.dumps(json.loads(encode(dict(result))), indent=2, ensure_ascii=False),
    }


def sentence(result: Result) -> Text:
    """The verdict in one sentence."""
    codes = ", ".join(dict.fromkeys(told["code"] for told in result.get("findings") or []))
    words = _VERDICTS[result.get("verdict") or "unknown"]
    return say(words, codes=verbatim(codes) if codes else say(_NOTHING))


def _steps(result: Result) -> dict[str, Any] | None:
    steps, run = result.get("steps"), result.get("run")
    if not known(steps) or not run:
        return None
    note = say(mark("{times} times the run of {run} steps"), times=number(steps / run, 2), run=number(run))
    return tile(mark("Steps spent"), None, number(steps), note)


def _checks(result: Result) -> dict[str, Any] | None:
    checks = result.get("checklist") or []
    passed = sum(bool(told.get("ok")) for told in checks)
    return tile(mark("Checks passed"), None, f"{passed} / {len(checks)}", None) if checks else None


def _tried(told: Result) -> list[dict[str, Any]]:
    """What was tried in short trainings, the best first, those that suffice marked."""
    proof = told.get("proof") or {}
    tried, enough = proof.get("tried") or {}, proof.get("suffices") or ()
    order = sorted(tried.items(), key=lambda item: (item[1] is None, item[1] or 0.0))
    return [{"name": name, "loss": number(loss), "enough": name in enough} for name, loss in order]


def _proof(told: Result, at: int) -> Chart | None:
    """The two trainings of a proof."""
    proof = told.get("proof") or {}
    if not proof.get("control") or not proof.get("changed"):
        return None
    runs = {"baseline": _record(proof["control"]), "climb": _record(proof["changed"])}
    chart = loss_chart(runs, say(mark("replayed from the first step with {change}"), change=proof["change"]))
    if chart is None:
        return None
    for trace in chart.figure.data:
        name = chart.words(_NAMES[trace.legendgroup])  # type: ignore[attr-defined]
        trace.name = name  # type: ignore[attr-defined]
    title = join([verbatim(told["code"]), say(mark("as it is, and with {change}"), change=proof["change"])], ": ")
    return replace(chart, name=f"proof-{at}", title=title)


def _record(losses: list[float | None]) -> Record:
    curve = Curve(range(1, len(losses) + 1), losses)
    return Record([{"step": x, "loss": y} for x, y in zip(curve.x, curve.y, strict=True) if y is not None])
