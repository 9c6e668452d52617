"""The recordings of the official plug-in, and a server that plays their HTTP responses."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

FOLDER = Path(__file__).parents[2] / "contract"
IGNORED_REQUEST_FIELDS = frozenset({"ClientToken"})  # random: it makes a repeated launch launch only once


@dataclass(frozen=True)
class Call:
    """One recorded HTTP call and its place in its scenario."""

    place: int
    service: str
    action: str
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def key(self) -> str:
        return call_key(self.service, self.action, self.request)


def call_key(service: str, action: str, request: dict[str, Any]) -> str:
    """Two calls with the same key ask for the same."""
    fields = {name: value for name, value in request.items() if name not in IGNORED_REQUEST_FIELDS}
    return f"{service}:{action} {json.dumps(fields, sort_keys=True, ensure_ascii=False)}"


def scenarios() -> list[str]:
    """The names of all scenarios."""
    return sorted(path.stem for path in (FOLDER / "rpc").glob("*.jsonl"))


def remote_calls(scenario: str) -> list[dict[str, Any]]:
    """A scenario's gRPC calls, in order."""
    lines = (FOLDER / "rpc" / f"{scenario}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def api_calls(scenario: str) -> list[Call]:
    """A scenario's HTTP calls, in order."""
    found: list[Call] = []
    current = ""
    for line in (FOLDER / "api-calls.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "scenario" in entry:
            current = entry["scenario"]
        elif current == scenario:
            found.append(Call(len(found), entry["service"], entry["action"], entry["request"], entry["response"]))
    return found


@dataclass
class RecordedCloud:
    """Answers each call as it was recorded: the first one made gets the first answer, and so on."""

    calls: list[Call]
    made: list[int] = field(default_factory=list)  # places of the recorded calls that were made, in order
    unexpected: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._waiting: dict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            self._waiting[call.key].append(call)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    def __enter__(self) -> RecordedCloud:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def missing(self) -> list[str]:
        """Recorded calls that nobody made."""
        return [call.key for call in self.calls if call.place not in self.made]

    def answer(self, service: str, action: str, request: dict[str, Any]) -> dict[str, Any]:
        key = call_key(service, action, request)
        if not self._waiting[key]:
            self.unexpected.append(key)
            return {"Error": {"Code": "NotRecorded", "Message": key}, "RequestId": "none"}
        call = self._waiting[key].pop(0)
        self.made.append(call.place)
        return call.response


def _handler(cloud: RecordedCloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service = self.headers["Host"].split(".", 1)[0]
            response = cloud.answer(service, self.headers["X-TC-Action"], request)
            body = json.dumps({"Response": response}).encode("utf-8")
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    return Handler
