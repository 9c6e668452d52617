"""A machine in a temporary folder: manifest, upstream played by the rehearsal, a free port for the demo."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guest.files import read_json
from guest.machine import Machine, this_machine
from guest.process import Identity, kill_tree
from guest.serving import state

REPOSITORY = Path(__file__).parents[2]
DEMO_PASSWORD = "demo-passw0rd"
# As the manifest brings it (guest/serving/login.py), with few rounds.
_SALT = b"tests"
_DIGEST = hashlib.pbkdf2_hmac("sha256", DEMO_PASSWORD.encode(), _SALT, 1000)
_HASH = f"pbkdf2_sha256$1000${base64.b64encode(_SALT).decode()}${base64.b64encode(_DIGEST).decode()}"


@pytest.fixture(scope="session")
def torch() -> Any:
    module = pytest.importorskip("torch", reason="the engine's own environment has it: make test-engine")
    # As many threads as there are workers would stand in each other's way.
    module.set_num_threads(1)
    return module


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
