"""A schedule drawn: in characters, on a page, as values."""

import json
import math
import re
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leonui.preview import HEIGHT, PAGE, WIDTH, Scale, horizon, page, rows, terminal
from leonui.schedule import SHELF, Phase, Schedule, constant, cosine, parse, ramp, warmup
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


@pytest.mark.parametrize(
    ("axis", "most", "ticks"),
    [
        (Scale(0, 1), 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (Scale(0, 0.1), 5, [0, 0.02, 0.04, 0.06, 0.08, 0.1]),
        (Scale(0, 1210), 8, [0, 200, 400, 600, 800, 1000, 1200]),
        (Scale(-1, 1), 4, [-1, -0.5, 0, 0.5, 1]),
        (Scale(1e-3, 1, log=True), 5, [1e-3, 1e-2, 1e-1, 1]),
        (Scale(2e-8, 1, log=True), 5, [1e-7, 1e-5, 1e-3, 1e-1]),
    ],
)
def test_ticks_are_round(axis, most, ticks):
    assert axis.ticks(most) == pytest.approx(ticks)
    assert all(-1e-9 <= axis(tick) <= 1 + 1e-9 for tick in ticks)


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
    drawn = page(schedule, steps, lr)
    ys = [float(y) for y in re.findall(r"V(-?[\d.]+)", re.findall(r'class="curve" d="([^"]+)"', drawn)[0])]
    assert all(-0.01 <= y <= PAGE[1] + 0.01 for y in ys)
    assert not re.search(r"\b(nan|inf)\b", drawn)


def test_a_ramp_is_a_line_on_a_logarithmic_axis():
    rises = heights(terminal(ramp(1e-5, 1, 1000), 1000, plain=True).plain)
    assert rises == sorted(rises, reverse=True)
    assert len(set(rises)) == HEIGHT


class Curve(HTMLParser):
    """What of a page is text, and what its curve is."""

    def __init__(self, source: str):
        super().__init__()
        self.texts, self.path = [], ""
        self.feed(source)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if ("class", "curve") in attrs:
            self.path = dict(attrs)["d"]


def test_a_page_has_the_exact_curve():
    curve = Curve(page(Schedule((Phase(4, 1.0, 0.0),)), 5, 0.5))
    width, height = PAGE
    levels = [float(y) for y in re.findall(r"(?:M0 |V)([\d.]+)", curve.path)]
    assert levels == pytest.approx([height * share for share in (0, 1 / 4, 1 / 2, 3 / 4, 1)])
    assert [float(x) for x in re.findall(r"H([\d.]+)", curve.path)] == pytest.approx(
        [width * i / 5 for i in range(1, 6)]
    )
    assert [text for text in curve.texts if text.startswith("step ")][1] == "step 1: lr 0.375"
    assert {"0", "0.1", "0.5", "lr", "step", "1", "4"} <= set(curve.texts)


def test_a_page_holds_no_more_than_it_must():
    assert len(page(CLIMB, 10**6)) < 60_000
    assert "&lt;b&gt;" in page(constant(), 5, title="<b>")
    assert "<b>" not in page(constant(), 5, title="<b>")
    assert not re.search(r"https?://|<script", page(CLIMB, 1210))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_from_disk_and_asks_nobody(scheme, tmp_path):
    file = tmp_path / "schedule.html"
    file.write_text(page(CLIMB, horizon(CLIMB), 0.1, "warmup(100) > cosine(1000)"), encoding="utf-8")
    with launched() as browser:
        visit = Visit(browser, file, color_scheme=scheme, viewport={"width": 400, "height": 700})
        assert visit.page.title() == "warmup(100) > cosine(1000)"
        box = visit.page.locator(".curve").bounding_box()
        assert box["width"] > 250
        assert math.isclose(box["width"] / box["height"], PAGE[0] / PAGE[1], rel_tol=0.05)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 400
        assert visit.troubles == []
        assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []
