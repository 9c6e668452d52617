"""Who asks the demo or the API: a person's question is noted, the machine's own probe apart; an open page is neither.

An ASGI layer before everything that the demo serves. It also puts on the page what the machine has to say (`notice`).
"""

from __future__ import annotations

import hmac
import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guest.files import read_json, write_json
from guest.process import Identity
from guest.unattended.decision import API, DEMO

#: With this header, and the probe's token in it, the machine itself asks.
PROBE_HEADER = "x-chatglm-probe"
NOTICE_PATH = "/chatglm-notice"
_QUEUE = "/queue/join"
_API = "/v1/chat/completions"
_ASKING = ("/run/", "/api/", _API)
#: A note a second is enough to know that somebody asks.
_NOTE_SECONDS = 1.0
_SCRIPT = (
    "<script>(()=>{const bar=document.createElement('div');bar.hidden=true;bar.style.cssText="
    "'position:sticky;top:0;z-index:9999;padding:.6em;text-align:center;background:#8a4b00;color:#fff';"
    "const look=async()=>{try{const told=await(await fetch('chatglm-notice')).json();"
    "bar.textContent=told.text||'';bar.hidden=!told.text}catch(error){}};"
    "document.addEventListener('DOMContentLoaded',()=>{document.body.prepend(bar);look();setInterval(look,15000)})"
    "})()</script>"
)


def asked_file(root: Path) -> Path:
    return root / "state" / "asked.json"


def probing_file(root: Path) -> Path:
    return root / "state" / "probing.json"


def notice_file(root: Path) -> Path:
    """What the page shows; written by the machine's guard."""
    return root / "state" / "notice.json"


def note_question(root: Path, kind: str) -> None:
    """Somebody asked the demo or the API. A mark that was not there before, and no time: clocks may jump."""
    before = read_json(asked_file(root)) or {}
    write_json(asked_file(root), {**before, "schema": 1, kind: uuid.uuid4().hex})


def notice(root: Path) -> dict[str, str]:
    """What the page is to show: an empty text where nothing is."""
    return {"text": str((read_json(notice_file(root)) or {}).get("text", ""))}


def with_notice(page: bytes) -> bytes:
    """A page of HTML that also shows the notice."""
    head, end, rest = page.rpartition(b"</body>")
    return head + _SCRIPT.encode() + end + rest if end else page + _SCRIPT.encode()


class Visits:
    """Hands everything on to `inner`. `token` gives the probe's present token."""

    def __init__(self, inner: Any, root: Path, token: Callable[[], str]) -> None:
        self._inner, self._root, self._token = inner, root, token
        self._noted: dict[str, float] = {}
        self._probes = 0
        self._lock = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind, path, method = scope["type"], scope.get("path", ""), scope.get("method", "GET")
        if kind == "http" and path == NOTICE_PATH:
            await _answer(send, json.dumps(notice(self._root), ensure_ascii=False).encode())
        elif kind == "websocket" and path == _QUEUE and self._is_probe(scope):
            self._probe(1)
            try:
                await self._inner(scope, receive, send)
            finally:
                self._probe(-1)
        elif (kind == "websocket" and path == _QUEUE) or (
            kind == "http" and method == "POST" and path.startswith(_ASKING)
        ):
            await self._inner(scope, receive, self._noting(send, API if path.startswith(_API) else DEMO))
        elif kind == "http" and path == "/" and method == "GET":
            await self._inner(scope, receive, _Adding(send))
        else:
            await self._inner(scope, receive, send)

    def _is_probe(self, scope: Any) -> bool:
        given = dict(scope.get("headers") or ()).get(PROBE_HEADER.encode(), b"")
        token = self._token().encode()
        return bool(token) and hmac.compare_digest(given, token)

    def _noting(self, send: Any, kind: str) -> Any:
        """Who is not let in has asked nothing: only an answer that begins well counts."""

        async def noting(message: Any) -> None:
            begins = message["type"] == "http.response.start" and message["status"] < 400
            if begins or message["type"] == "websocket.accept":
                self._note(kind)
            await send(message)

        return noting

    def _note(self, kind: str) -> None:
        with self._lock:
            if time.monotonic() - self._noted.get(kind, -_NOTE_SECONDS) < _NOTE_SECONDS:
                return
            self._noted[kind] = time.monotonic()
            note_question(self._root, kind)

    def _probe(self, change: int) -> None:
        with self._lock:
            self._probes += change
            me = Identity.of(os.getpid()).as_dict()
            told = {"schema": 1, "mark": uuid.uuid4().hex, "asking": self._probes > 0, "process": me}
            write_json(probing_file(self._root), told)


class _Adding:
    """Adds the notice's script to a page of HTML that is sent whole and uncompressed."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._start: Any = None
        self._body = b""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message["headers"]}
            plain = b"content-encoding" not in headers and b"text/html" in headers.get(b"content-type", b"")
            if plain and message["status"] == 200:
                self._start = message
                return
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = with_notice(self._body)
            kept = [pair for pair in self._start["headers"] if pair[0].lower() != b"content-length"]
            length = (b"content-length", str(len(body)).encode())
            await self._send({**self._start, "headers": [*kept, length]})
            self._start = None
            await self._send({"type": "http.response.body", "body": body})
            return
        await self._send(message)


async def _answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
