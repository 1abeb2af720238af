"""The lab's page in a real browser: every control changes the picture; states, languages, sizes; what goes wrong."""

import json
import re
from base64 import b64encode
from pathlib import Path

import pytest

from leonui.lab import PRESETS, export
from tests.browser import Visit, launched, options
from tests.laboratory import Lab

# what the browser itself says of drawing without a graphics card
IDLE = re.compile("GL Driver Message|willReadFrequently|WebGL")


class Sight(Visit):
    """A visit to the lab: what is drawn, what is said, what was complained of."""

    def __init__(self, browser, place, **settings):
        super().__init__(browser, place, **settings)
        self.drawn()

    def drawn(self) -> None:
        """Wait until the last answer is drawn."""
        self.page.wait_for_selector('html[data-charts="drawn"]', state="attached")
        self.page.wait_for_selector("html:not([data-busy])", state="attached")

    def go(self, **words) -> None:
        """To another address of the same page."""
        text = "&".join(f"{key}={value}" for key, value in words.items())
        self.page.evaluate("text => { delete document.documentElement.dataset.charts; location.hash = text }", text)
        self.drawn()

    def data(self, chart: str = "map") -> list[dict]:
        """The traces that a chart really has."""
        code = """gd => gd._fullData.map(t => ({type: t.type, name: t.name, x: [...(t.x ?? [])], y: [...(t.y ?? [])],
            color: t.line?.color ?? t.marker?.color}))"""
        return self.page.eval_on_selector(f"#{chart}", code)

    def types(self, chart: str = "map") -> list[str]:
        return sorted({trace["type"] for trace in self.data(chart)})

    def picture(self) -> str:
        """All that is drawn, as text to compare."""
        self.drawn()
        shapes = self.page.eval_on_selector("#losses", "gd => [gd.layout.shapes, gd.layout.xaxis.title.text]")
        return json.dumps([self.data(), self.data("losses"), shapes])

    def colors(self, selector: str) -> int:
        """How many different colours an element has on the screen."""
        code = """async text => {
            const image = await createImageBitmap(await (await fetch(text)).blob());
            const canvas = new OffscreenCanvas(image.width, image.height), pen = canvas.getContext("2d");
            pen.drawImage(image, 0, 0);
            return new Set(new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer)).size;
        }"""
        shot = self.page.locator(selector).screenshot()
        blank = self.page.context.new_page()
        count = blank.evaluate(code, f"data:image/png;base64,{b64encode(shot).decode()}")
        blank.close()
        return count

    def verdicts(self) -> list[str]:
        return self.page.locator("#climbers .said").all_inner_texts()

    def set(self, selector: str, value: str) -> None:
        """Give a control another value, as its user would see it happen."""
        code = "(node, value) => { node.value = value; node.dispatchEvent(new Event('input', {bubbles: true})) }"
        self.page.eval_on_selector(selector, code, value)

    @property
    def complaints(self) -> list[str]:
        return [text for text in self.troubles if not IDLE.search(text)]


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def lab():
    lab = Lab()
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def sight(browser, lab):
    return Sight(browser, lab.url, viewport={"width": 1280, "height": 900})


def test_the_page_as_a_whole(sight, lab):
    sight.go(preset="rates")
    assert sight.types() == ["contour", "scatter"]
    assert sight.types("losses") == ["scatter"]
    assert sight.page.locator("#map .contourlayer path").count() > 10
    assert sight.colors("#map") > 200
    assert sight.page.inner_text("#title") == "Too small, good, too large"
    assert sight.verdicts()[3] == "diverged at step 41"
    assert sight.page.text_content("#map .annotation-text") == "diverged at step 41"
    assert sight.page.locator(".limit").all_inner_texts()[2:] == [
        "97.5% of the limit 2/λmax = 0.04",
        "above the limit 2/λmax = 0.04",
    ]
    before = sight.picture()
    sight.page.locator('#climbers [name="lr-slider"]').first.focus()
    sight.page.keyboard.press("ArrowRight")
    sight.page.wait_for_selector('[data-preset="rates"][aria-pressed="false"]')
    assert sight.picture() != before
    assert sight.page.locator("#map .contourlayer path").count() > 10
    assert "climber=sgd%7E0.0005" in sight.page.url
    sight.page.click('[data-lang="vi"]')
    assert sight.page.inner_text("h2 [lang=vi]") == "Mất mát"
    assert sight.verdicts()[3] == "phân kỳ ở bước 41"
    assert sight.page.title() == "leonui lab: ngọn núi"
    sight.page.click('[data-lang="en"]')
    assert {url.split("#")[0] for url in sight.requests if not url.startswith(("data:", "blob:"))} <= {
        lab.url,
        lab.url + "race",
    }
    assert sight.complaints == []


FIRST = "#climbers li:first-child"
CONTROLS = {
    "rule": ({}, lambda page: page.select_option(f'{FIRST} [name="kind"]', "adam")),
    "rate": ({}, lambda page: page.fill(f'{FIRST} [name="lr"]', "0.01")),
    "momentum": ({}, lambda page: page.fill('#climbers li:nth-child(2) [name="momentum"]', "0.2")),
    "schedule": ({}, lambda page: _more(page).select_option(f'{FIRST} [name="schedule"]', "cosine")),
    "clip": ({}, lambda page: _more(page).fill(f'{FIRST} [name="clip"]', "0.5")),
    "remove": ({}, lambda page: page.click(f"{FIRST} .gone")),
    "add": ({}, lambda page: page.click("#add")),
    "halve": ({}, lambda page: page.click("#halve")),
    "double": ({}, lambda page: page.click("#double")),
    "surface": ({}, lambda page: page.select_option("#surface", "himmelblau")),
    "start x": ({}, lambda page: page.fill("#start-x", "-3")),
    "start y": ({}, lambda page: page.fill("#start-y", "0.4")),
    "preset": ({}, lambda page: page.click('[data-preset="saddle"]')),
    "over rates": ({}, lambda page: _compared(page)),
    "map key": ({}, lambda page: page.press("#map", "ArrowDown")),
    "map click": ({}, lambda page: page.locator("#map").click(position={"x": 600, "y": 100})),
    "batch of one": ({"preset": "batch"}, lambda page: page.fill(f'{FIRST} [name="batch"]', "100")),
    "noise": ({}, "noise"),
    "steps": ({}, "steps"),
    "scrub": ({}, "scrub"),
    "batch": ({"on": "bowl", "noise": 2, "climber": "sgd~0.1"}, "batch"),
    "seed": ({"on": "bowl", "noise": 2, "climber": "sgd~0.1"}, "seed"),
    "rate slider": ({}, f'{FIRST} [name="lr-slider"]'),
    "momentum slider": ({}, '#climbers li:nth-child(2) [name="momentum-slider"]'),
    "batch slider": ({"preset": "batch"}, f'{FIRST} [name="batch-slider"]'),
}


def _more(page):
    page.eval_on_selector(f"{FIRST} details", "node => (node.open = true)")
    return page


def _compared(page):
    page.click("#by-rate")
    page.wait_for_function("() => document.querySelector('#losses')._fullData.length > 4")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTROLS)
def test_each_control_changes_the_picture(sight, name):
    words, act = CONTROLS[name]
    sight.go(**({"preset": "zigzag"} | words))
    before, address = sight.picture(), sight.page.url
    if isinstance(act, str):
        selector = act if "[" in act else f"#{act}"
        node = sight.page.locator(selector)
        value = float(node.input_value())
        low, high = (float(node.get_attribute(edge) or 0) for edge in ("min", "max"))
        sight.set(selector, str(low + 0.4 * (high - low) if high else value + 1))
    else:
        act(sight.page)
    sight.page.wait_for_timeout(100)
    assert sight.picture() != before
    assert (sight.page.url != address) is (name != "scrub")
    assert sight.page.locator("#trouble").is_hidden()
    assert sight.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_is_drawn(sight, preset):
    sight.go(preset=preset.name)
    assert len(sight.verdicts()) == len(preset.race["climbers"])
    assert all(sight.verdicts())
    assert sight.page.inner_text("#words") == preset.words
    curve = preset.race["surface"] in ("line", "hills", "cliff", "ppo")
    assert sight.types() == (["scatter"] if curve else ["contour", "scatter"])
    names = [trace["name"] for trace in sight.data() if trace["name"] and "trace" not in trace["name"]]
    assert len([name for name in names if name not in ("minimum", "saddle", "start")]) == len(preset.race["climbers"])
    assert sight.complaints == []


@pytest.mark.slow
def test_the_address_brings_back_the_same_picture(browser, lab, sight):
    sight.go(preset="four")
    sight.page.press("#map", "ArrowLeft")
    sight.page.select_option(f"{FIRST} [name=kind]", "nesterov")
    sight.page.wait_for_timeout(300)
    before = sight.picture()
    again = Sight(browser, sight.page.url, viewport={"width": 1280, "height": 900})
    assert json.loads(again.picture())[0] == json.loads(before)[0]
    assert again.page.input_value(f"{FIRST} [name=kind]") == "nesterov"


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "on=moon",
        "climber=%3Cscript%3E~1",
        "on=bowl&from=a,b&climber=sgd~x~y~z",
        "preset=%22%3E",
        "lang=xx&view=9d",
        "a=%",
    ],
)
def test_a_strange_address_is_no_trouble(browser, lab, address):
    visit = Sight(browser, f"{lab.url}#{address}")
    assert visit.types() == ["contour", "scatter"]
    assert visit.complaints == []


@pytest.mark.slow
def test_the_start_is_dragged(sight):
    sight.go(preset="four")
    box = sight.page.locator("#map .nsewdrag").bounding_box()
    sight.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    sight.page.mouse.down()
    seen = set()
    for share in (0.4, 0.3, 0.2):
        sight.page.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
        sight.page.wait_for_timeout(150)
        seen.add(sight.page.input_value("#start-x"))
    sight.page.mouse.up()
    sight.picture()
    sight.page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"])
    assert len(seen) == 3
    assert [float(sight.page.input_value(f"#start-{axis}")) for axis in "xy"] == pytest.approx([-3.0, 3.0], abs=0.1)
    paths = [trace for trace in sight.data() if trace["name"] == "SGD"]
    assert paths[0]["x"][0] == pytest.approx(-3.0, abs=0.1)


@pytest.mark.slow
def test_the_race_is_played(sight):
    sight.go(preset="zigzag")
    whole = [len(trace["x"]) for trace in sight.data("losses")]
    sight.page.click("#play")
    sight.page.wait_for_timeout(1200)
    assert sight.page.inner_text("#play") == "Pause"
    sight.page.click("#play")
    assert 0 < int(sight.page.input_value("#scrub")) < 120
    assert all(len(trace["x"]) < full for trace, full in zip(sight.data("losses"), whole, strict=True))
    assert re.fullmatch(r"step \d+ of 120", sight.page.inner_text("#at"))


@pytest.mark.slow
def test_the_mountain_in_three_dimensions(browser, lab):
    visit = Sight(browser, f"{lab.url}#preset=eggs&view=3d", viewport={"width": 1280, "height": 900})
    visit.page.wait_for_selector("#map canvas")
    visit.page.wait_for_timeout(1500)
    assert visit.types() == ["scatter3d", "surface"]
    assert visit.colors("#map") > 1000
    assert visit.complaints == []
    visit.page.click("#flat")
    assert visit.types() == ["contour", "scatter"]
    visit.go(preset="convex", view="3d")
    assert "no third dimension" in visit.page.inner_text("#no3d")
    assert visit.types() == ["scatter"]


@pytest.mark.slow
def test_without_webgl_the_contours_stay(browser, lab):
    plain = browser.browser_type.launch(**options("--disable-3d-apis"))
    visit = Sight(plain, f"{lab.url}#preset=four&view=3d")
    assert visit.types() == ["contour", "scatter"]
    assert "no WebGL" in visit.page.inner_text("#no3d")
    assert visit.complaints == []
    plain.close()


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["en", "vi"])
def test_a_telephone(browser, lab, lang):
    visit = Sight(
        browser, f"{lab.url}#preset=saddle&lang={lang}", viewport={"width": 375, "height": 800}, has_touch=True
    )
    assert visit.overflow == 0
    assert visit.page.locator("#map").bounding_box()["width"] > 300
    assert visit.complaints == []


@pytest.mark.slow
def test_light_and_dark(browser, lab):
    visit = Sight(browser, lab.url, color_scheme="light")
    light = visit.style("html", "backgroundColor"), {trace["color"] for trace in visit.data() if trace["name"] == "SGD"}
    visit.page.emulate_media(color_scheme="dark")
    visit.page.wait_for_timeout(500)
    dark = visit.style("html", "backgroundColor"), {trace["color"] for trace in visit.data() if trace["name"] == "SGD"}
    assert light[0] == "rgb(251, 250, 248)"
    assert dark[0] == "rgb(18, 23, 29)"
    assert light[1] != dark[1]


@pytest.mark.slow
def test_everything_that_can_be_used_has_a_name_and_the_pictures_speak(sight):
    sight.go(preset="rates")
    session = sight.page.context.new_cdp_session(sight.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "spinbutton", "combobox", "img", "image"}
    used = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]
    assert len(used) > 40
    assert [node["role"] for node in used if not node.get("name", {}).get("value")] == []
    assert sight.page.get_attribute("#map", "aria-label") == "Ravine: paths of 4 climbers from the start at -6, 0.6."
    assert "SGD: diverged at step 41" in sight.page.get_attribute("#losses", "aria-label")
    assert "diverged at step 41" in sight.page.inner_text("#verdicts")


@pytest.mark.slow
def test_the_keyboard_alone(sight):
    sight.go(preset="four")
    for _ in range(60):
        sight.page.keyboard.press("Tab")
        if sight.page.evaluate("document.activeElement.id") == "map":
            break
    before = float(sight.page.input_value("#start-x"))
    sight.page.keyboard.press("ArrowRight")
    assert float(sight.page.input_value("#start-x")) == pytest.approx(before + 0.2)
    assert sight.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.slow
def test_copied_python_and_link(browser, lab):
    visit = Sight(browser, f"{lab.url}#preset=cliff", permissions=["clipboard-read", "clipboard-write"])
    visit.page.click("#python")
    visit.page.wait_for_timeout(200)
    code = visit.page.evaluate("navigator.clipboard.readText()")
    assert 'Climber("SGD", 0.15, {"clip_norm": 1.0})' in code
    assert visit.page.inner_text("#status") == "Copied"
    visit.page.click("#link")
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("navigator.clipboard.readText()") == visit.page.url


@pytest.mark.slow
def test_what_the_server_refuses_is_said_and_passes(sight):
    sight.go(preset="zigzag")
    before = sight.data()
    sight.set("#steps", "1000")
    for number in (1, 2):
        sight.set(f'#climbers li:nth-child({number}) [name="clip"]', "1")
    sight.page.wait_for_selector("#trouble:not([hidden])")
    assert "2 climbers take 1000 steps one by one" in sight.page.inner_text("#trouble")
    assert sight.data() != before
    sight.set("#steps", "50")
    sight.page.wait_for_selector("#trouble", state="hidden")
    sight.troubles[:] = [text for text in sight.troubles if "400" not in text]


@pytest.mark.slow
def test_a_server_that_is_gone(browser):
    lab = Lab()
    visit = Sight(browser, lab.url)
    before = visit.data()
    lab.close()
    visit.page.click("#halve")
    visit.page.wait_for_selector("#trouble:not([hidden])")
    assert visit.page.inner_text("#trouble").startswith("The lab does not answer:")
    assert visit.data() == before
    assert visit.page.get_attribute("html", "data-busy") is None


@pytest.mark.slow
def test_the_page_without_a_server(browser, tmp_path):
    visit = Sight(browser, export(tmp_path, "en"), viewport={"width": 1280, "height": 900})
    assert Path(tmp_path / "index.html").stat().st_size < 6_000_000
    for preset in PRESETS:
        visit.page.click(f'[data-preset="{preset.name}"]')
        assert all(visit.verdicts())
    visit.page.click('[data-preset="rates"]')
    before = visit.picture()
    visit.page.click("#double")
    assert visit.picture() != before
    assert visit.page.locator("#double").is_disabled()
    assert visit.verdicts()[2] == "diverged at step 5"
    visit.page.click("#by-rate")
    assert len(visit.data("losses")) == 8
    assert visit.page.locator("#surface").is_disabled()
    assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert visit.complaints == []


@pytest.mark.slow
def test_without_scripts_it_says_so(browser, lab):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(lab.url)
    assert "needs JavaScript" in page.inner_text("main")
