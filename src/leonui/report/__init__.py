"""Draws what was found: one self-contained HTML file, verdict first, readable without JavaScript. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.record import Record
from leonui.report.climb import content
from leonui.report.page import render

__all__ = ["climb_page"]


def climb_page(result: Mapping[str, Any], baseline: Record, climb: Record | None = None) -> str:
    """The whole report of a climb as one HTML document, from its result and the Records of its two runs."""
    return render("climb.html.j2", lang=result.get("lang"), **content(result, baseline, climb))
