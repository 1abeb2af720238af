"""Every text is said in Vietnamese too, with the same figures in it, and what is compiled is what people wrote."""

import gettext
import io
import re

import pytest

from leonui.words import LANGUAGES, language, translate
from tests import catalogue

TEXTS = sorted(catalogue.texts())


def fields(text: str) -> list[str]:
    return sorted(re.findall(r"\{.*?\}", text))


def test_the_code_has_texts():
    assert len(TEXTS) > 50


@pytest.mark.parametrize("lang", [lang for lang in LANGUAGES if lang != "en"])
def test_no_text_is_missing_and_none_is_left_over(lang):
    strings = {str(message.id): str(message.string) for message in catalogue.read(lang) if message.id}
    assert sorted(strings) == TEXTS, "run make words"
    assert [text for text, string in strings.items() if not string] == []
    assert [text for text, string in strings.items() if fields(text) != fields(string)] == []


@pytest.mark.parametrize("lang", [lang for lang in LANGUAGES if lang != "en"])
def test_the_compiled_catalogue_is_the_written_one(lang):
    ours = gettext.GNUTranslations(io.BytesIO(catalogue.place(lang, "mo").read_bytes()))
    for message in catalogue.read(lang):
        if message.id:
            assert ours.gettext(str(message.id)) == message.string, "run make words"


def test_what_is_not_known_stays_english():
    assert translate("no such text", "vi") == "no such text"
    assert translate("", "vi") == ""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "fr_FR"}, "en"),
        ({"LEONUI_LANG": "vi", "LC_ALL": "C"}, "vi"),
    ],
)
def test_the_language_is_the_environments(environment, expected, monkeypatch):
    for name in ("LEONUI_LANG", "LC_ALL", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language() == expected
