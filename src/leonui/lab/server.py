"""The server of the lab: one page and two questions, on this machine only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from leonui.lab.answer import answer, rates
from leonui.lab.page import page, policy_of
from leonui.lab.presets import PRESETS
from leonui.lab.wish import Wish
from leonui.landscape import SURFACES, Surface

HOST = "127.0.0.1"
MOST_BYTES = 16_384
MOST_WAITING = 16  # races that wait for the one that is computed
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def application(port: int, lang: str, surfaces: Mapping[str, Surface] = SURFACES) -> Starlette:
    """The application: ``/`` is the page; ``/race`` and ``/rates`` answer a Wish that is posted to them as JSON."""
    html = page(lang, surfaces)
    security = {**HEADERS, "Content-Security-Policy": policy_of(live=True), "X-Frame-Options": "DENY"}
    queue = _Queue()

    async def show(request: Request) -> Response:
        return refusal(request, port) or Response(html, media_type="text/html", headers=security)

    def asked(work: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
        async def respond(request: Request) -> Response:
            return refusal(request, port) or await _answered(request, queue, work, surfaces)

        return respond

    questions = [Route(path, asked(work), methods=["POST"]) for path, work in (("/race", answer), ("/rates", rates))]
    return Starlette(routes=[Route("/", show), *questions])


_ONE = Lock()  # torch traces one function at a time


def warm() -> None:
    """Run every preset once, so that what they need is compiled before somebody waits for it."""
    for preset in PRESETS:
        with _ONE:
            answer(preset.wish())


class _Full(Exception):
    """Too many are waiting."""


class _Queue:
    """Races one after the other, in a thread, and not too many of them."""

    def __init__(self) -> None:
        self._waiting, self._one = 0, None

    async def run(self, work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
        if self._waiting >= MOST_WAITING:
            raise _Full
        self._one = self._one or CapacityLimiter(1)
        self._waiting += 1
        try:
            return await to_thread.run_sync(_alone, work, *args, limiter=self._one)
        finally:
            self._waiting -= 1


def _alone(work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    with _ONE:
        return work(*args)


async def _answered(
    request: Request, queue: _Queue, work: Callable[..., dict[str, Any]], surfaces: Mapping[str, Surface]
) -> Response:
    body = await _body(request)
    if body is None:
        return _error(f"a race takes at most {MOST_BYTES} bytes", 413)
    try:
        return JSONResponse(await queue.run(work, Wish.of(json.loads(body)), surfaces), headers=HEADERS)
    except (ValueError, RecursionError) as error:
        return _error(str(error), 400)
    except _Full:
        return _error("too many races at once; try again in a moment", 503)


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
