"""Draws what was found: one self-contained HTML file, verdict first, readable without JavaScript. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leonui.record import Record
from leonui.report import climb, doctor, landscape, ppo, race, races, rate, rlhf, schedule
from leonui.report.climb import climb_figure as climb_figure
from leonui.report.landscape import landscape_figure as landscape_figure
from leonui.report.page import render
from leonui.report.rate import rate_figure as rate_figure

__all__ = ["PAGES", "climb_figure", "document", "document_of", "landscape_figure", "rate_figure"]

PAGES = {
    "climb": climb.content,
    "lr": rate.content,
    "doctor": doctor.content,
    "race": race.content,
    "landscape": landscape.content,
    "ppo": ppo.content,
    "rlhf": rlhf.content,
}
_ALSO = {"schedule": schedule.content, "races": races.content}  # no run leaves the one; several races the other


def document(result: Mapping[str, Any], *records: Record | None) -> str:
    """The whole report of a run as one HTML document, from the result of its command and the Records that it draws."""
    page = "races" if "races" in result else result["command"]
    return render(f"{page}.html.j2", lang=result.get("lang"), **(PAGES | _ALSO)[page](result, *records))


def document_of(result: Mapping[str, Any], folder: Path) -> str:
    """The whole report of a run with the Records that lie in its folder."""
    if result["command"] == "rlhf":
        return document(result, Record.read(folder))
    names = (result.get("trials") or {}).values()
    return document(result, *(Record.read(folder / "trials" / name) if name else None for name in names))
