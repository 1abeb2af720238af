"""The pages of all commands in a real browser: one look, no obstacle to anybody, each chart a picture to keep."""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from leonui.preview import told
from leonui.race import Plan, Race
from leonui.race.result import result
from leonui.record import Record
from leonui.report import document, landscape_figure
from leonui.schedule import cosine, warmup
from leonui.trial.program import Program
from leonui.words import LANGUAGES
from tests import test_race, test_report, test_report_doctor, test_report_rate, test_rlhf_command
from tests.browser import Visit, launched

AXIS = [i / 4 for i in range(-2, 7)]
LANDSCAPE: dict[str, Any] = {
    "command": "landscape",
    "leonui": "0.1.0",
    "program": "examples/digits_mlp.py --lr 0.01",
    "time": "2026-11-23T21:00:00",
    "seconds": 21.5,
    "complete": True,
    "verdict": "below",
    "strain": 0.0476,
    "lr": 0.01,
    "steps": 90,
    "path": [[1 - i / 9, math.sin(i) / 9, 2.3 / (1 + i), 10 * i] for i in range(10)],
    "plane": {
        "x": AXIS,
        "y": AXIS,
        "loss": [[0.2 + x * x + 3 * y * y for x in AXIS] for y in AXIS],
        "places": 81,
        "asked": 81,
        "batches": 6,
    },
    "explained": [0.99, 0.007],
    "curvature": [[i, 2.0 + i / 30, 200.0] for i in range(2, 90, 4)],
    "findings": [],
    "notes": [{"template": "the path is straight: the second direction is a random one", "evidence": {}}],
    "settings": {"branches start by": "fork"},
    "machine": {"python": "3.11.7"},
}
WATCH = Record([{"step": i, "loss": 2.3 * 0.97**i, "lr": [0.01], "optimizer": 0} for i in range(1, 91)])
CURVE = {"steps": [100, 200, 300], "mean": [20.0, 90.0, 200.0], "low": [15, 70, 180], "high": [25, 110, 220]}
PPO = {
    "command": "ppo",
    "program": "CartPole-v1",
    "complete": True,
    "return": {"mean": 480.0, "low": 455.0, "high": 500.0, "count": 3},
    "steps": 300,
    "speed": 9000.0,
    "seconds": 30.0,
    "curves": dict.fromkeys(("return", "kl", "clipped", "entropy", "explained_variance"), CURVE),
    "seeds": [{"seed": 1, "steps": 300, "return": 480.0}],
    "findings": [],
    "checks": [{"code": "PPO-RATIO", "template": "the ratios were 1 at the start", "evidence": {}, "ok": True}],
    "settings": {"lr": 0.001},
    "machine": {"python": "3.11.7"},
}
SCHEDULE = {"command": "schedule", "program": "warmup(10) > cosine(90)", **told(warmup(10) >> cosine(90), 110, 0.1)}


def raced() -> str:
    """The page of a race between the script as it is and one optimizer."""
    with TemporaryDirectory() as folder:
        job = Race(Program("script", "train.py", ()), Path(folder), Plan(("lion",)))
        job.journal = test_race.journal({test_race.OWN: test_race.POOR, "lion": test_race.GOOD})
        return document(result(job) | {"leonui": "0.1.0"})


PAGES = {
    "climb": lambda: test_report.page(),
    "lr": lambda: test_report_rate.page(),
    "doctor": lambda: test_report_doctor.page(),
    "race": lambda: raced(),
    "landscape": lambda: document(LANDSCAPE, WATCH),
    "ppo": lambda: document(PPO),
    "rlhf": lambda: document(test_rlhf_command.RESULT, test_rlhf_command.record()),
    "schedule": lambda: document(SCHEDULE),
}


def heading(lang: str = "en", **changes: Any) -> str:
    """The verdict of the landscape in one language, some of its result replaced."""
    said = re.search(r"<h1>(.*?)</h1>", document(LANDSCAPE | changes, WATCH), re.S)
    assert said
    form = re.search(rf'<span lang="{lang}">(.*?)</span>', said[1])
    return form[1] if form else said[1]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Below the edge of stability: the sharpest curvature is 4.8% of what lr 0.01 can bear. Loss 2.3 → 0.23"),
        ({"verdict": "edge", "strain": 1.2}, "At the edge of stability: the sharpest curvature is 120% of what"),
        ({"verdict": "beyond", "strain": 3.0}, "Beyond the edge of stability: the sharpest curvature is 300%"),
        ({"verdict": "diverged"}, "Diverged: loss 2.3 → 0.23 along the path, at lr 0.01."),
        ({"verdict": "seen"}, "Loss 2.3 → 0.23 along the path; what its rate can bear is not known."),
        ({"verdict": "none", "path": []}, "Interrupted before there was a path."),
        (
            {"verdict": "none", "path": [], "findings": [{"template": "no weight moved", "evidence": {}}]},
            "No path can be drawn. Found: no weight moved.",
        ),
    ],
)
def test_a_landscape_says_what_was_seen(changes, expected):
    assert heading(**changes).startswith(expected)
    assert heading("vi", **changes) != heading(**changes)


@pytest.mark.parametrize("result", [{}, dict.fromkeys(LANDSCAPE), {"path": [[0, 0, None, 0]], "plane": {}}])
def test_of_a_landscape_what_is_unknown_is_left_out(result):
    html = document(result | {"command": "landscape"}, Record())
    assert "Interrupted before there was a path." in html
    assert 'id="plotly"' not in html


def test_a_landscape_is_also_a_plain_figure():
    figure = landscape_figure(LANDSCAPE | {"lang": "vi"})
    assert [trace.type for trace in figure.data] == ["contour", "scatter", "scatter"]
    assert len(figure.data[1].x) == 10
    half = landscape_figure(LANDSCAPE | {"plane": {"x": [], "y": [], "loss": [], "places": 0}})
    assert [trace.type for trace in half.data] == ["scatter", "scatter"]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_small_and_of_one_frame(name):
    html = PAGES[name]()
    assert len(html.encode()) < 3_000_000
    assert f'<span class="brand">leonui {name}</span>' in html
    assert html.index("<h1>") < html.index('id="numbers"') < html.index('class="chart') < html.index('id="data"')
    assert html.count('class="copy save') == html.count('class="spec"') > 0


# in a browser


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


def opened(browser: Any, folder: Path, name: str, **settings: Any) -> Visit:
    """A page with its charts drawn and everything unfolded."""
    file = folder / f"{name}.html"
    file.write_text(PAGES[name](), encoding="utf-8")
    visit = Visit(browser, file, **settings)
    visit.page.wait_for_selector("html[data-charts=drawn]")
    visit.page.evaluate("document.querySelectorAll('details').forEach(node => node.open = true)")
    return visit


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_keeps_anybody_from_a_page(browser, name, scheme, tmp_path):
    # the checker's own script is let in past the page's policy
    visit = opened(browser, tmp_path, name, color_scheme=scheme, bypass_csp=True)
    for width in (1280, 375):
        visit.resize(width)
        for lang in LANGUAGES:
            visit.page.click(f"[data-lang={lang}]")
            found = Axe().run(visit.page).response["violations"]
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
            assert visit.overflow <= 0
    assert visit.troubles == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_each_chart_is_saved_as_a_picture_without_a_request(browser, name, tmp_path):
    visit = opened(browser, tmp_path, name, viewport={"width": 1280, "height": 800})
    buttons = visit.page.locator("[data-save]")
    assert buttons.count() == visit.page.locator(".chart").count() > 0
    for i in range(buttons.count()):
        with visit.page.expect_download() as download:
            buttons.nth(i).click()
        chart = buttons.nth(i).get_attribute("data-save")
        assert download.value.suggested_filename == f"leonui-{name}-{chart}.png"
        data = Path(download.value.path()).read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", data[16:24]) == (1920, 960)
        assert len(data) > 10_000
    assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert visit.troubles == []


@pytest.mark.slow
def test_a_landscape_is_drawn(browser, tmp_path):
    visit = opened(browser, tmp_path, "landscape")
    code = "gd => gd._fullData.map(trace => trace.type)"
    assert visit.page.eval_on_selector("#chart-landscape", code) == ["contour", "scatter", "scatter"]
    assert visit.page.locator("#chart-landscape .contourlevel path").count() > 3
    assert visit.traces("curvature") == [["scatter", "lambda_max", 22], ["scatter", "what the rate can bear", 22]]
    assert [kind for kind, *_ in visit.traces("loss")] == ["scatter"] * 3
