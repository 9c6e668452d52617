"""A very small HTTP server that answers API calls from a table, or as a test tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Fields = dict[str, Any]


def refusal(code: str) -> Fields:
    """The response that refuses a call."""
    return {"Error": {"Code": code, "Message": code}, "RequestId": "r-1"}


class SmallCloud:
    """Speaks HTTP; a subclass says what it answers."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    def answer(self, service: str, action: str, request: Fields) -> Fields:
        raise NotImplementedError

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class ScriptedCloud(SmallCloud):
    """Answers an action with the next of its scripted responses; the last one stays."""

    def __init__(self, **script: Fields | list[Fields] | Callable[[Fields], Fields]) -> None:
        super().__init__()
        self.calls: list[tuple[str, Fields]] = []
        self._script: dict[str, Any] = script

    def script(self, action: str, reply: Callable[[Fields], Fields]) -> None:
        """Changes what an action answers from now on."""
        self._script[action] = reply

    def actions(self) -> list[str]:
        return [action for action, _ in self.calls]

    def answer(self, service: str, action: str, request: Fields) -> Fields:
        self.calls.append((action, request))
        reply = self._script.get(action, {})
        if callable(reply):
            reply = reply(request)
        elif isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        return {"RequestId": "r-1", **reply}


def _handler(cloud: SmallCloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service = self.headers["Host"].split(".", 1)[0]
            body = json.dumps({"Response": cloud.answer(service, self.headers["X-TC-Action"], request)}).encode("utf-8")
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    return Handler
