"""The local internet of one machine: small files under the manifest's own addresses, and servers that misbehave.

It answers HTTP and HTTPS for every name. Which file stands behind an address the machine's own `internet.json` says,
where the exchange of the manifest noted it. Package indexes answer a page for every package; the metadata service is
passed on or answered.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from localcloud.windows.world.authority import authority
from localcloud.windows.world.inside.contents import content

METADATA = "metadata.tencentyun.com"
API = ".tencentcloudapi.com"
_LATEST = "/latest/meta-data/"
_IDLE_SECONDS = 60


@dataclass(frozen=True)
class Behaviour:
    """How servers behave whose addresses a rule fits; what is not set is as it should be.

    `after` answers go well first, `times` then misbehave (0: all). Seconds, bytes, bytes a second.
    """

    status: int = 200
    hang: float = 0
    cut: int | None = None
    rate: int | None = None
    body: bytes | None = None
    redirect: str = ""
    ignores_range: bool = False
    no_length: bool = False
    refuses: bool = False
    after: int = 0
    times: int = 0


@dataclass(frozen=True)
class Asked:
    """One request of the machine: the address, its Range header, the bytes that were answered."""

    url: str
    range: str
    client: str
    bytes: int


@dataclass
class _Rule:
    pattern: re.Pattern[str]
    behaviour: Behaviour
    seen: int = 0


@dataclass
class LocalInternet:
    """Serves until `close`; `machine_state` is the folder in which the machine's `internet.json` appears.

    `extra` are bodies by address besides; `wanted_ports` for HTTP and HTTPS, 0: any. `api` is where calls of Tencent's
    API are passed on to; empty: nobody answers them.
    """

    machine_state: Path
    metadata: Callable[[str], str | None]
    asked: list[Asked] = field(default_factory=list)
    extra: dict[str, bytes] = field(default_factory=dict)
    wanted_ports: tuple[int, int] = (0, 0)
    api: str = ""
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        http, https = self.wanted_ports
        self._servers = [_Server(self, http, tls=False), _Server(self, https, tls=True)]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def ports(self) -> str:
        """`HTTP:HTTPS`, for the machine's surroundings."""
        return ":".join(str(server.server_port) for server in self._servers)

    def let(self, pattern: str, behaviour: Behaviour) -> None:
        """From now on the addresses that fit the pattern behave like this; a later rule goes before an earlier one."""
        with self._lock:
            self._rules.insert(0, _Rule(re.compile(pattern), behaviour))

    def behave(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._rules.clear()

    def fetched(self, name: str) -> int:
        """Bytes that were sent of all files whose address has `name` in it."""
        return sum(one.bytes for one in self.asked if name in one.url)

    def close(self) -> None:
        """Stop serving."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def behaviour(self, url: str) -> Behaviour:
        """What is due for one request."""
        with self._lock:
            for rule in self._rules:
                if rule.pattern.search(url):
                    rule.seen += 1
                    due = rule.behaviour
                    over = due.times and rule.seen > due.after + due.times
                    if rule.seen > due.after and not over:
                        return due
        return Behaviour()

    def find(self, url: str) -> bytes | None:
        """What stands behind an address; None where nothing does."""
        host, _, path = url.partition("://")[2].partition("/")
        if host == METADATA:
            value = self.metadata(f"/{path}".removeprefix(_LATEST)) if f"/{path}".startswith(_LATEST) else None
            return None if value is None else value.encode()
        if url in self.extra:
            return self.extra[url]
        served = self._served()
        # Beside the manifest's own addresses only package indexes are asked: a page for each package.
        if url in served:
            return _content(json.dumps(served[url], sort_keys=True))
        return b"<!doctype html><title>Links</title>" if re.search(r"/simple/[a-z0-9._-]+/$", url) else None

    def _served(self) -> dict[str, Any]:
        try:
            urls: dict[str, Any] = json.loads((self.machine_state / "internet.json").read_text(encoding="utf-8"))[
                "urls"
            ]
        except (OSError, ValueError, KeyError):
            return {}
        return urls


@lru_cache(maxsize=256)
def _content(spec: str) -> bytes:
    return content(json.loads(spec))


def _named_by_the_hub(url: str, body: bytes) -> dict[str, str]:
    """What the Hub's answers say of a file: its commit, and the hash and size of what lies in large storage."""
    if "/resolve/" not in url:
        return {}
    if url.endswith((".bin", ".model")):
        linked = {"X-Linked-ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Linked-Size": str(len(body))}
    else:
        blob = hashlib.sha1(f"blob {len(body)}\0".encode() + body, usedforsecurity=False)
        linked = {"ETag": f'"{blob.hexdigest()}"'}
    return {"X-Repo-Commit": "0" * 40, **linked}


def pass_metadata_on(base: str) -> Callable[[str], str | None]:
    """Answers of the metadata service at `base`, by path below `/latest/meta-data/`."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(path: str) -> str | None:
        try:
            with opener.open(f"{base}{_LATEST}{path}", timeout=5) as response:
                text: str = response.read(4096).decode()
        except (urllib.error.URLError, OSError):
            return None
        return text

    return ask


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, internet: LocalInternet, port: int, *, tls: bool) -> None:
        self.internet, self.scheme = internet, "https" if tls else "http"
        self._context = authority().server_context() if tls else None
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        connection.settimeout(_IDLE_SECONDS)
        if self._context:
            # The handshake waits for the client, so it is made in the connection's own thread.
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        if self.server.scheme == "https":
            self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        internet = self.server.internet
        host = self.headers.get("Host", "").partition(":")[0]
        url = f"{self.server.scheme}://{host}{self.path}"
        due = internet.behaviour(url)
        self._sent = 0
        try:
            self._answer(url, due)
        except OSError:
            self.close_connection = True
        asked = Asked(url, self.headers.get("Range", ""), self.headers.get("User-Agent", ""), self._sent)
        internet.asked.append(asked)

    def do_POST(self) -> None:
        """Calls of Tencent's API are passed on, signature and all; nobody else is posted to."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host = self.headers.get("Host", "")
        if not (self.server.internet.api and host.endswith(API)):
            self._head(404, {"Content-Length": "0"})
            return
        request = urllib.request.Request(f"{self.server.internet.api}/", body, dict(self.headers), method="POST")  # noqa: S310
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
                answer, date = response.read(), response.headers.get("Date", "")
        except OSError:
            self.close_connection = True
            return
        self.send_response_only(200)
        for name, value in {"Date": date, "Content-Type": "application/json", "Content-Length": len(answer)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, url: str, due: Behaviour) -> None:
        if due.hang:
            time.sleep(due.hang)
        if due.hang or due.refuses:
            self.close_connection = True
            return
        if due.redirect:
            self._head(302, {"Location": due.redirect, "Content-Length": "0"})
            return
        body = due.body if due.body is not None else self.server.internet.find(url)
        if body is None or due.status >= 400:
            page = b"<html><title>error</title></html>"
            self._head(due.status if due.status >= 400 else 404, {"Content-Length": str(len(page))})
            self._write(page, due)
            return
        start, status = 0, 200
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **_named_by_the_hub(url, body)}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and not due.ignores_range:
            start, status = int(wanted[1]), 206
            if start >= len(body):
                self._head(416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        part = body[start:]
        if due.no_length:
            self.close_connection = True
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(part))
        self._head(status, headers)
        if due.cut is not None:
            part = part[: due.cut]
            self.close_connection = True
        if self.command != "HEAD":
            self._write(part, due)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, part: bytes, due: Behaviour) -> None:
        step = max(1, due.rate // 10) if due.rate else len(part) or 1
        for start in range(0, len(part), step):
            self.wfile.write(part[start : start + step])
            self._sent += len(part[start : start + step])
            if due.rate:
                time.sleep(0.1)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ARG002
        return
