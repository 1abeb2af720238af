"""A lab for the tests: the real server on a free port, in a thread, until it is closed."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import Any

import uvicorn

from leonui.lab.server import HOST, application
from leonui.landscape import SURFACES


class Lab:
    """The server and its address; ``ask`` sends a race to it as the page does."""

    def __init__(self, lang: str = "en", surfaces: Any = SURFACES):
        self.door = socket.socket()
        self.door.bind((HOST, 0))
        self.port = self.door.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/"
        settings = uvicorn.Config(
            application(self.port, lang, surfaces), log_level="error", timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(settings)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.door]}, daemon=True)
        self.door.listen(128)
        self.thread.start()

    def ask(
        self, race: Any, path: str = "/race", method: str = "POST", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status and what was said: an object, or text."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        body = race if isinstance(race, bytes) else json.dumps(race)
        connection.request(method, path, body, {"Content-Type": "application/json"} | (headers or {}))
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, json.loads(text) if text.startswith("{") else text

    def close(self) -> None:
        """End the server; its address answers no more."""
        self.server.should_exit = True
        self.thread.join(10)
        self.door.close()
