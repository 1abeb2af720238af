"""The report of ``leonui doctor``: what stands in it for each verdict, the proof as curves, the checklist."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from leonui.report import document
from leonui.words import LANGUAGES
from tests.browser import Visit, launched

PROOF = {
    "change": "lr x 0.01",
    "control": [2.3, 40.0, 9e6, *[3.9, 4.1] * 11],
    "changed": [2.3 * 0.8**step for step in range(25)],
    "gain": 3.96,
    "interval": [3.7, 4.2],
    "steps": 50,
    "tried": {"as it is": 4.0, "lr x 0.01": 0.5, "lr x 0.1": 0.6, "lr x 10": None}
    | {"gradients clipped": 3e35, "weight decay 0": 2.0},
    "suffices": ["lr x 0.01", "lr x 0.1"],
}
HIGH = {
    "code": "LR-HIGH",
    "class": "caused by",
    "message": "lr=20 is too high",
    "template": "lr={lr:.3g} is too high",
    "fix": "lower it to about 0.2",
    "fix_template": "lower it to about {better:.2g}",
    "fixes": ["SGD(..., lr=0.2)", "# or less"],
    "file": "train.py",
    "line": 28,
    "evidence": {
        "lr": 20.0,
        "better": 0.2,
        "optimizer": "SGD",
        "share": 0.973,
        "clip": 0.0,
        "place": "/a:1",
        "odd": [],
    },
    "proof": PROOF,
}
STALE = {
    "code": "STALE-GRADIENT",
    "class": "is",
    "template": "gradients are never cleared: {stale} of {steps} steps",
    "evidence": {"stale": 49, "steps": 50, "first": 0, "per_step": 1.5},
    "fixes": [],
    "proof": None,
}
DOUBT = {"code": "OVERFITTING", "class": "consistent with", "template": "it overfits", "evidence": {}, "proof": None}
CHECKS = [
    {"code": "FINITE", "ok": True, "template": "every loss was finite, in {steps} steps", "evidence": {"steps": 50}},
    {"code": "LEARNED", "ok": False, "template": "learned nothing: loss {loss:.4g}", "evidence": {"loss": 3.77123}},
]
RESULT = {
    "command": "doctor",
    "leonui": "0.1.0",
    "lang": "en",
    "program": "examples/digits_mlp.py --lr 20",
    "complete": True,
    "verdict": "faults",
    "findings": [HIGH],
    "checklist": CHECKS,
    "steps": 145,
    "run": 50,
    "notes": [{"template": "two replays differ by {apart:.1%}", "evidence": {"apart": 0.012}}],
}
HEALTHY = {"verdict": "healthy", "findings": [], "checklist": CHECKS[:1], "notes": []}
UNKNOWN = {"verdict": "unknown", "findings": [DOUBT]}
AGAIN = {"change": "seeds + 1", "control": [], "changed": [2.0, 1.0], "gain": 0.0, "steps": 2, "tried": {}}
BROKEN = PROOF | {"control": [2.3, 40.0, None, None], "gain": 0.0, "interval": [None, None], "steps": 25}
PATCH = "--- train.py\n+++ train.py\n@@ -28 +28 @@\n-    SGD(lr=20)\n+    SGD(lr=0.2)\n"
HOSTILE = "</script><img src=x onerror=alert(1)>&\u2028{0}%{meta}"


def page(**changes: Any) -> str:
    """The report of the example, some values of its result replaced."""
    return document(RESULT | changes | {"command": "doctor"})


def with_proof(**changes: Any) -> dict[str, Any]:
    """The example's finding, some values of its proof replaced."""
    return {"findings": [HIGH | {"proof": PROOF | changes}]}


def in_language(html: str, lang: str = "en") -> str:
    """A part of a page as it is read in one language."""
    for other in set(LANGUAGES) - {lang}:
        html = re.sub(rf'<span lang="{other}">.*?</span>', "", html, flags=re.S)
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", html).split()))


def said(html: str, lang: str = "en") -> str:
    """What a reader sees of a page, as one line; not the JSON at its end."""
    body = re.sub(r"<(script|style|details)\b.*?</\1>", "", html[html.index("<main>") :], flags=re.S)
    return in_language(body, lang)


def headline(html: str, lang: str = "en") -> str:
    """The sentence above all."""
    heading = re.search(r"<h1>(.*?)</h1>", html, re.S)
    assert heading
    return in_language(heading[1], lang)


def specs(html: str) -> dict[str, dict]:
    """The charts that are embedded in a page."""
    found = re.findall(r'<script type="application/json" class="spec" data-chart="(\w+)">(.*?)</script>', html, re.S)
    return {name: json.loads(text) for name, text in found}


VERDICTS = {
    "faults": ({}, "faults", "What is wrong: LR-HIGH. 1 fault; the visit took 2.9 times", "Điều sai: LR-HIGH."),
    "several": (
        {"findings": [HIGH, STALE, STALE]},
        "faults",
        "What is wrong: LR-HIGH, STALE-GRADIENT. 3 faults; the visit took 2.9 times the steps of the script itself.",
        "Điều sai: LR-HIGH, STALE-GRADIENT.",
    ),
    "healthy": (
        HEALTHY | {"steps": 50},
        "sure",
        "Healthy: nothing was found that is wrong. The visit took no more steps than the script itself takes.",
        "Khỏe mạnh: không thấy gì sai.",
    ),
    "unknown": (
        UNKNOWN,
        "careful",
        "Something is not right, and its cause was not proved: OVERFITTING. The visit took 2.9 times",
        "Có gì đó không ổn, và chưa chứng minh được nguyên nhân: OVERFITTING.",
    ),
    "learned nothing": (
        UNKNOWN | {"findings": []},
        "careful",
        "Something is not right, and its cause was not proved: the training learned nothing.",
        "Có gì đó không ổn, và chưa chứng minh được nguyên nhân: huấn luyện không học được gì.",
    ),
    "no step": ({"steps": 0, "run": 0}, "faults", "What is wrong: LR-HIGH.", "Điều sai: LR-HIGH."),
    "interrupted": (HEALTHY | {"complete": False}, "careful", "Interrupted before a verdict: nothing wrong", ""),
    "no verdict": ({"verdict": None, "findings": []}, "none", "No verdict was reached.", ""),
}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("changes", "tone", "english", "vietnamese"), VERDICTS.values(), ids=VERDICTS)
def test_headline_gives_the_verdict(changes, tone, english, vietnamese, lang):
    html = page(**changes, lang=lang)
    assert headline(html, "en").startswith(english)
    assert headline(html, "vi").startswith(vietnamese)
    assert f'<section class="hero {tone}">' in html
    assert f'<html lang="{lang}">' in html


CARD = [
    "train.py:28 LR-HIGH caused by: proved by replay lr=20 is too high lower it to about 0.2",
    "SGD(..., lr=0.2) # or less Copy",
    "learning rate 20 better rate 0.2 optimizer SGD share gained 97%",
    "Training loss at the end 4 → 0.0122 difference −3.96; 95% interval −4.2 to −3.7",
    "As it is, and with lr × 0.01",
    "Training loss over the steps. As it is: from 2.3 to 4. With the change: from 2.3 to 0.0122.",
    "the same weights at the start, the same batches · a curve that leaves the chart goes far above it",
    "lr × 0.01 0.5 ✓ lr × 0.1 0.6 ✓ weight decay 0 2 as it is 4 gradients clipped 3e35 lr × 10 broke",
    "145 2.9 times the run of 50 steps Checks passed 1 / 2",
    "✓ passed: every loss was finite, in 50 steps FINITE ✕ failed: learned nothing: loss 3.771 LEARNED",
    "two replays differ by 1.2%",
    "Made by leonui 0.1.0.",
]


@pytest.mark.parametrize(
    ("changes", "there", "absent"),
    [
        ({}, CARD, ["Interrupted", "clip 0", "/a:1", "odd", "What to change", "Once more", "not a number"]),
        (HEALTHY, ["What was checked ✓ passed:", "1 / 1"], ["What was found", "✕", "Training loss", "need JavaScript"]),
        (HEALTHY | {"complete": False}, ["Interrupted: this report shows"], ["Healthy"]),
        (UNKNOWN, ["OVERFITTING consistent with: statistics only it overfits"], ["Training loss at the end"]),
        ({"checklist": []}, ["What to know two replays"], ["What was checked", "Checks passed"]),
        (
            {"findings": [STALE]},
            ["STALE-GRADIENT is: an exact check gradients are never", "stale 49 steps 50 per step 1.5"],
            ["first at step", "Training loss", "→"],
        ),
        ({"findings": [HIGH, STALE | {"proof": PROOF}]}, ["Proved by the same replay as LR-HIGH."], []),
        ({"patch": PATCH}, ["What to change Nothing was written to your file.", "@@ -28 +28 @@"], []),
        (with_proof(**BROKEN), ["not a number → 0.0122", "from 2.3 to not a number."], ["difference", "interval"]),
        (
            with_proof(**AGAIN),
            ["Training loss at the end 1", "Once more, with seeds + 1", "With the change: from 2 to 1."],
            ["As it is", "difference", "the same batches", "What was tried"],
        ),
        (with_proof(change="lr x 0.1, no clipping, {odd}"), ["As it is, and with lr × 0.1, no clipping, {odd}"], []),
    ],
)
def test_contents(changes, there, absent):
    text = said(page(**changes))
    assert [words for words in there if words not in text] == []
    assert [words for words in absent if words in text] == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["Những gì đã phát hiện", "nguyên nhân: đã chứng minh bằng chạy lại", "giữ nguyên 4", "Đủ"]),
        (HEALTHY, ["Những gì đã kiểm tra ✓ đạt: every loss was finite", "Số bước đã dùng 145 gấp 2.9 lần"]),
        (UNKNOWN, ["phù hợp với: chỉ dựa trên thống kê", "Tạo bởi"]),
    ],
)
def test_contents_in_vietnamese(changes, expected):
    text = said(page(**changes), "vi")
    assert [words for words in expected if words not in text] == []


def test_the_checklist_comes_first_where_nothing_was_found():
    order = [
        re.findall(r'<section class="wide" id="(\w+)">', page(**changes)) for changes in ({"patch": PATCH}, HEALTHY)
    ]
    assert order == [["numbers", "faults", "change", "findings", "data"], ["numbers", "findings", "data"]]


@pytest.mark.parametrize(
    "result",
    [
        {},
        dict.fromkeys(RESULT),
        RESULT | {"findings": [dict.fromkeys(HIGH)], "checklist": [dict.fromkeys(CHECKS[0])], "notes": [{}]},
        RESULT | with_proof(**dict.fromkeys(PROOF)),
        RESULT | with_proof(control=[None, None], changed=[None], tried={"as it is": "NaN"}, gain="NaN"),
        RESULT | with_proof(control=[-1.0, -1.0], changed=[-1.0, -1.0], tried={"as it is": -1.0, "lr x 10": -1.0}),
        RESULT | with_proof(control=[0.0], changed=[0.0], tried={"as it is": 0.0}, interval=[0.1]),
    ],
)
def test_what_is_unknown_is_left_out(result):
    html = document(result | {"command": "doctor"})
    assert "<h1>" in html
    assert "None" not in said(html)


@pytest.mark.parametrize("hostile", [HOSTILE, "<script>alert(1)</script>.py"])
def test_whatever_comes_from_the_script_stays_text(hostile):
    evidence = {"template": "{x}", "evidence": {"x": hostile, hostile: hostile[:30]}, "code": hostile}
    proof = {"change": hostile, "tried": {hostile: 0.1}, "suffices": [hostile]}
    dirty = HIGH | evidence | {"file": hostile, "fix": hostile, "fixes": [hostile], "proof": PROOF | proof}
    more = {"checklist": [evidence | {"ok": True}], "notes": [evidence, {"template": hostile}]}
    changes = {"findings": [dirty, dirty], "program": hostile, "leonui": hostile, "patch": hostile, **more}
    html = page(**changes)
    assert "<img" not in html
    assert "<script>alert" not in html
    assert html.count("</script>") == page().count("</script>")
    assert hostile.split("&")[0] in said(html)


def test_copied_patch_and_lines_are_what_they_are():
    html = page(patch=PATCH)
    shown = re.search(r'<pre id="patch" class="patch">(.*?)</pre>', html, re.S)
    assert shown
    assert unescape(re.sub(r"<[^>]*>", "", shown[1])) == PATCH
    assert re.findall(r'<(del|ins|span class="\w+")>', shown[1]) == ['span class="head"'] * 3 + ["del", "ins"]
    assert '<pre id="fix-1">SGD(..., lr=0.2)\n# or less</pre>' in html


def test_bars_are_as_long_as_the_losses():
    lengths = re.findall(r'class="length( cut)?" style="--length: ([\d.]+)%"', page())
    assert lengths == [("", "12.5"), ("", "15.0"), ("", "50.0"), ("", "100.0"), (" cut", "100")]


TWO = [("scatter", "as it is"), ("scatter", "with the change")]
LONG = {"control": [2.0, 3.0] * 100, "changed": [2.0, 1.0] * 100, "steps": 800}


@pytest.mark.parametrize(
    ("changes", "traces", "kind", "steps"),
    [
        ({}, TWO, "log", [1.5, 3.5]),
        ({"control": [2.0, 3.0], "changed": [2.0, 1.0], "steps": 2}, TWO, "linear", [1.0, 2.0]),
        ({"control": [20.0, 30.0], "changed": [20.0, -1.0]}, TWO, "linear", [13.0, 38.0]),
        (BROKEN, [*TWO, ("scatter", "not a number")], "log", [1.0, 2.0]),
        (AGAIN, TWO[1:], "linear", [1.0, 2.0]),
        (LONG, [TWO[0], TWO[0], TWO[1], TWO[1]], "linear", [2.5, 6.5]),
    ],
)
def test_proof_is_drawn_as_two_curves(changes, traces, kind, steps):
    figure = specs(page(**with_proof(**changes)))["proof0"]["figure"]
    assert [(trace["type"], trace.get("name")) for trace in figure["data"]] == traces
    assert figure["layout"]["yaxis"]["type"] == kind
    changed = [trace for trace in figure["data"] if trace["name"] == "with the change"]
    assert changed[0]["x"][:2] == steps
    assert "var(" in json.dumps(figure)


def test_a_training_that_explodes_leaves_the_chart():
    axis = specs(page())["proof0"]["figure"]["layout"]["yaxis"]
    assert 10 ** axis["range"][1] < 100
    assert "thin line: mean over 4 steps · thick line: running median over 20 steps" in said(page(**with_proof(**LONG)))


def test_each_proof_has_its_chart_and_the_same_proof_only_one():
    other = STALE | {"proof": AGAIN}
    assert list(specs(page(findings=[HIGH, STALE | {"proof": PROOF}, other]))) == ["proof0", "proof2"]
    assert specs(page(**HEALTHY)) == {}


# in a browser


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_drawn_and_asks_for_nothing(browser, tmp_path, scheme):
    file: Path = tmp_path / "report.html"
    file.write_text(page(program=HOSTILE, findings=[HIGH, STALE | {"proof": BROKEN}]), encoding="utf-8")
    visit = Visit(browser, file, viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    visit.page.wait_for_selector("html[data-charts]")
    assert visit.traces("proof0") == [["scatter", "as it is", 25], ["scatter", "with the change", 25]]
    assert [name for _, name, _ in visit.traces("proof1")] == ["as it is", "with the change", "not a number"]
    assert visit.style(".hero h1", "borderLeftColor") == visit.style(".certain", "borderLeftColor")
    for lang in LANGUAGES:
        visit.page.click(f"[data-lang={lang}]")
        visit.resize(375)
        assert visit.overflow <= 0
        visit.resize(1280)
    assert visit.troubles == []
    assert {url for url in visit.requests if not url.startswith(("data:", "blob:"))} == {file.as_uri()}


def test_page_is_readable_without_javascript(browser, tmp_path):
    file: Path = tmp_path / "report.html"
    file.write_text(page(), encoding="utf-8")
    visit = Visit(browser, file, java_script_enabled=False)
    text = visit.page.inner_text("main")
    shown = [
        "What is wrong: LR-HIGH.",
        "The charts need JavaScript",
        "With the change: from 2.3 to",
        "lr × 0.01",
        "FINITE",
    ]
    assert [words for words in shown if words not in text] == []
    assert not visit.page.is_visible(".chart")
    assert not visit.page.is_visible(".copy")
