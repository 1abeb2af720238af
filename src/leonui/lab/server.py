"""The server of the lab: one page and one question, on this machine only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from leonui.lab.answer import answer
from leonui.lab.page import page, policy_of
from leonui.lab.wish import Wish
from leonui.landscape import Surface

HOST = "127.0.0.1"
MOST_BYTES = 16_384
MOST_WAITING = 32  # races that wait for the one that is computed
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def application(surfaces: Mapping[str, Surface], port: int, lang: str) -> Starlette:
    """The application: ``/`` is the page, ``/race`` answers a Wish that is posted to it as JSON."""
    html = page(surfaces, lang, live=True)
    security = {**HEADERS, "Content-Security-Policy": policy_of(live=True), "X-Frame-Options": "DENY"}
    queue = _Queue()

    async def show(request: Request) -> Response:
        return refusal(request, port) or Response(html, media_type="text/html", headers=security)

    async def race(request: Request) -> Response:
        refused = refusal(request, port)
        if refused:
            return refused
        body = await _body(request)
        if body is None:
            return _error(f"a race takes at most {MOST_BYTES} bytes", 413)
        try:
            wish = Wish.of(json.loads(body))
            return JSONResponse(await queue.run(wish, surfaces), headers=HEADERS)
        except ValueError as error:
            return _error(str(error), 400)
        except _Full:
            return _error("too many races at once; try again in a moment", 503)

    return Starlette(routes=[Route("/", show), Route("/race", race, methods=["POST"])])


class _Full(Exception):
    """Too many are waiting."""


class _Queue:
    """Races one after the other, in a thread, and not too many of them."""

    def __init__(self) -> None:
        self._waiting, self._one = 0, None

    async def run(self, wish: Wish, surfaces: Mapping[str, Surface]) -> dict[str, Any]:
        if self._waiting >= MOST_WAITING:
            raise _Full
        self._one = self._one or CapacityLimiter(1)
        self._waiting += 1
        try:
            return await to_thread.run_sync(answer, wish, surfaces, limiter=self._one)
        finally:
            self._waiting -= 1


def refusal(request: Request, port: int) -> Response | None:
    """No to whoever is not this page on this machine: another site that a browser visits must not reach the lab."""
    own = {f"{name}:{port}" for name in (HOST, "localhost")}
    origin, kind = request.headers.get("origin"), request.headers.get("content-type", "")
    if request.headers.get("host") not in own:
        return PlainTextResponse(f"this lab is http://{HOST}:{port}/ only", 421, HEADERS)
    if origin is not None and origin not in {f"http://{one}" for one in own}:
        return PlainTextResponse("another site may not ask this lab", 403, HEADERS)
    if request.method == "POST" and kind.partition(";")[0].strip() != "application/json":
        return PlainTextResponse("a race is sent as application/json", 415, HEADERS)
    return None


async def _body(request: Request) -> bytes | None:
    """What was sent; None if it is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return body


def _error(message: str, status: int) -> Response:
    return JSONResponse({"error": message}, status, HEADERS)
