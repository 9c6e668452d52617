"""An HTTP server for downloads that misbehaves as told: cuts, stalls, ignores ranges, sends wrong bytes.

It stands in for the mirrors; requests and connections are real. Paths are /SOURCE/NAME, so that several sources of the
same file live on one server.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_BLOCK = 1 << 16


def _hub_headers(kind: str, content: bytes) -> dict[str, str]:
    if not kind:
        return {}
    if kind == "git":
        blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False)
        return {"X-Repo-Commit": "0" * 40, "ETag": f'W/"{blob.hexdigest()}"'}
    digest = hashlib.sha256(content if kind == "sha256" else b"another file").hexdigest()
    return {"X-Repo-Commit": "0" * 40, "X-Linked-ETag": f'"{digest}"', "X-Linked-Size": str(len(content))}


@dataclass
class Source:
    """How one source behaves. Offsets count from the start of the file; each cut and stall happens once."""

    cuts: list[tuple[str, int]] = field(default_factory=list)
    stalls: list[tuple[str, int, float]] = field(default_factory=list)
    ranges: bool = True
    wrong: set[str] = field(default_factory=set)
    missing: bool = False
    told_size: int | None = None
    #: Names each file's hash as the Hub does: `sha256` or `git`; `another` names one that is not the file's.
    names_hash: str = ""
    #: Does anything else in place of an answer; gets the handler and the file's content.
    instead: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None


@dataclass
class FaultyServer:
    """Files by name and sources by name; `sent` counts the bytes of bodies that left the server, by file.

    `rate` is bytes per second of a connection (None: as fast as this computer can).
    """

    files: dict[str, bytes]
    sources: dict[str, Source]
    sent: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    rate: float | None = None
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, source: str, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{source}/{name}"

    @contextmanager
    def running(self) -> Iterator[FaultyServer]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                return

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
            http.daemon_threads = True
            self.port = http.server_address[1]
            thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                http.shutdown()
                thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        _, source_name, name = handler.path.split("/", 2)
        asked = handler.headers.get("Range")
        with self.lock:
            self.requests.append((source_name, name, asked))
        source, content = self.sources[source_name], self.files[name]
        handler.close_connection = True
        if source.instead is not None:
            with suppress(OSError):
                source.instead(handler, content)
            return
        if source.missing:
            handler.send_error(404)
            return
        if name in source.wrong:
            content = bytes(len(content))
        start = 0
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        if match and source.ranges:
            start = int(match[1])
            if start >= len(content):
                handler.send_error(416)
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{source.told_size or len(content)}")
        else:
            handler.send_response(200)
        for name_of, value in _hub_headers(source.names_hash, self.files[name]).items():
            handler.send_header(name_of, value)
        size = (source.told_size or len(content)) - start
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        self._send(handler, source, name, content, start)

    def _send(self, handler: BaseHTTPRequestHandler, source: Source, name: str, content: bytes, position: int) -> None:
        while position < len(content):
            end = min(position + _BLOCK, len(content))
            for cut in [c for c in source.cuts if c[0] == name and position <= c[1] < end]:
                self._write(handler, name, content[position : cut[1]])
                source.cuts.remove(cut)
                return
            for stall in [s for s in source.stalls if s[0] == name and position <= s[1] < end]:
                source.stalls.remove(stall)
                time.sleep(stall[2])
            if not self._write(handler, name, content[position:end]):
                return
            position = end

    def _write(self, handler: BaseHTTPRequestHandler, name: str, block: bytes) -> bool:
        try:
            handler.wfile.write(block)
        except OSError:
            return False
        if self.rate:
            time.sleep(len(block) / self.rate)
        with self.lock:
            self.sent[name] = self.sent.get(name, 0) + len(block)
        return True
