"""Edits of a script's source text; an edit that finds nothing to change, or more than one place, fails loudly."""

from __future__ import annotations

import re
from collections.abc import Callable

Edit = Callable[[str], str]


class NotOnce(ValueError):
    """What an edit is to change is not in the script, or not in one place only."""


def sub(pattern: str, new: str) -> Edit:
    """Replace the one match of a regular expression; ^ and $ stand for the ends of lines."""

    def edit(text: str) -> str:
        edited, count = re.subn(pattern, new, text, flags=re.MULTILINE)
        if count != 1:
            raise NotOnce(f"{count} matches of {pattern!r}")
        return edited

    return edit


def swap(old: str, new: str) -> Edit:
    """Replace the one occurrence of a text."""

    def edit(text: str) -> str:
        if text.count(old) != 1:
            raise NotOnce(f"{text.count(old)} occurrences of {old!r}")
        return text.replace(old, new)

    return edit


def _around(line: str, build: Callable[[str, str], list[str]]) -> Edit:
    """Put lines in place of the one that begins so; ``build`` has its indentation and itself."""

    def edit(text: str) -> str:
        lines = text.split("\n")
        found = [at for at, one in enumerate(lines) if one.lstrip().startswith(line)]
        if len(found) != 1:
            raise NotOnce(f"{len(found)} lines begin with {line!r}")
        old = lines[found[0]]
        indent = old[: len(old) - len(old.lstrip())]
        lines[found[0] : found[0] + 1] = build(indent, old)
        return "\n".join(lines)

    return edit


def below(line: str, *new: str) -> Edit:
    """Add lines below the one that begins so, as far indented as it is."""
    return _around(line, lambda indent, old: [old, *(indent + one for one in new)])


def above(line: str, *new: str) -> Edit:
    """Add lines above the one that begins so, as far indented as it is."""
    return _around(line, lambda indent, old: [*(indent + one for one in new), old])


def instead(line: str, *new: str) -> Edit:
    """Put lines in place of the one that begins so."""
    return _around(line, lambda indent, old: [indent + one for one in new])


def drop(line: str) -> Edit:
    """Take out the line that begins so."""
    return instead(line)


def top(*new: str) -> Edit:
    """Add imports above those of torch."""
    return above("import torch.nn.functional", *new)


def each(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(text: str) -> str:
        for one in edits:
            text = one(text)
        return text

    return edit


def option(name: str, change: Callable[[float], float]) -> Edit:
    """Change the default of a command line option."""
    pattern = re.compile(rf'("--{name}", type=\w+, default=)([^)]+)\)')

    def edit(text: str) -> str:
        if len(pattern.findall(text)) != 1:
            raise NotOnce(f"no option --{name}")
        return pattern.sub(lambda found: f"{found[1]}{change(float(found[2])):g})", text)

    return edit


def times(name: str, factor: float) -> Edit:
    """Multiply the default of an option."""
    return option(name, lambda value: value * factor)


def default(name: str, value: float) -> Edit:
    """Another default of an option."""
    return option(name, lambda _: value)


def same(text: str) -> str:
    """No edit."""
    return text
