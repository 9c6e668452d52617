"""A machine in a temporary folder: manifest, upstream played by the rehearsal, a free port for the demo."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.bootstrap.render import hash_password
from guest.serving import state
from guest.training.files import read_json
from guest.training.machine import Machine, this_machine
from guest.training.process import Identity, kill_tree

REPOSITORY = Path(__file__).parents[2]
DEMO_PASSWORD = "demo-passw0rd"
_HASH = hash_password(DEMO_PASSWORD, "tests")


def wait_until(holds: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    root = tmp_path / "chatglm"
    (root / "state").mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "demoPort": port,
        "demoUser": "chatglm",
        "demoPasswordHash": _HASH,
        "precision": "fp16",
        "servedModel": "base",
        "sourceCommit": "c" * 40,
    }
    (root / "manifest.json").write_text(json.dumps({"settings": settings, "files": [], "steps": []}), encoding="utf-8")
    monkeypatch.setenv("CHATGLM_ROOT", str(root))
    monkeypatch.setenv("CHATGLM_SOURCE", str(REPOSITORY / "guest" / "rehearsal"))
    monkeypatch.setenv("CHATGLM_MODEL", str(tmp_path / "chatglm-6b"))
    monkeypatch.setenv("CHATGLM_DEMO_HOST", "127.0.0.1")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    yield this_machine()
    told = read_json(root / "state" / "demo.json") or {}
    for who in ("supervisor", "child"):
        if told.get(who):
            kill_tree(Identity.from_dict(told[who]))
    state.end_orphan(root)
