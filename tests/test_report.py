"""The report: what stands in it and in which order, in both languages, and that no text of a script becomes markup."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leonui.record import Record
from leonui.report import document
from leonui.report.series import Curve, smooth, thin
from leonui.words import LANGUAGES
from tests.browser import Visit, launched


def losses(seed: int, steps: int, floor: float, speed: float) -> list[float]:
    """A noisy way down from 2.3, as a small classifier's."""
    noise = random.Random(seed)
    return [(floor + (2.3 - floor) * math.exp(-step / speed)) * noise.lognormvariate(0, 0.18) for step in range(steps)]


def record(seed: int, lrs: list[float], floor: float, speed: float, every: int = 45) -> Record:
    """A run with a validation pass after ``every`` steps."""
    ways = zip(losses(seed, len(lrs), floor, speed), lrs, strict=True)
    rows = [{"step": i, "loss": loss, "lr": [lr], "seconds": 0.001 * i} for i, (loss, lr) in enumerate(ways, 1)]
    passes = range(every, len(lrs) + 1, every)
    events = [_validation(step, 0.02 + floor + (2.3 - floor) * math.exp(-step / speed)) for step in passes]
    return Record(rows, events)


def _validation(step: int, loss: float) -> dict:
    return {"event": "validation", "step": step, "site": "digits_mlp.py:51", "loss": loss}


STEPS = 450
BASELINE = record(1, [0.01] * STEPS, 0.45, 130.0)
CLIMB = record(2, [0.31 * min(i / 22, (STEPS - i) / (STEPS - 22)) for i in range(1, STEPS + 1)], 0.03, 40.0)


def rung(steps: int, lrs: list[float], depth: float) -> dict:
    """A U-shaped rung of the search; the largest learning rates diverge."""
    way = [None if lr > 3 else 0.05 + 2.2 / (1 + (depth * lr) ** 1.3) + (lr / 1.2) ** 2 for lr in lrs]
    errors = [None if loss is None else 0.06 * loss for loss in way]
    return {"steps": steps, "lr": lrs, "loss": way, "se": errors, "best": 0.3}


RAMP = [0.0001 * 10 ** (i / 20) for i in range(100)]
GRID = [0.0001 * 10 ** (i / 2) for i in range(10)]
FINE = [0.05, 0.1, 0.2, 0.31, 0.5, 0.8]

RESULT = {
    "leonui": "0.1.0",
    "program": "examples/digits_mlp.py --lr 0.01",
    "time": "2026-11-22T21:00:00",
    "seconds": 31.2,
    "lang": "en",
    "complete": True,
    "verdict": "better",
    "judged_by": "validation",
    "goal": "min",
    "metric_pattern": "val acc ([0-9.]+)",
    "lr": 0.31,
    "scale": 31.0,
    "base_lr": [0.01],
    "optimizer": "SGD",
    "baseline": {"loss": 0.571, "validation": 0.599, "metric": 0.8778},
    "climb": {"loss": 0.0312, "validation": 0.092, "metric": 0.975},
    "pairs": [
        {"seed": 0, "baseline": {"validation": 0.601}, "climb": {"validation": 0.094}},
        {"seed": 1, "baseline": {"validation": 0.622}, "climb": {"validation": 0.101}},
        {"seed": 2, "baseline": {"validation": 0.574}, "climb": {"validation": 0.081}},
    ],
    "difference": -0.507,
    "interval": [-0.56, -0.45],
    "level": 0.95,
    "steps": {"baseline": 450, "search": 1620, "final": 450},
    "changes": [{"file": "examples/digits_mlp.py", "line": 28, "from": "SGD(lr=0.01)", "to": "SGD(lr=0.31)"}],
    "search": {
        "ramp": {"lr": RAMP, "loss": [2.3 - 1.9 / (1 + (0.08 / lr) ** 1.5) + (lr / 3) ** 3 for lr in RAMP]},
        "rungs": [rung(45, GRID, 6), rung(135, GRID[4:], 20), rung(405, FINE, 60)],
    },
    "findings": [
        {
            "code": "EVAL-TRAIN",
            "class": "is",
            "template": "the model is in eval mode during {count} of {steps} training steps",
            "fix_template": "call model.train() before the loop over the batches",
            "evidence": {"count": 45, "steps": 450},
            "file": "examples/digits_mlp.py",
            "line": 33,
        }
    ],
    "checks": [
        {"code": "LEARNED", "template": "the loss fell by {x:.3g}", "evidence": {"x": 1.7312}, "ok": True},
        {"code": "GRADIENTS", "template": "all {n} tensors have gradients", "evidence": {"n": 6}, "ok": True},
        {"code": "SHUFFLED", "template": "the batches of two epochs differ", "evidence": {}, "ok": False},
    ],
    "notes": [{"template": "{n} branches ran side by side, one thread each", "evidence": {"n": 2}}],
    "settings": {"seeds": 3, "budget": "1.0", "metric": "val acc ([0-9.]+)", "goal": "min"},
    "machine": {"python": "3.11.7", "torch": "2.13.0", "cpu": "2 cores", "system": "Linux"},
    "report": ".leonui/run/report.html",
}

HOSTILE = "</script><img src=x onerror=alert(1)>&\u2028{0}%{meta}"


def page(lang: str = "en", baseline: Record = BASELINE, climb: Record | None = CLIMB, **changes: Any) -> str:
    """The report of the example, some values of its result replaced."""
    return document(RESULT | {"lang": lang} | changes | {"command": "climb"}, baseline, climb)


def headline(html: str, lang: str = "en") -> str:
    """The verdict in one language."""
    heading = re.search(r"<h1>(.*?)</h1>", html, re.S)
    assert heading
    form = re.search(rf'<span lang="{lang}">(.*?)</span>', heading[1])
    return form[1] if form else heading[1]


def specs(html: str) -> dict[str, dict]:
    """The charts that are embedded in a page."""
    found = re.findall(r'<script type="application/json" class="spec" data-chart="(\w+)">(.*?)</script>', html, re.S)
    return {name: json.loads(text) for name, text in found}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {},
            "Better: validation loss 0.599 → 0.092 (−0.507, 95% interval −0.56 to −0.45, 3 seeds) "
            "with lr 0.31 instead of 0.01.",
        ),
        ({"interval": None, "difference": None, "pairs": [], "lr": None}, "Better: validation loss 0.599 → 0.092."),
        (
            {"judged_by": "metric", "difference": 0.0972, "interval": None, "pairs": RESULT["pairs"][:1]},
            "Better: the script&#x27;s own metric 0.878 → 0.975 (+0.0972, 1 seed) with lr 0.31 instead of 0.01.",
        ),
        ({"verdict": "worse"}, "Your own setting is the better one: keep it."),
        ({"verdict": "no_difference"}, "No difference found: validation loss"),
        ({"verdict": None, "findings": [], "complete": False}, "Interrupted before a verdict"),
        ({"verdict": None, "findings": []}, "No verdict: there are not two finished runs to compare."),
        ({"verdict": None}, "No verdict. Found: the model is in eval mode during 45 of 450 training steps."),
    ],
)
def test_verdict_says_what_was_decided(changes, expected):
    assert headline(page(**changes)).startswith(expected)


def test_verdict_comes_first_and_in_both_languages():
    html = page()
    assert html.index("<h1>") < html.index("<h2") < html.index('id="change"') < html.index('id="chart-loss"')
    assert headline(html, "vi").startswith("Tốt hơn: mất mát kiểm định 0.599 → 0.092 (−0.507, khoảng tin cậy 95%")
    assert '<html lang="en">' in html
    assert '<html lang="vi">' in page("vi")
    assert '<html lang="en">' in page("xx")


def test_every_text_has_both_languages():
    english, other = (re.findall(rf'<span lang="{lang}">(.*?)</span>', page()) for lang in LANGUAGES)
    assert len(english) == len(other) > 50
    assert all(spec["words"] for spec in specs(page()).values())


def test_numbers_are_text_and_need_no_script():
    html = re.sub(r"<script.*?</script>", "", page(), flags=re.S)
    for text in ("0.599", "0.092", "examples/digits_mlp.py:28", "SGD(lr=0.31)", "1,620", "0.622", "−0.521", "2 cores"):
        assert text in html
    assert "Baseline: from 2.64 to 0.48." in html
    assert "<noscript>" in html


def test_what_is_kept_is_not_changed():
    html = page(verdict="worse")
    assert "Nothing: keep your lr 0.01." in html
    assert "SGD(lr=0.31)" not in html[: html.index("<details>")]
    assert "Set lr 0.31 where your script sets 0.01." in page(changes=[])


def test_whatever_comes_from_the_script_stays_text():
    dirty = dict.fromkeys(("program", "time", "metric_pattern", "optimizer", "leonui", "report"), HOSTILE)
    evidence = {"template": "{x}", "evidence": {"x": HOSTILE}, "code": HOSTILE}
    place = {"file": HOSTILE, "line": 3, "from": HOSTILE, "to": HOSTILE}
    many = {"checks": [evidence], "notes": [evidence, {"template": HOSTILE}], "findings": [evidence | place]}
    html = page(**dirty, **many, changes=[place], settings={HOSTILE: HOSTILE}, machine={HOSTILE: [HOSTILE]})
    assert "<img" not in html
    assert html.count("</script>") == page().count("</script>")
    assert not re.search(r"[<>&\u2028]", json.dumps(specs(html)).replace("<br>", ""))


def test_page_asks_for_nothing_and_stays_small():
    html = page(baseline=record(1, [0.01] * 60_000, 0.45, 9000.0, 1000), climb=record(2, [0.3] * 60_000, 0.1, 900.0))
    assert len(html.encode()) < 3_000_000
    assert not re.search(
        r"""(src|href|url|@import)\s*[=(]\s*["']?(?!data:,|#|none)[\w/.]""", html.split('id="plotly"')[0]
    )
    assert "default-src &#39;none&#39;" in html
    traces = [trace for spec in specs(html).values() for trace in spec["figure"]["data"]]
    assert max(len(trace["x"]) for trace in traces) <= 5000


def test_thinning_keeps_spikes_and_smoothing_drops_them():
    losses: list[float | None] = [1.0] * 100_000
    losses[31_415] = 50.0
    curve = Curve(range(100_000), losses)
    assert len(thin(curve).x) <= 5000
    assert max(thin(curve).values) == 50.0
    assert set(smooth(curve, 5).y) == {1.0}


@pytest.mark.parametrize(
    "result", [{}, dict.fromkeys(RESULT), {"base_lr": [None], "search": {"ramp": None, "rungs": []}}]
)
def test_what_is_unknown_is_left_out(result):
    html = document(result | {"command": "climb"}, Record(), None)
    assert "No verdict" in html
    assert 'id="plotly"' not in html


def test_runs_that_broke_are_drawn_as_far_as_they_went():
    broken = Record([{"step": i, "loss": 2.0 if i < 5 else "NaN", "lr": [1.0]} for i in range(1, 20)])
    data = specs(page(baseline=broken, climb=None))["loss"]["figure"]["data"]
    assert data[0]["y"] == [2.0] * 4 + [None] * 15


def test_points_of_a_search_are_in_order():
    rung = {"steps": 9, "lr": [1.0, 0.1, 3.0, 0.01], "loss": [0.2, 0.1, None, 0.4], "se": [0.02, 0.01, 0.0, 0.04]}
    trace, lost = specs(page(search={"rungs": [rung]}))["search"]["figure"]["data"]
    assert (trace["x"], trace["y"]) == ([0.01, 0.1, 1.0, 3.0], [0.4, 0.1, 0.2, None])
    assert trace["error_y"]["array"] == [0.04, 0.01, 0.02, 0.0]
    assert lost["x"] == [3.0]


def test_no_torch_is_imported():
    subprocess.run([sys.executable, "-c", "import leonui.report, sys; assert 'torch' not in sys.modules"], check=True)


# in a browser


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(program=HOSTILE), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def visit(browser, file) -> Visit:
    visit = Visit(browser, file, viewport={"width": 1280, "height": 800}, color_scheme="light")
    visit.page.wait_for_selector("html[data-charts]")
    return visit


def test_charts_are_drawn(visit):
    runs = [
        ["scatter", "baseline", 450],
        ["scatter", "baseline", 450],
        ["scatter", "climb", 450],
        ["scatter", "climb", 450],
    ]
    checked = [["scatter", "baseline, validation", 10], ["scatter", "climb, validation", 10]]
    rungs = [["scatter", "after 45 steps", 10], ["scatter", "after 135 steps", 6], ["scatter", "after 405 steps", 6]]
    assert visit.traces("loss") == runs + checked
    assert visit.traces("search") == [["scatter", "ramp, lr rising", 100], *rungs, ["scatter", "diverged", 1]]
    assert visit.traces("rate") == [["scatter", "baseline", 450], ["scatter", "climb", 450]]
    axis = "gd => [gd._fullLayout.xaxis.type, gd._fullLayout.annotations.map(note => note.text)]"
    assert visit.page.eval_on_selector("#chart-search", axis) == ["log", ["yours 0.01", "chosen 0.31"]]
    lines = "nodes => nodes.every(node => node.getAttribute('d').length > 10)"
    assert visit.page.eval_on_selector_all(".scatterlayer .js-line", lines)


def test_nothing_goes_wrong_and_nothing_is_asked_for(visit, file):
    assert visit.troubles == []
    assert {url for url in visit.requests if not url.startswith(("data:", "blob:"))} == {file.as_uri()}
    assert visit.page.query_selector("img") is None


def test_language_toggles_in_text_and_charts(visit):
    assert not visit.page.get_by_text("Tốt hơn: mất mát").is_visible()
    visit.page.click("[data-lang=vi]")
    assert visit.page.get_by_text("Tốt hơn: mất mát").is_visible()
    assert not visit.page.get_by_text("Better: validation").is_visible()
    assert visit.traces("loss")[0][1] == "gốc"
    visit.page.click("[data-lang=en]")
    assert visit.traces("loss")[0][1] == "baseline"


def test_dark_scheme_reaches_the_charts(visit):
    def colours() -> tuple[str, ...]:
        line = visit.style("#chart-rate .js-line", "stroke")
        return visit.style("html", "backgroundColor"), line, visit.style("#chart-rate .xtick text", "fill")

    light = colours()
    visit.page.emulate_media(color_scheme="dark")
    for _ in range(100):  # the browser restyles in its own time
        if all(one != other for one, other in zip(light, colours(), strict=True)):
            break
        visit.page.wait_for_timeout(50)
    dark = colours()
    visit.page.emulate_media(color_scheme="light")
    assert all(one != other for one, other in zip(light, dark, strict=True))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_phone_needs_no_horizontal_scroll(visit, lang):
    visit.page.click(f"[data-lang={lang}]")
    visit.page.evaluate("document.querySelector('details').open = true")
    visit.resize(375)
    overflow = visit.overflow
    visit.resize(1280)
    assert overflow <= 0


def test_copying_says_that_it_is_done(visit):
    visit.page.click(".diff .copy")
    visit.page.wait_for_selector(".diff .copied .done")


def test_text_can_be_read_without_javascript(browser, file):
    visit = Visit(browser, file, java_script_enabled=False, viewport={"width": 375, "height": 700})
    for text in ("Better: validation loss", "Baseline: from 2.64"):
        assert visit.page.get_by_text(text).first.is_visible()
    assert visit.page.locator("noscript p").is_visible()
    assert not visit.page.locator(".languages").is_visible()
    assert visit.overflow <= 0
