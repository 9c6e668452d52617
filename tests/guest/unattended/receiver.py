"""A local receiver of notices that checks signatures as the robots do; what it does with them can be chosen."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOUR = 3600


class Receiver:
    """Takes notices at /KIND. `taken` holds what was accepted; `answer` is the status that is given instead of 200."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.taken: list[dict[str, object]] = []
        self.answer = 200
        self.silent = threading.Event()
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.silent.is_set():
                    receiver._over.wait()
                    return
                address = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(address.query))
                told = receiver._judge(address.path.strip("/"), query, body, dict(self.headers))
                self.send_response(receiver.answer)
                if receiver.answer in (301, 302, 307):
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _judge(self, kind: str, query: dict[str, str], body: bytes, headers: dict[str, str]) -> bytes:
        document = json.loads(body)
        good = getattr(self, f"_{kind}")(query, document, body, headers)
        if good and self.answer == 200:
            self.taken.append(document)
        if kind == "slack":
            return b"ok" if good else b"invalid_payload"
        if kind == "feishu":
            return json.dumps({"code": 0 if good else 19021, "msg": "success" if good else "sign match fail"}).encode()
        return json.dumps({"errcode": 0 if good else 310000, "errmsg": "ok" if good else "sign not match"}).encode()

    def _sign(self, key: str, message: str) -> str:
        return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()

    def _dingtalk(self, query: dict[str, str], document: dict[str, object], *_: object) -> bool:
        text = f"{query.get('timestamp')}\n{self.secret}"
        near = abs(time.time() - float(query.get("timestamp", 0)) / 1000) < HOUR
        return near and query.get("sign") == self._sign(self.secret, text) and document["msgtype"] == "text"

    def _feishu(self, _: object, document: dict[str, object], *__: object) -> bool:
        near = abs(time.time() - float(str(document.get("timestamp", 0)))) < HOUR
        signed = self._sign(f"{document.get('timestamp')}\n{self.secret}", "")
        return near and document.get("sign") == signed and document["msg_type"] == "text"

    def _wecom(self, query: dict[str, str], document: dict[str, object], *_: object) -> bool:
        return query.get("key") == self.secret and document["msgtype"] == "text"

    def _slack(self, _: object, document: dict[str, object], *__: object) -> bool:
        return isinstance(document.get("text"), str)

    def _json(self, _: object, __: object, body: bytes, headers: dict[str, str]) -> bool:
        signed = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return headers.get("X-Hub-Signature-256") == f"sha256={signed}"


@contextmanager
def receiving(secret: str) -> Iterator[Receiver]:
    receiver = Receiver(secret)
    try:
        yield receiver
    finally:
        receiver.close()
