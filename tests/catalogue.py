"""The texts of the code and their translations: ``python -m tests.catalogue`` brings the catalogues up to date."""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

SOURCE = Path(__file__).parents[1] / "src" / "leonui"
METHODS = [("**.py", "python"), ("**.j2", "jinja2")]
HEADER = "# The texts of leonui in another language; make words keeps it in step with the code."
UNSAID = ("Date: ", "EMAIL@", "FULL NAME", "LL@li.org", "Project-Id-Version")
KEYWORDS = {"mark": None, "t": None}


def texts() -> dict[str, list[tuple[str, int]]]:
    """Every text that the code marks, with the places where it stands."""
    found: dict[str, list[tuple[str, int]]] = {}
    for file, line, text, _, _ in extract_from_dir(SOURCE, METHODS, keywords=KEYWORDS):
        found.setdefault(str(text), []).append((str(file), line))
    return found


def place(lang: str, kind: str) -> Path:
    """The file of a catalogue: kind "po" is read by people, "mo" by gettext."""
    return SOURCE / "locale" / lang / "LC_MESSAGES" / f"leonui.{kind}"


def read(lang: str) -> Catalog:
    """The catalogue as people wrote it."""
    path = place(lang, "po")
    return read_po(io.BytesIO(path.read_bytes()), locale=lang) if path.exists() else Catalog(locale=lang)


def updated(lang: str, more: dict[str, str] | None = None) -> Catalog:
    """The catalogue of today's texts, with the translations that there are."""
    before, catalogue = read(lang), Catalog(locale=lang, fuzzy=False, header_comment=HEADER)
    for text in sorted(texts()):
        old = before.get(text)
        catalogue.add(text, (more or {}).get(text) or (str(old.string) if old else ""))
    return catalogue


def compiled(catalogue: Catalog) -> bytes:
    """A catalogue as gettext reads it."""
    data = io.BytesIO()
    write_mo(data, catalogue)
    return data.getvalue()


def write(lang: str, more: dict[str, str] | None = None) -> None:
    """Write both files of a language."""
    catalogue, text = updated(lang, more), io.BytesIO()
    write_po(text, catalogue, width=120, omit_header=False)
    place(lang, "po").parent.mkdir(parents=True, exist_ok=True)
    lines = [line for line in text.getvalue().decode().splitlines() if not any(word in line for word in UNSAID)]
    place(lang, "po").write_text("\n".join(lines) + "\n", encoding="utf-8")
    place(lang, "mo").write_bytes(compiled(read(lang)))


if __name__ == "__main__":
    write("vi")
