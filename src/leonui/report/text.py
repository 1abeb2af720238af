"""A text in every language at once: a report holds them all, and shows the one that its reader picks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from leonui.words import LANGUAGES, translate


class Text:
    """One text in every language that leonui speaks; in HTML a span for each.

    >>> str(Text({"en": "steps", "vi": "bước"}))
    'steps'
    >>> Text({"en": "a < b", "vi": "a < b"}).__html__()
    'a &lt; b'
    """

    def __init__(self, forms: Mapping[str, str]):
        self.forms = dict(forms)

    def __getitem__(self, lang: str) -> str:
        return self.forms[lang]

    def __str__(self) -> str:
        return self.forms["en"]

    def __bool__(self) -> bool:
        return any(self.forms.values())

    def __html__(self) -> str:
        if len(set(self.forms.values())) == 1:
            return escape(str(self))
        return "".join(f'<span lang="{lang}">{escape(form)}</span>' for lang, form in self.forms.items())


def say(template: str, /, **values: Any) -> Text:
    """A template in every language, its places filled in; a value may be a Text itself."""
    return Text({lang: translate(template, lang).format(**_in(lang, values)) for lang in LANGUAGES})


def retell(template: str | None, evidence: Mapping[str, Any] | None, plain: str | None = None) -> Text:
    """A template that came with a result; where its evidence does not fill it, the plain message instead."""
    try:
        return say(template or plain or "", **(evidence or {}))
    except (LookupError, ValueError, TypeError, AttributeError):
        return verbatim(plain or template or "")


def verbatim(words: object) -> Text:
    """Words that are the same in every language: a name, a number."""
    return Text(dict.fromkeys(LANGUAGES, str(words)))


def shorten(text: Text, width: int) -> Text:
    """The beginning of a text, on one line."""
    return Text({lang: textwrap.shorten(form, width, placeholder=" …") for lang, form in text.forms.items()})


def join(texts: Iterable[Text | None], between: str = " ") -> Text:
    """Several texts as one; what is empty is left out."""
    parts = [text for text in texts if text]
    return Text({lang: between.join(part[lang] for part in parts) for lang in LANGUAGES})


def _in(lang: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[lang] if isinstance(value, Text) else value for name, value in values.items()}
