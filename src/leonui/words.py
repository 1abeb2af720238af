"""What leonui says, in the languages it speaks: English in the code, the others in gettext catalogues."""

from __future__ import annotations

import gettext
import os
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "vi")
_LOCALE = Path(__file__).parent / "locale"


def translate(text: str, lang: str = "en") -> str:
    """The text in a language; English where the catalogue has no such text."""
    return _catalogue(lang).gettext(text) if text else ""


def mark(text: str) -> str:
    """The text as it is: tells the catalogue that it is translated later, where it is said."""
    return text


@cache
def _catalogue(lang: str) -> gettext.NullTranslations:
    return gettext.translation("leonui", _LOCALE, [lang], fallback=True)


def language() -> str:
    """The language of the environment: LEONUI_LANG, then LC_ALL, then LANG, else English."""
    for name in ("LEONUI_LANG", "LC_ALL", "LANG"):
        if code := os.environ.get(name, "")[:2].lower():
            return code if code in LANGUAGES else "en"
    return "en"
