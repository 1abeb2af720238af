"""Pictures of real reports: ``make screenshots`` runs the commands on the bundled example and keeps what they show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.browser import Visit, launched

HERE = Path(__file__).parent
EXAMPLE = "examples/digits_mlp.py"
LIMIT = 300_000  # bytes of a picture

# each picture: the command whose report it is of, and from the top of which element to the bottom of which
PICTURES = {
    "report": ("climb", "header.bar", "#numbers .tiles"),
    "search": ("climb", "figure:has(#chart-search)", "figure:has(#chart-search)"),
    "landscape": ("landscape", "figure:has(#chart-landscape)", "figure:has(#chart-landscape)"),
}


def report(command: str, folder: str) -> Path:
    """Run a command on the example; the path of its report."""
    done = subprocess.run(
        [sys.executable, "-m", "leonui", command, "--json", EXAMPLE],
        cwd=HERE.parent,
        env=os.environ | {"LEONUI_RUNS": folder, "LEONUI_LANG": "en"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return Path(json.loads(done.stdout)["report"])


def take(page: Any, first: str, last: str, target: Path) -> None:
    """A picture of a page as wide as it is, from one element to another."""
    top, end = (page.locator(one).bounding_box() for one in (first, last))
    whole = first.startswith("header")
    room, left, width = 10, 0 if whole else top["x"] - 20, page.viewport_size["width"] if whole else top["width"] + 40
    start = 0 if whole else top["y"] - room
    clip = {"x": left, "y": start, "width": width, "height": end["y"] + end["height"] + room - start}
    page.screenshot(path=target, clip=clip, full_page=True)
    if target.stat().st_size > LIMIT:
        raise ValueError(f"{target} has {target.stat().st_size} bytes; at most {LIMIT} may go into the repository")


def main() -> None:
    """Run the commands, open their reports, keep the pictures."""
    with TemporaryDirectory() as folder, launched() as browser:
        pages = {}
        for command in dict.fromkeys(command for command, *_ in PICTURES.values()):
            settings = {"viewport": {"width": 1100, "height": 800}, "color_scheme": "light"}
            visit = Visit(browser, report(command, folder), **settings)
            visit.page.wait_for_selector("html[data-charts=drawn]")
            visit.page.add_style_tag(content=".copy { visibility: hidden }")
            pages[command] = visit.page
        for name, (command, first, last) in PICTURES.items():
            take(pages[command], first, last, HERE / f"{name}.png")


if __name__ == "__main__":
    main()
