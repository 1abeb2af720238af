"""The report of ``leonui lr``: what stands in it for each outcome, its charts, and the figure for notebooks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from leonui.report import document, rate_figure
from leonui.words import LANGUAGES
from tests.browser import Visit, launched

PATCH = """--- examples/digits_mlp.py
+++ examples/digits_mlp.py
@@ -27,3 +27,3 @@
         return torch.optim.AdamW(params, lr=lr)
-    return torch.optim.SGD(params, lr=lr)
+    return torch.optim.SGD(params, lr=lr * 11.3)
 
"""
RESULT = {
    "command": "lr",
    "leonui": "0.1.0",
    "method": "branches",
    "program": "examples/digits_mlp.py",
    "time": "2026-11-23T05:31:01",
    "seconds": 10.4,
    "lang": "en",
    "complete": True,
    "lr": 0.113,
    "scale": 11.3,
    "per_group": [0.113],
    "base_lr": [0.01],
    "interval": [0.0623, 0.219],
    "level": 0.8,
    "status": "ok",
    "lost": [
        {"factor": 2.0, "low": 0.0177, "high": 0.349},
        {"factor": 3.0, "low": 0.0301, "high": 0.551},
        {"factor": 10.0, "low": 0.707, "high": 1.0},
    ],
    "slope": 0.167,
    "steps": 412,
    "horizon": 450,
    "epochs": 9.98,
    "judged_by": "training",
    "goal": "min",
    "metric_pattern": None,
    "optimizer": "SGD",
    "file": "examples/digits_mlp.py",
    "line": 28,
    "patch": PATCH,
    "start_loss": 2.31,
    "ramp": {"lr": [1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0], "loss": [2.32, 2.31, 2.3, 2.2, 2.1, None]},
    "rungs": [
        {"steps": 13, "lr": [0.007, 0.07, 0.22, 2.2], "loss": [2.3, 2.1, 1.3, None], "se": [0.01] * 4, "best": 0.225},
        {"steps": 63, "lr": [0.035, 0.11, 0.35], "loss": [1.55, 0.46, 0.4], "se": [0.03, 0.04, 0.07], "best": 0.349},
    ],
    "curvature": [{"event": "curvature", "step": 6, "optimizer": 0, "lambda_max": 1.79, "limit": 1.12}],
    "findings": [],
    "notes": [{"template": "{count} optimizers train here", "evidence": {"count": 2}}],
    "settings": {"branches start by": "auto"},
    "machine": {"cores": 2, "torch": "2.13.0"},
}
REFUSED = {"lr": None, "scale": None, "per_group": [], "interval": None, "patch": ""}
RULES = {"steepest/10": 0.004, "steepest": 0.04, "valley": None, "minimum/10": 0.05, "slide": 0.3}
RAMP = REFUSED | {"method": "ramp", "rungs": [], "lost": [], "curvature": [], "suggestions": RULES, "horizon": None}
INTERRUPTED = dict.fromkeys(RESULT) | {"complete": False, "status": "not_learning", "steps": 0, "horizon": 0}
FOUND = {"code": "TOO-SHORT", "class": "is", "template": "only {steps} steps", "evidence": {"steps": 7}}
HOSTILE = "</script><img src=x onerror=alert(1)>&\u2028{0}%{meta}"


def page(**changes: Any) -> str:
    """The report of the example, some values of its result replaced."""
    return document(RESULT | changes | {"command": "lr"})


def headline(html: str) -> str:
    """The sentence above all, in English."""
    heading = re.search(r"<h1>(.*?)</h1>", html, re.S)
    assert heading
    form = re.search(r'<span lang="en">(.*?)</span>', heading[1])
    return form[1] if form else heading[1]


def said(html: str) -> str:
    """What a reader sees of a page's English, as one line."""
    body = re.sub(r'<script.*?</script>|<details>.*?</details>|<span lang="vi">.*?</span>', "", html, flags=re.S)
    return " ".join(re.sub(r"<[^>]*>", " ", body[body.index("<main>") :]).split())


def specs(html: str) -> dict[str, dict]:
    """The charts that are embedded in a page."""
    found = re.findall(r'<script type="application/json" class="spec" data-chart="(\w+)">(.*?)</script>', html, re.S)
    return {name: json.loads(text) for name, text in found}


SURE = "lr 0.113, 11× yours; best between 0.062 and 0.22 with 80% probability."


@pytest.mark.parametrize(
    ("changes", "tone", "expected"),
    [
        ({}, "sure", SURE),
        ({"interval": None}, "sure", "lr 0.113, 11× yours."),
        ({"interval": [None, 0.2], "scale": None}, "sure", "lr 0.113."),
        ({"status": "needs_warmup"}, "careful", SURE + " With a warm-up over the first tenth"),
        ({"status": "overfit_horizon", "epochs": 39.9}, "careful", SURE + " Each sample is trained on 40 times:"),
        ({"status": "overfit_horizon", "epochs": None}, "careful", SURE),
        (REFUSED | {"status": "flat"}, "none", "No learning rate can be given: the candidates do not differ"),
        (
            REFUSED | {"status": "edge"},
            "none",
            "No learning rate can be given: the best one tried is the outermost one",
        ),
        (REFUSED | {"status": "edge", "rungs": []}, "none", "No learning rate can be given: the best one tried"),
        (REFUSED | {"status": "not_learning"}, "none", "No learning rate can be given: nothing was learned"),
        (REFUSED | {"status": None}, "none", "No learning rate was found."),
        (INTERRUPTED, "none", "Interrupted before a learning rate was found"),
        (INTERRUPTED | {"findings": [FOUND]}, "none", "No learning rate can be given. Found: only 7 steps."),
        (RAMP, "none", "A range test only: its rules suggest rates from 0.004 to 0.3."),
        (RAMP | {"suggestions": dict.fromkeys(RULES)}, "none", "No learning rate can be given: no rule"),
        (RAMP | {"lr": 0.004, "scale": 0.4}, "careful", "lr 0.004, 0.4× yours. It was read off a range test:"),
    ],
)
def test_headline_says_what_was_found_or_why_not(changes, tone, expected):
    html = page(**changes)
    assert headline(html).startswith(expected)
    assert f'<section class="hero {tone}">' in html


NUMBERS = [
    "0.01 → 0.113",
    "×11.3 · SGD",
    "0.062 – 0.22",
    "with 80% probability; yours (0.01) lies below",
    "2× 1.8% 35%",
    "10× 71% 100%",
    "92% of a run of 450 steps · 10 s",
    "What to change examples/digits_mlp.py:28",
    "lr=lr * 11.3",
    "2 optimizers train here",
    "412 steps in all",
    "shaded: where the best rate probably lies",
    "2 times too low: 1.8%; too high: 35%.",
    "6 1.79 1.12",
    "cores 2",
]


@pytest.mark.parametrize(
    ("changes", "there", "absent"),
    [
        (
            {},
            NUMBERS,
            ["Set lr", "Interrupted", "Parameter group", "What the rules say", "What was compared"],
        ),
        ({"base_lr": [0.1]}, ["yours (0.1) lies within"], []),
        ({"base_lr": [1.0]}, ["yours (1) lies above"], []),
        ({"patch": ""}, ["Set lr 0.113 where your script sets 0.01. examples/digits_mlp.py:28"], ["+++"]),
        ({"patch": "", "base_lr": []}, [], ["Set lr", "What to change"]),
        ({"base_lr": [0.01, 0.02], "per_group": [0.113, 0.226]}, ["Parameter group", "1 0.02 0.226"], []),
        ({"complete": False}, ["Interrupted: this report shows"], []),
        ({"metric_pattern": "acc (.*)"}, ["The metric is what the script prints: acc (.*)"], []),
        ({"schedule": "cosine", "weight_decay": 0.012}, ["×11.3 · SGD · cosine · weight decay 0.012"], []),
        (
            REFUSED | {"status": "flat", "notes": []},
            ["by more than their noise", "The search for the learning rate", "412"],
            ["What to know", "Being off", "What to change", "Curvature", "shaded"],
        ),
        (
            {"contenders": [{"name": "adamw", "lr": 0.3, "loss": 0.9}, {"name": "sgd", "lr": 0.1, "loss": 0.2}]},
            ["Trained best: sgd, at lr 0.113.", "sgd 0.1 0.2 adamw 0.3 0.9", "+++"],
            [],
        ),
        (
            RAMP,
            [
                "The rules suggest 0.004 – 0.3",
                "most tutorials teach 0.004 ×0.4",
                "as fastai does – –",
                "whose rate rises",
            ],
            ["every point is a short training", "Estimated from short trainings"],
        ),
        ({"findings": [FOUND]}, ["What was found", "only 7 steps", "is: an exact check"], ["What to know"]),
    ],
)
def test_contents(changes, there, absent):
    text = said(page(**changes))
    assert [words for words in there if words not in text] == []
    assert [words for words in absent if words in text] == []


@pytest.mark.parametrize(
    "result",
    [
        {},
        INTERRUPTED,
        dict.fromkeys(RESULT),
        dict.fromkeys(RESULT) | {"method": "ramp", "suggestions": None},
        RESULT | {"lost": [{"factor": 2.0, "low": None, "high": "NaN"}], "curvature": [{"step": 1, "limit": None}]},
        RESULT | {"ramp": None, "rungs": [], "seconds": None, "base_lr": [None]},
        RESULT | {"ramp": {"lr": [0.1], "loss": ["NaN"]}, "rungs": [{"steps": 3, "lr": [1.0], "loss": [None]}]},
        RAMP | {"ramp": {"lr": [0.1, 1.0], "loss": [None, None]}},
    ],
)
def test_what_is_unknown_is_left_out(result):
    html = document(result | {"command": "lr"})
    assert "<h1>" in html
    assert "None" not in said(html)
    assert rate_figure(result).layout.title.text


def test_copied_patch_is_the_patch():
    shown = re.search(r'<pre id="patch" class="patch">(.*?)</pre>', page(), re.S)
    assert shown
    assert re.sub(r"<[^>]*>", "", shown[1]) == PATCH
    assert re.findall(r"<(del|ins)>", shown[1]) == ["del", "ins"]


def test_whatever_comes_from_the_script_stays_text():
    evidence = {"template": "{x}", "evidence": {"x": HOSTILE}, "code": HOSTILE}
    dirty = dict.fromkeys(("program", "time", "metric_pattern", "optimizer", "leonui", "file", "patch"), HOSTILE)
    more = {"notes": [evidence, {"template": HOSTILE}], "findings": [evidence], "settings": {HOSTILE: HOSTILE}}
    ramp = RAMP | {"suggestions": {HOSTILE: 0.1}, "contenders": [{"name": HOSTILE, "lr": 0.1, "loss": 0.1}]}
    for changes in ({}, ramp):
        html = page(**(changes | dirty | more))
        assert "<img" not in html
        assert html.count("</script>") == page(**changes).count("</script>")
    assert "<img" not in rate_figure(RESULT | dirty).layout.title.text


def drawn(figure: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Type and name of the traces of a figure."""
    return [(trace["type"], trace.get("name")) for trace in figure["data"]]


TRACES = [("scatter", name) for name in ("ramp, lr rising", "after 13 steps", "after 63 steps", "diverged")]
SUGGESTED = [("scatter", name) for name in ("ramp, lr rising", "steepest/10", "steepest", "minimum/10", "slide")]


@pytest.mark.parametrize(
    ("changes", "traces", "shapes"),
    [
        ({}, TRACES, ["rect", "line", "line"]),
        (REFUSED, TRACES, ["line"]),
        ({"judged_by": "metric", "goal": "max"}, TRACES[1:], ["rect", "line", "line"]),
        ({"judged_by": "validation"}, TRACES[1:], ["rect", "line", "line"]),
        (RAMP, SUGGESTED, ["line"]),
    ],
)
def test_search_is_drawn_alike_in_page_and_figure(changes, traces, shapes):
    spec, figure = specs(page(**changes))["search"]["figure"], rate_figure(RESULT | changes)
    for told in (spec, json.loads(figure.to_json() or "")):
        assert drawn(told) == traces
        assert [shape["type"] for shape in told["layout"]["shapes"]] == shapes
    assert "var(" not in (figure.to_json() or "")
    assert "var(" in json.dumps(spec)


def test_figure_has_a_title_and_speaks_the_language_of_the_result():
    assert rate_figure(RESULT).layout.title.text == f"leonui lr: examples/digits_mlp.py<br><sub>{SURE}</sub>"
    assert rate_figure(RESULT).layout.xaxis.title.text == "learning rate"
    assert rate_figure(RESULT | {"judged_by": "validation"}).layout.yaxis.title.text == "validation loss"
    assert rate_figure(RESULT | {"lang": "vi"}).layout.xaxis.title.text == "tốc độ học"
    assert rate_figure(RESULT | {"lang": "xx"}).layout.xaxis.title.text == "learning rate"


def test_what_is_lost_is_drawn_around_the_found_rate():
    charts = specs(page(base_lr=[0.1]))
    (trace,) = charts["lost"]["figure"]["data"]
    assert trace["type"] == "scatter"
    assert trace["y"] == [0.707, 0.0301, 0.0177, 0.0, 0.349, 0.551, 1.0]
    assert charts["lost"]["figure"]["layout"]["xaxis"]["ticktext"] == ["÷10", "÷3", "÷2", "1", "×2", "×3", "×10"]
    assert [note["text"] for note in charts["lost"]["figure"]["layout"]["annotations"]] == ["yours 0.1"]
    assert "annotations" not in specs(page())["lost"]["figure"]["layout"], "more than ten times off: not on the axis"
    assert list(specs(page(**REFUSED))) == ["search"]


# in a browser


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


def opened(browser: Any, path: Path, html: str) -> Visit:
    path.write_text(html, encoding="utf-8")
    visit = Visit(browser, path, viewport={"width": 1280, "height": 800}, color_scheme="light")
    visit.page.wait_for_selector("html[data-charts]")
    return visit


@pytest.mark.parametrize("changes", [{"program": HOSTILE}, RAMP])
def test_page_is_drawn_and_asks_for_nothing(browser, tmp_path, changes):
    file = tmp_path / "report.html"
    visit = opened(browser, file, page(**changes))
    expected = TRACES if "program" in changes else SUGGESTED
    assert [(kind, name) for kind, name, _ in visit.traces("search")] == expected
    if "program" in changes:
        assert [length for _, _, length in visit.traces("lost")] == [7]
    for lang in LANGUAGES:
        visit.page.click(f"[data-lang={lang}]")
        visit.resize(375)
        assert visit.overflow <= 0
        visit.resize(1280)
    assert visit.troubles == []
    assert {url for url in visit.requests if not url.startswith(("data:", "blob:"))} == {file.as_uri()}
