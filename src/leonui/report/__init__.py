"""Draws what was found: one self-contained HTML file, verdict first, readable without JavaScript. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leonui.record import Record
from leonui.report import climb as _climb
from leonui.report import doctor as _doctor
from leonui.report import ppo as _ppo
from leonui.report import rate as _rate
from leonui.report import rlhf as _rlhf
from leonui.report.page import render
from leonui.report.rate import rate_figure as rate_figure

__all__ = ["climb_page", "doctor_page", "ppo_page", "rate_figure", "rate_page", "rlhf_page"]


def climb_page(result: Mapping[str, Any], baseline: Record, climb: Record | None = None) -> str:
    """The whole report of a climb as one HTML document, from its result and the Records of its two runs."""
    return render("climb.html.j2", lang=result.get("lang"), **_climb.content(result, baseline, climb))


def rate_page(result: Mapping[str, Any]) -> str:
    """The whole report of a search for a learning rate as one HTML document, from the result of ``leonui lr``."""
    return render("rate.html.j2", lang=result.get("lang"), **_rate.content(result))


def doctor_page(result: Mapping[str, Any]) -> str:
    """The whole report of a visit as one HTML document, from the result of ``leonui doctor``."""
    return render("doctor.html.j2", lang=result.get("lang"), **_doctor.content(result))


def rlhf_page(result: Mapping[str, Any], record: Record) -> str:
    """The whole report of a training by reward as one HTML document, from its result and its Record."""
    return render("rlhf.html.j2", lang=result.get("lang"), **_rlhf.content(result, record))


def ppo_page(result: Mapping[str, Any]) -> str:
    """The whole report of a training by PPO as one HTML document, from the result of ``leonui ppo``."""
    return render("ppo.html.j2", lang=result.get("lang"), **_ppo.content(result))
