"""A schedule drawn: in characters, on a page, as values."""

import json
import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.preview import HEIGHT, WIDTH, horizon, points, rows, terminal, told
from leonui.report import document
from leonui.schedule import SHELF, Phase, Schedule, cosine, parse, ramp, warmup
from tests.browser import Visit, launched

CALM = settings(deadline=None, derandomize=True, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
CLIMB = warmup(100) >> cosine(1000)
ARGUMENTS = {
    "constant": "0",
    "exponential": "0.9",
    "noam": "512, 40",
    "phase": "5, -1, 1",
    "ramp": "1e-5, 1, 100",
    "restarts": "5, 3",
    "warmup_linear": "50, 5",
    "wsd": "5, 6, 7",
}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("warmup(100) > cosine(1000)", 1210),
        ("constant", 2),
        ("warmup(9)", 10),
        ("inverse_sqrt(100)", 3200),
        ("warmup(100) > inverse_sqrt(100)", 3300),
        ("exponential(0.5)", 4),
        ("step(30)", 120),
        ("noam(512, 4000)", 132000),
    ],
)
def test_how_far_it_is_drawn(text, steps):
    assert horizon(parse(text)) == steps


def test_rows_are_plain_values():
    found = rows(warmup(2) >> cosine(2), 5, 0.1)
    assert json.loads(json.dumps(found)) == found
    assert [row["step"] for row in found] == [0, 1, 2, 3, 4]
    assert [row["multiplier"] for row in found] == pytest.approx([0.5, 1, 1, 0.5, 0])
    assert [row["lr"] for row in found] == pytest.approx([0.05, 0.1, 0.1, 0.05, 0])


def heights(chart: str) -> list[int]:
    """The row from the top of the highest mark in each column of a chart in ASCII."""
    lines = [line.partition("|")[2].ljust(WIDTH) for line in chart.split("\n")[:HEIGHT]]
    return [next(row for row in range(HEIGHT) if lines[row][column] == "*") for column in range(WIDTH)]


def test_a_chart_in_characters():
    drawn = terminal(CLIMB, 1210, 0.1, plain=True).plain
    assert drawn.isascii()
    lines = drawn.split("\n")
    assert len(lines) == HEIGHT + 2
    assert lines[0].startswith("0.1 |")
    assert lines[HEIGHT - 1].startswith("  0 |")
    assert re.fullmatch(r" +0 +step +1209", lines[-1])
    assert all(len(line) <= 5 + WIDTH for line in lines)
    found = heights(drawn)
    assert found[:5] == sorted(found[:5], reverse=True)
    assert found[5:] == sorted(found[5:])
    assert found[4] == 0
    assert found[-1] == HEIGHT - 1


def test_a_chart_in_braille_is_the_same_but_finer():
    plain, fine = (terminal(CLIMB, 1210, 0.1, plain=plain).plain.split("\n") for plain in (True, False))
    assert [line[:3] for line in fine[:HEIGHT]] == [line[:3] for line in plain[:HEIGHT]]
    assert fine[-1] == plain[-1]
    assert all(0x2800 <= ord(letter) < 0x2900 for line in fine[:HEIGHT] for letter in line[5:])


@pytest.mark.parametrize("plain", [True, False])
def test_a_line_has_no_gap(plain):
    lines = [line[4:].ljust(WIDTH) for line in terminal(CLIMB, 1210, 1.0, plain=plain).plain.split("\n")[:HEIGHT]]
    assert all(any(line[column].strip(" \u2800") for line in lines) for column in range(WIDTH))


@CALM
@given(text=st.sampled_from(sorted(SHELF)), steps=st.integers(1, 5000), lr=st.floats(-10, 10), plain=st.booleans())
def test_everything_can_be_drawn(text, steps, lr, plain):
    schedule = parse(f"{text}({ARGUMENTS.get(text, '50')})")
    assert len(terminal(schedule, steps, lr, plain).plain.split("\n")) == HEIGHT + 2
    drawn = told(schedule, steps, lr)
    assert all(math.isfinite(value) for _, value in drawn["curve"])
    assert drawn["curve"][0][0] == 0
    assert len(drawn["curve"]) == min(steps, 2000) or steps > 2000


def test_a_ramp_is_a_line_on_a_logarithmic_axis():
    rises = heights(terminal(ramp(1e-5, 1, 1000), 1000, plain=True).plain)
    assert rises == sorted(rises, reverse=True)
    assert len(set(rises)) == HEIGHT


def test_a_curve_is_exact_and_a_long_one_is_thinned():
    assert points(Schedule((Phase(4, 1.0, 0.0),)), 5, 0.5) == [
        (0, 0.5), (1, 0.375), (2, 0.25), (3, 0.125), (4, 0.0)
    ]  # fmt: skip
    drawn = points(warmup(10**5) >> cosine(10**6), 10**6)
    assert len(drawn) <= 2000
    assert [step for step, _ in drawn] == sorted({step for step, _ in drawn})
    assert drawn[0] == (0, pytest.approx(1e-5))
    assert max(value for _, value in drawn) == pytest.approx(1, abs=1e-3)


def test_what_a_page_is_told():
    assert told(CLIMB, 1210)["joins"] == [100, 1100]
    assert told(ramp(1e-5, 1, 1000), 1000)["log"]
    assert not told(CLIMB, 1210)["log"]


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_from_disk_and_asks_nobody(browser, scheme, tmp_path):
    file, spec = tmp_path / "schedule.html", "warmup(100) > cosine(1000)<b>"
    said = {"command": "schedule", "program": spec, "lang": "vi", **told(CLIMB, horizon(CLIMB), 0.1)}
    file.write_text(document(said), encoding="utf-8")
    visit = Visit(browser, file, color_scheme=scheme, viewport={"width": 400, "height": 700})
    visit.page.wait_for_selector("html[data-charts=drawn]")
    assert visit.page.title() == f"leonui schedule: {spec}"
    assert "step 99, 0.1" in visit.page.locator("h1").text_content()
    assert visit.traces("schedule") == [["scatter", "tốc độ học", horizon(CLIMB)]]
    assert visit.overflow <= 0
    assert visit.troubles == []
    assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == []
