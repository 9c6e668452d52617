"""A machine that gives the answers that a test wrote down, on a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from line.channel import (
    ChannelError,
    UnreachableError,
    WrongPasswordError,
)
from line.outcome import Ready

SILENT = UnreachableError("203.0.113.9:5986 does not answer (timed out).", "Is your address in operatorCidrs?")


REFUSED = WrongPasswordError("The machine refuses Administrator's password.")


READY = {"phase": "ready", "machine": "ins-1", "steps": []}


def at_work(**changes: Any) -> dict[str, Any]:
    return {"phase": "bootstrapping", "machine": "ins-1", "updated": "t1", "steps": [], **changes}


def failed(updated: str = "t1") -> dict[str, Any]:
    error = {"message": "the signature is NotSigned", "hint": "The next source is tried.", "logTail": "last words"}
    steps = [{"name": "driver", "title": "NVIDIA driver", "state": "failed", "error": error}]
    return at_work(phase="failed", updated=updated, steps=steps)


class ScriptedMachine:
    """Gives one answer a look; the last one for ever."""

    def __init__(
        self,
        *answers: dict[str, Any] | ChannelError,
        retry: ChannelError | None = None,
        configure: ChannelError | None = None,
        certificate: ChannelError | None = None,
    ) -> None:
        self.answers, self.retry, self.configure = list(answers), retry, configure
        self.certificate = certificate
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.scripts: list[str] = []
        self.uploads: list[tuple[str, float]] = []
        self.verbs: list[str] = []
        self.now = 0.0
        self.closed = False

    def run_verb(self, verb: str, options: dict[str, Any] | None = None, **_: Any) -> dict[str, Any]:
        self.verbs.append(verb)
        self.asked.append((verb, options or {}))
        if verb == "configure":
            if self.configure:
                raise self.configure
            return {"configured": True, "changed": ["demoPort"]}
        if verb == "certificate":
            if self.certificate:
                raise self.certificate
            return {}
        if verb == "retry":
            if self.retry:
                raise self.retry
            return {"started": True}
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ChannelError):
            raise answer
        return answer

    def run_script(self, script: str, **_: Any) -> tuple[int, bytes]:
        self.scripts.append(script)
        if "$Bytes" in script:
            windows = {"the service WinRM": "Stopped"}
            return 0, json.dumps({"entry": True, "status": None, "windows": windows, "logs": {}}).encode()
        return 0, b""

    def upload(self, content: bytes, name: str) -> str:
        self.uploads.append((name, self.now))
        return name

    def close(self) -> None:
        self.closed = True

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class AsksForLogin(BaseHTTPRequestHandler):
    """The demo's page to somebody who has not logged in."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: Any) -> None:
        return


Wait = Callable[..., tuple[Ready, list[str]]]
