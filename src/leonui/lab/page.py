"""The page of the lab: one HTML file with surfaces, presets, style and script inside, served or opened from disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from leonui.lab.answer import answer, rates
from leonui.lab.kinds import KINDS, SCHEDULE_TITLES
from leonui.lab.presets import PRESETS, SHARES, Preset
from leonui.lab.scenery import regression_scenery, scenery
from leonui.lab.wish import MOST_CLIMBERS, MOST_STEPS, REGRESSION, Entry
from leonui.landscape import SURFACES, Surface
from leonui.report.page import HERE, NAMES, environment, own, packed_plotly, policy
from leonui.words import LANGUAGES, mark, translate

_HERE = Path(__file__).parent
# as they build on each other
SCRIPTS = ("state", "look", "map", "deep", "curves", "draw", "ask", "climbers", "controls")
TITLE = mark("leonui lab: the mountain")
WORDS = {
    "title": TITLE, "weight": mark("weight"), "loss": mark("loss"), "step": mark("step"),
    "samples": mark("samples seen"),
    "end": mark("loss at the end"), "now": mark("now"),
    "start": mark("start"), "minimum": mark("minimum"), "saddle": mark("saddle"), "remove": mark("Remove climber"),
    "kind": mark("rule"), "lr": mark("learning rate"), "momentum": mark("momentum"), "batch": mark("batch"),
    "schedule": mark("schedule"), "clip": mark("clip at norm"), "more": mark("Schedule and clipping"),
    "limit": mark("{percent}% of the limit {reach}/λmax = {limit}"),
    "over": mark("above the limit {reach}/λmax = {limit}"),
    "unlimited": mark("no limit is known for this rule here"),
    "noWebgl": mark("This browser has no WebGL, which the 3-D picture needs. The contours show the same."),
    "curved": mark("A curve of one weight has no third dimension: this is the whole of it."),
    "play": mark("Play"), "pause": mark("Pause"), "at": mark("step {step} of {steps}"),
    "section": mark("Lesson, section {number}"),
    "computed": mark("computed in {ms} ms"), "computing": mark("computing …"),
    "lost": mark("The lab does not answer: {error}. Is leonui lab still running? What is drawn is the last answer."),
    "unseen": mark("This browser could not draw the pictures: {error}"),
    "picture": mark("{title}: paths of {count} climbers from the start at {start}."),
    "losses": mark("Losses of {count} climbers."), "copied": mark("Copied"), "climber": mark("Climber {number}"),
}  # fmt: skip


def page(lang: str, surfaces: Mapping[str, Surface] = SURFACES, live: bool = True) -> str:
    """The whole page; ``live``: there is a server that answers, else all that it can show was computed before."""
    content = data(surfaces, live)
    template = environment(_HERE, HERE).get_template("lab.html.j2")
    return template.render(
        command="lab", content=content, live=live, presets=PRESETS, surfaces=content["surfaces"], most=MOST_STEPS,
        charts=[],
        title=_forms(TITLE), lang=lang if lang in LANGUAGES else "en", languages=NAMES,
        style=_style(), script=_script(),
        plotly=packed_plotly(), policy=policy_of(live),
    )  # fmt: skip


def policy_of(live: bool) -> str:
    """The content security policy: only the page's own scripts run; only the lab itself is asked, if anybody."""
    return policy(_script(), **({"connect-src": "'self'"} if live else {}))


@cache
def _script() -> str:
    files = [(_HERE / "script" / f"{name}.js").read_text(encoding="utf-8").strip() for name in SCRIPTS]
    return "\n\n".join([own("page.js"), *files])


@cache
def _style() -> str:
    return own("page.css") + "\n\n" + (_HERE / "lab.css").read_text(encoding="utf-8").strip()


def data(surfaces: Mapping[str, Surface], live: bool) -> dict[str, Any]:
    """All that the script reads."""
    return {
        "live": live, "regression": REGRESSION, "shares": SHARES,
        "surfaces": [*(scenery(name, one) for name, one in surfaces.items()), regression_scenery()],
        "kinds": {k: {"label": one.label, "lr": one.lr, "momentum": bool(one.momentum)} for k, one in KINDS.items()},
        "schedules": {name: _forms(title) for name, title in SCHEDULE_TITLES.items()},
        "presets": [_told(preset, live) for preset in PRESETS],
        "words": {key: _forms(text) for key, text in WORDS.items()},
        "most": {"steps": MOST_STEPS, "climbers": MOST_CLIMBERS},
        "fields": list(_PLAIN), "plain": _PLAIN | {"steps": 200, "noise": 0, "seed": 0},
    }  # fmt: skip


_PLAIN = asdict(Entry("sgd", KINDS["sgd"].lr, 0.9))


def _told(preset: Preset, live: bool) -> dict[str, Any]:
    told = {"name": preset.name, "section": preset.section, "race": preset.race}
    told |= {"title": _forms(preset.title), "words": _forms(preset.words)}
    if live:
        return told
    answers = [answer(preset.wish().scaled(share)) for share in SHARES]
    return told | {"answers": answers, "rates": rates(preset.wish())}


def _forms(text: str) -> dict[str, str]:
    """A text in every language, its places left for the script to fill in."""
    return {lang: translate(text, lang) for lang in LANGUAGES}


def export(folder: Path, lang: str) -> Path:
    """Write a page that needs no server into a folder, as index.html: every preset, computed before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(page(lang, live=False), encoding="utf-8")
    return path
