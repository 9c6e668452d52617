"""The web page of a rehearsal: it answers over HTTP, and says in every answer that it is simulated."""

from __future__ import annotations

import html
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from guest.rehearsal.console import say

_PAGE = """<!doctype html><meta charset="utf-8"><title>ChatGLM (rehearsal)</title>
<h1>ChatGLM (rehearsal)</h1><p>No model is loaded here: answers are simulated. Serving: {model}.</p>
<form onsubmit="ask(this.q.value); return false"><input name="q" size="60"><button>Submit</button></form>
<pre id="a"></pre>
<script>async function ask(q) {{
  const r = await fetch("run/predict", {{method: "POST", body: JSON.stringify({{fn_index: 0, data: [q]}})}});
  document.getElementById("a").textContent = (await r.json()).data[0].at(-1)[1];
}}</script>"""


def answer(question: str, model: str) -> str:
    """The simulated answer."""
    return f"[Simulated answer of a rehearsal; no model is loaded. Serving: {model}.] You asked: {question}"


def serve(model: str) -> None:
    """Serve the page where GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say, until the process is ended."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self._send(200, "text/html; charset=utf-8", _PAGE.format(model=html.escape(model)))
            else:
                self._send(404, "text/plain", "not found")

        def do_POST(self) -> None:
            """Take gradio's form of a call: {"fn_index": 0, "data": [question, ...]}."""
            try:
                body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                question = str(body["data"][0])
            except (ValueError, KeyError, IndexError, TypeError):
                self._send(422, "application/json", json.dumps({"detail": "data must be [question]"}))
                return
            said = {"data": [[[question, answer(question, model)]]], "is_generating": False}
            self._send(200, "application/json", json.dumps(said, ensure_ascii=False))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: ARG002
            return

        def _send(self, status: int, kind: str, text: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    port = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    with ThreadingHTTPServer((host, port), Handler) as server:
        say(f"REHEARSAL, not ChatGLM. Running on local URL:  http://{host}:{server.server_port}")
        server.serve_forever()
