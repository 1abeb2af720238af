"""What ``leonui lab`` prints: where the page is."""

from __future__ import annotations

import sys

from leonui.words import mark, translate


def show_address(url: str, lang: str) -> None:
    """Where the lab is served, and how it ends."""
    sys.stdout.write(
        translate(mark("The lab is at {url} and on this machine only; Ctrl-C ends it."), lang).format(url=url)
    )
    sys.stdout.write("\n")
    sys.stdout.flush()


def show_export(path: str, lang: str) -> None:
    """Where the page was written that needs no server."""
    text = translate(mark("Written: {path}. It opens from disk and asks no server for anything."), lang)
    sys.stdout.write(text.format(path=path) + "\n")
