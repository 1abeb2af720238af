"""What the pages of all commands tell in the same way: the run, its findings, its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leonui.record import encode
from leonui.report.text import Text, retell, say
from leonui.words import mark

Result = Mapping[str, Any]

_CLASSES = {
    "is": mark("is: an exact check"),
    "caused by": mark("caused by: proved by replay"),
    "consistent with": mark("consistent with: statistics only"),
}


def run(result: Result, title: str) -> dict[str, Any]:
    """What every page has: its title, a marked text with a place for the program, and all that any result holds."""
    program = result.get("program") or ""
    return {
        "command": result.get("command"),
        "program": program,
        "title": say(title, program=program),
        "time": str(result.get("time") or "").replace("T", " "),
        "version": result.get("leonui") or "",
        "interrupted": result.get("complete") is False,
        "findings": [finding(told) for told in result.get("findings") or []],
        "checks": [retold(told) | {"ok": told.get("ok")} for told in result.get("checks") or []],
        "notes": [retold(told)["said"] for told in result.get("notes") or []],
        "settings": named(result.get("settings")),
        "machine": named(result.get("machine")),
        "raw": json.dumps(json.loads(encode(dict(result))), indent=2, ensure_ascii=False),
    }


def tile(label: str, before: str | None, after: str, note: Text | None) -> dict[str, Any]:
    """One of the figures at the head of a page, and what it was before."""
    return {"label": say(label), "before": before, "after": after, "note": note, "bar": None}


def finding(told: Mapping[str, Any]) -> dict[str, Any]:
    """A finding as the page shows it."""
    return retold(told) | {
        "sort": say(_CLASSES[told["class"]]) if told.get("class") in _CLASSES else None,
        "fix": retell(told.get("fix_template"), told.get("evidence"), told.get("fix")),
        "place": place(told),
    }


def retold(told: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of something, in every language, and its code."""
    said = retell(told.get("template"), told.get("evidence"), told.get("message"))
    return {"code": told.get("code"), "said": said}


def place(told: Mapping[str, Any]) -> str:
    """``file:line``, as far as it is known."""
    return ":".join(str(part) for part in (told.get("file"), told.get("line")) if part)


def named(values: Mapping[str, Any] | None) -> list[tuple[Text, str]]:
    """Names in every language, and values as text; what is not known is left out."""
    return [
        (retell(str(name), {}), value if isinstance(value, str) else json.dumps(value, default=str))
        for name, value in (values or {}).items()
        if value not in (None, "")
    ]
