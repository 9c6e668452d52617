"""A wait for a scripted machine, whose page is on this computer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from line.certificates import CertificateFile
from line.delivery import Supplies
from line.outcome import Ready
from line.readiness import wait_ready
from tests.line.scripted import AsksForLogin, ScriptedMachine


@pytest.fixture
def page() -> Iterator[int]:
    """A page that asks for a log-in, on this computer."""

    with HTTPServer(("127.0.0.1", 0), AsksForLogin) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def wait(tmp_path: Path, page: int) -> Callable[..., tuple[Ready, list[str]]]:
    def run(machine: ScriptedMachine, **changes: Any) -> tuple[Ready, list[str]]:
        said: list[str] = []
        values: dict[str, Any] = {
            "machine": "ins-1",
            "demo_port": page,
            "timeout_minutes": 30,
            "supplies": Supplies(b"zip"),
            "certificates": CertificateFile(tmp_path / "known.json"),
            "progress": said.append,
            "channel": machine,
            "clock": lambda: machine.now,
            "sleep": machine.sleep,
            **changes,
        }
        try:
            return wait_ready("127.0.0.1", "secret", **values), said
        finally:
            assert machine.closed

    return run
