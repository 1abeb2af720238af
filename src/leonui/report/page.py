"""Makes one HTML file of a template, with style, script and charts inside: opening it asks nobody for anything."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from leonui.report.text import say
from leonui.words import LANGUAGES

HERE = Path(__file__).parent
NAMES = {"en": "English", "vi": "Tiếng Việt"}


def render(template: str, lang: str | None = None, **content: Any) -> str:
    """The whole page; every text that comes from outside is escaped, and no script but the page's own two may run."""
    script = own("page.js")
    return (
        environment(HERE)
        .get_template(template)
        .render(
            **content,
            lang=lang if lang in LANGUAGES else "en",
            languages={code: NAMES.get(code, code) for code in LANGUAGES},
            style=own("page.css"),
            script=script,
            plotly=packed_plotly(),
            policy=policy(script),
        )
    )


@cache
def environment(*folders: Path) -> Environment:
    """Templates from some folders, the first that has one; ``t`` says a text in every language."""
    loader = FileSystemLoader(folders)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["t"] = say
    return environment


def own(name: str) -> str:
    """A file of the report's own, as text."""
    return (HERE / name).read_text(encoding="utf-8").strip()


@cache
def packed_plotly() -> str:
    """Plotly's script, gzipped, in base64."""
    return b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def policy(script: str, **more: str) -> str:
    """The page's content security policy: nothing is fetched, and a script that slipped in with a text does not run.

    ``more``: rules of a page that may do more, by name.
    """
    scripts = " ".join(
        f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (script, get_plotlyjs())
    )
    rules: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": scripts,
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        **more,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
