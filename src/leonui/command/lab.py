"""The command ``leonui lab``: serve the page on this machine, or write it to a folder."""

from __future__ import annotations

import socket
import threading
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leonui.command.frame import framed, stoppable
from leonui.terminal.lab import show_address, show_export
from leonui.terminal.text import fail
from leonui.words import language

if TYPE_CHECKING:
    from leonui.landscape import Surface


@framed
def run_lab(places: Sequence[str], port: int, browser: bool, export: str | None, lang: str | None) -> int:
    """Open the lab; returns the exit code: 0 done, 1 failed, 2 wrong use."""
    import torch

    lang = lang or language()
    torch.set_num_threads(1)  # what is computed are single points
    if export:
        return _export(Path(export), places, lang)
    try:
        return _serve(_surfaces(places), port, browser, lang)
    except ModuleNotFoundError as error:
        return fail(f"leonui lab needs {error.name}, which is not here: pip install 'leonui[lab]'", 1)


def _surfaces(places: Sequence[str]) -> Mapping[str, Surface]:
    """The surfaces that everybody has, and those of the files that the user named."""
    from leonui.landscape import SURFACES, owned

    return SURFACES | {name: surface for place in places for name, surface in owned(place).items()}


def _export(folder: Path, places: Sequence[str], lang: str) -> int:
    from leonui.lab import export

    if places:
        raise ValueError(f"an exported page shows what was computed before, not {places[0]}; leave one of the two out")
    try:
        show_export(str(export(folder, lang)), lang)
    except OSError as error:
        return fail(f"cannot write {folder}: {error}", 1)
    return 0


def _serve(surfaces: Mapping[str, Surface], port: int, browser: bool, lang: str) -> int:
    import uvicorn

    from leonui.lab.server import HOST, application, warm

    with _listening(HOST, port) as door:
        port = door.getsockname()[1]
        settings = uvicorn.Config(
            application(port, lang, surfaces), log_level="error", access_log=False, server_header=False,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        threading.Thread(target=warm, daemon=True).start()
        url = f"http://{HOST}:{port}/"
        show_address(url, lang)
        if browser:
            webbrowser.open(url)
        stoppable()
        try:
            uvicorn.Server(settings).run(sockets=[door])
        except KeyboardInterrupt:
            pass
    return 0


def _listening(host: str, port: int) -> socket.socket:
    """A door that visitors may already knock at; RuntimeError where somebody else has it."""
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise RuntimeError(f"port {port} cannot be had: {error.strerror}; give another one with --port") from error
    door.listen(128)
    return door
