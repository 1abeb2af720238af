"""The lab's pictures in the documentation: ``python -m tests.screens`` takes them all, ``... start dark`` some."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browser import launched
from tests.laboratory import Lab

PLACE = Path(__file__).parents[1] / "docs" / "lab"
WIDE, TALL = {"width": 1280, "height": 1120}, {"width": 375, "height": 1060}


def _play(page: Any, lab: Lab) -> None:
    page.click("#play")
    page.wait_for_timeout(1300)
    page.click("#play")


def _stop(page: Any, lab: Lab) -> None:
    lab.close()
    page.click("#double")
    page.wait_for_selector("#trouble:not([hidden])")


def _wait(page: Any, lab: Lab) -> None:
    page.wait_for_timeout(2500)


SCREENS: dict[str, tuple[str, dict[str, Any], Callable[[Any, Lab], None] | None]] = {
    "start": ("preset=zigzag", {}, None),
    "running": ("preset=four", {}, _play),
    "mountain": ("preset=rates&view=3d", {}, _wait),
    "diverged": ("preset=rates", {}, None),
    "rates": ("preset=rates&over=rates", {}, _wait),
    "batch": ("preset=batch", {}, None),
    "dark": ("preset=valley&view=3d", {"color_scheme": "dark"}, _wait),
    "phone": ("preset=saddle&lang=vi", {"viewport": TALL, "device_scale_factor": 2}, None),
    "error": ("preset=saddle", {}, _stop),
}


def screen(browser: Any, name: str) -> Path:
    """Take one, with few colours, so that it is small."""
    address, settings, act = SCREENS[name]
    lab = Lab()
    page = browser.new_context(**{"viewport": WIDE} | settings).new_page()
    page.goto(f"{lab.url}#{address}")
    page.wait_for_selector('html[data-charts="drawn"]', timeout=120_000)
    page.wait_for_selector("html:not([data-busy])", state="attached")
    if act:
        act(page, lab)
    page.wait_for_timeout(500)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    file = PLACE / f"{name}.png"
    image.quantize(256, method=Image.Quantize.FASTOCTREE).save(file, optimize=True)
    page.context.close()
    lab.close()
    return file


if __name__ == "__main__":
    PLACE.mkdir(exist_ok=True)
    with launched() as browser:
        for name in sys.argv[1:] or SCREENS:
            file = screen(browser, name)
            print(file, file.stat().st_size, file=sys.stderr)
