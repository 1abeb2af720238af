"""The page of the lab: one HTML file with surfaces, presets, style and script inside, served or opened from disk."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from leonui.lab.answer import answer, regression_scenery, scenery
from leonui.lab.presets import PRESETS, SHARES
from leonui.lab.wish import KINDS, MOST_CLIMBERS, MOST_SAMPLES, MOST_STEPS
from leonui.landscape import Surface
from leonui.report.page import HERE, environment, own, packed_plotly, policy
from leonui.report.text import say
from leonui.words import LANGUAGES, mark, translate

_HERE = Path(__file__).parent
NAMES = {"en": "English", "vi": "Tiếng Việt"}
WORDS = {
    "weight": mark("weight"), "loss": mark("loss"), "step": mark("step"), "samples": mark("samples seen"),
    "start": mark("start"), "minimum": mark("minimum"), "saddle": mark("saddle"), "remove": mark("Remove climber"),
    "lr": mark("learning rate"), "momentum": mark("momentum"), "batch": mark("batch"), "rule": mark("Rule"),
    "limit": mark("{percent}% of the limit {limit}"), "over": mark("above the limit {limit}"),
    "unlimited": mark("no limit is known for this rule here"),
    "noWebgl": mark("This browser has no WebGL, which the 3-D picture needs. The contours show the same."),
    "flat": mark("A curve of one weight has no third dimension; the picture on the left is the whole of it."),
    "play": mark("Play"), "pause": mark("Pause"), "at": mark("step {step} of {steps}"),
    "computed": mark("computed in {ms} ms"), "computing": mark("computing …"),
    "lost": mark("The lab does not answer: {error}. Is leonui lab still running? What is drawn is the last answer."),
    "unseen": mark("This browser could not draw the pictures: {error}"),
    "picture": mark("{title}: paths of {count} climbers from the start at {start}."),
    "losses": mark("Losses of {count} climbers."), "copied": mark("Copied"), "climber": mark("Climber {number}"),
}  # fmt: skip


def page(surfaces: Mapping[str, Surface], lang: str, live: bool) -> str:
    """The whole page; ``live``: there is a server that answers, else all that it can show was computed before."""
    data = _data(surfaces, live)
    return (
        environment(_HERE, HERE)
        .get_template("lab.html.j2")
        .render(
            data=data, live=live, presets=PRESETS, surfaces=data["surfaces"], kinds=KINDS, most=MOST_STEPS, charts=[],
            title=say(mark("leonui lab: the mountain")), lang=lang if lang in LANGUAGES else "en", languages=NAMES,
            style=_style(), script=_script(), plotly=packed_plotly(), policy=policy_of(live),
        )
    )  # fmt: skip


def policy_of(live: bool) -> str:
    """The content security policy: only the page's own scripts run; only the lab itself is asked, if anybody."""
    return policy(_script(), **({"connect-src": "'self'"} if live else {}))


@cache
def _script() -> str:
    return own("page.js") + "\n\n" + (_HERE / "lab.js").read_text(encoding="utf-8").strip()


@cache
def _style() -> str:
    return own("page.css") + "\n\n" + (_HERE / "lab.css").read_text(encoding="utf-8").strip()


def _data(surfaces: Mapping[str, Surface], live: bool) -> dict[str, Any]:
    """All that the script reads."""
    return {
        "live": live, "surfaces": [*map(scenery, surfaces.values()), regression_scenery()],
        "kinds": {name: {"label": kind.label, "lr": kind.lr, "momentum": bool(kind.momentum)} for name, kind in KINDS.items()},
        "presets": [_preset(preset, surfaces, live) for preset in PRESETS],
        "lessons": {preset.name: say_plain(preset.words) for preset in PRESETS},
        "words": {key: say_plain(text) for key, text in WORDS.items()},
        "most": {"steps": MOST_STEPS, "climbers": MOST_CLIMBERS, "samples": MOST_SAMPLES},
    }  # fmt: skip


def _preset(preset: Any, surfaces: Mapping[str, Surface], live: bool) -> dict[str, Any]:
    shown = {"name": preset.name, "race": preset.race}
    if live:
        return shown
    return shown | {"answers": {str(share): answer(preset.wish(share), surfaces) for share in SHARES}}


def say_plain(text: str) -> dict[str, str]:
    """A text in every language, its places left for the script to fill in."""
    return {lang: translate(text, lang) for lang in LANGUAGES}


def written(html: str, folder: Path) -> Path:
    """Write a page into a folder, as index.html."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(html, encoding="utf-8")
    return path



