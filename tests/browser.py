"""A real browser for the tests of pages: skipped where there is none, but not on CI, where it must be there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "chromium-headless-shell")


def options(*more: str) -> dict[str, Any]:
    """How it is launched: without its sandbox, which needs rights that a container does not give; more flags."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no browser: install chromium")
    return {"executable_path": path, "args": ["--no-sandbox", "--disable-gpu", *more]}


@contextmanager
def launched() -> Iterator[Any]:
    """A browser of this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options())
        yield browser
        browser.close()


class Visit:
    """A page opened from disk or from an address, and all that went wrong or was asked for meanwhile."""

    def __init__(self, browser: Any, file: Path | str, **settings: Any):
        self.page = browser.new_context(**settings).new_page()
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda said: self.troubles.append(said.text) if said.type != "log" else None)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file if isinstance(file, str) else file.as_uri())

    def style(self, selector: str, name: str) -> str:
        """A computed property of the first element that matches."""
        return self.page.eval_on_selector(selector, "(node, name) => getComputedStyle(node)[name]", name)

    def resize(self, width: int) -> None:
        """Make the window so wide, and wait until the charts have followed."""
        self.page.set_viewport_size({"width": width, "height": 800})
        gap = "() => document.querySelector('.chart').clientWidth - document.querySelector('.main-svg').clientWidth"
        for _ in range(100):
            if not self.page.evaluate(gap):
                return
            self.page.wait_for_timeout(50)

    def traces(self, chart: str) -> list[list[Any]]:
        """Type, name and length of the traces that a chart really has: Plotly drops silently what it does not know."""
        code = "gd => gd._fullData.map(trace => [trace.type, trace.name, trace.x.length])"
        return self.page.eval_on_selector(f"#chart-{chart}", code)

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
