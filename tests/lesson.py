"""The lesson's pages: their code, what it prints, and ``python -m tests.lesson``, which writes that into the pages."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LESSON, TRANSLATED = ROOT / "docs" / "lesson", ROOT / "docs" / "vi" / "lesson"
BLOCK = re.compile(r"```python(?P<slow> slow)?\n(?P<code>.*?)```\n(?:\n```text\n(?P<said>.*?)```\n)?", re.DOTALL)
FIGURE = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
NEAR = 0.05  # of a figure: another processor adds up in another order


class Block(NamedTuple):
    """Code of a page, what the page says that it prints, whether it takes long."""

    code: str
    said: str
    slow: bool


def pages(folder: Path = LESSON) -> list[Path]:
    """The pages in a language, in order."""
    return sorted(folder.glob("*.md"))


def blocks(page: Path) -> list[Block]:
    """The code of a page."""
    return [
        Block(found["code"], found["said"] or "", bool(found["slow"])) for found in BLOCK.finditer(page.read_text())
    ]


def printed(block: Block, space: dict[str, object]) -> str:
    """What a block prints when it runs after those before it, at the root of the repository."""
    heard = io.StringIO()
    with redirect_stdout(heard):
        exec(compile(block.code, "lesson", "exec"), space)
    return "".join(line.rstrip() + "\n" for line in heard.getvalue().splitlines())


def agree(one: str, other: str) -> bool:
    """Whether two texts are the same but for the last digits of their figures."""
    ours, theirs = ([float(figure) for figure in FIGURE.findall(text)] for text in (one, other))
    near = all(abs(a - b) <= NEAR * max(abs(a), abs(b)) + 0.002 for a, b in zip(ours, theirs, strict=False))
    return near and _words(one) == _words(other)


def _words(text: str) -> list[str]:
    """A text without its figures, however they are aligned."""
    return FIGURE.sub(" # ", text).split()


def rewrite(page: Path) -> None:
    """Write what the code of a page prints below it, in both languages."""
    space: dict[str, object] = {"__name__": "lesson"}
    said = {block.code: printed(block, space) for block in blocks(page)}

    def renewed(found: re.Match[str]) -> str:
        output = said[found["code"]]
        return f"```python{found['slow'] or ''}\n{found['code']}```\n" + (f"\n```text\n{output}```\n" if output else "")

    for one in (page, TRANSLATED / page.name):
        if one.exists():
            one.write_text(BLOCK.sub(renewed, one.read_text()))


if __name__ == "__main__":
    os.chdir(ROOT)
    for page in pages():
        if not sys.argv[1:] or page.stem in sys.argv[1:]:
            rewrite(page)
