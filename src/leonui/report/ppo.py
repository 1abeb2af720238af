"""What the page of ``leonui ppo`` says: what was reached over the seeds, how it went, what the doctor finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.report.chart import CLIMB, Chart, Lexicon, blank
from leonui.report.numerals import duration, known, number
from leonui.report.text import Text, say
from leonui.report.told import run, tile
from leonui.words import mark

Result = Mapping[str, Any]

_CURVES = {
    "return": (mark("The return on the way"), mark("return"), mark("mean of the last 100 episodes, while exploring")),
    "kl": (mark("How far each update went"), mark("nats"), mark("KL (k3), the mean over an update's last epoch")),
    "clipped": (mark("How much was clipped"), mark("share"), mark("of the samples, where the clipping was binding")),
    "entropy": (mark("How freely it still chooses"), mark("nats"), mark("entropy of the policy")),
    "explained_variance": (
        mark("How well the critic predicts"),
        mark("explained variance"),
        mark("of the returns: 1 is all, 0 as good as a constant"),
    ),
}


def content(result: Result) -> dict[str, Any]:
    """Everything that the template of the page shows."""
    return run(result, mark("leonui ppo: {program}")) | {
        "tone": "none" if not result.get("return") else "careful" if result.get("findings") else "sure",
        "verdict": _sentence(result),
        "tiles": [one for one in _tiles(result) if one],
        "seeds": [
            (row.get("seed"), number(row.get("steps")), number(row.get("return"))) for row in result.get("seeds") or []
        ],
        "notes": result.get("failures") or [],
        "charts": [chart for name in _CURVES if (chart := _chart(name, (result.get("curves") or {}).get(name) or {}))],
    }


def _sentence(result: Result) -> Text:
    reached = result.get("return")
    if not reached:
        return say(mark("No seed was trained to its end."))
    told = {name: number(reached.get(name), 4) for name in ("mean", "low", "high")}
    if reached.get("count") == 1:
        return say(mark("A return of {mean}, by one seed: others may differ."), **told)
    words = mark("A return of {mean}; 95% interval {low} to {high} over {count} seeds.")
    return say(words, **told, count=reached.get("count"))


def _tiles(result: Result) -> list[dict[str, Any] | None]:
    curve = ((result.get("curves") or {}).get("return") or {}).get("mean") or []
    while_training = tile(mark("While training"), number(curve[0]), number(curve[-1]), None) if curve else None
    reached, speed = result.get("return") or {}, result.get("speed")
    best = say(mark("20 episodes a seed, the most probable action each time"))
    return [
        tile(mark("Return"), None, number(reached.get("mean"), 4), best) if known(reached.get("mean")) else None,
        while_training,
        tile(mark("Steps"), None, number(result.get("steps")), say(mark("of the environment, each seed"))),
        tile(mark("Speed"), None, number(speed), say(mark("steps a second, all seeds"))) if known(speed) else None,
        tile(mark("Time"), None, duration(result.get("seconds")), None),
    ]


def _chart(name: str, curve: Mapping[str, Any]) -> Chart | None:
    """The mean over seeds, and from the lowest to the highest of them as a band."""
    title, unit, about = _CURVES[name]
    steps, means = curve.get("steps") or [], curve.get("mean") or []
    if len(steps) < 2:
        return None
    words = Lexicon()
    figure = blank(words(mark("step")), words(unit), hovermode="x unified")
    band = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    figure.add_scatter(x=steps, y=curve["high"], **band)
    figure.add_scatter(x=steps, y=curve["low"], fill="tonexty", fillcolor="var(--ridge)", **band)
    line = {"color": CLIMB, "width": 2.5}
    figure.add_scatter(
        x=steps, y=means, mode="lines", line=line, name=words(unit), hovertemplate="%{y:.4g}", showlegend=False
    )
    spoken = say(
        mark("{title}: from {first} to {last}."), title=say(title), first=number(means[0]), last=number(means[-1])
    )
    caption = say(mark("{about} · line: mean over seeds · band: from the lowest to the highest"), about=say(about))
    return Chart(name, say(title), caption, spoken, figure, words)
