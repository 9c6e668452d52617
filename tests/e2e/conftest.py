"""The real Pulumi engine against a local cloud of the test's own, at its highest speed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.control_client import Control
from rehearsal.environment import ROOT
from tencent.access import Access
from tencent.cloud import Cloud
from tests.stacks import open_stack
from tools.workspace import Workspace


@dataclass(frozen=True)
class LocalCloud:
    """A local cloud with its control interface, and its API as the owner of the account would use it."""

    data: Path
    port: int
    control: Control
    api: Cloud

    def billed(self) -> list[str]:
        """What is being billed now, by kind."""
        return sorted(item.kind for item in self.control.meter().items if item.hourly_cny > 0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    yield from start_cloud(tmp_path, monkeypatch)


def start_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    """A local cloud that ends with the test."""
    data, port = tmp_path / "cloud", free_port()
    command = [sys.executable, "-m", "localcloud"]
    options = ["--port", str(port), "--data", str(data), "--speed", "max"]
    subprocess.run([*command, "start", *options], cwd=ROOT, check=True)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    keys = json.loads((data / "keys.json").read_text(encoding="utf-8"))
    access = Access(keys["secretId"], keys["secretKey"], "", "ap-guangzhou", "HTTP", "tencentcloudapi.com")
    yield LocalCloud(data, port, Control(f"http://127.0.0.1:{port}"), Cloud(access))
    subprocess.run([*command, "stop", "--data", str(data)], cwd=ROOT, check=True)


@pytest.fixture
def stack(cloud: LocalCloud, tmp_path: Path) -> Workspace:
    return open_stack(tmp_path / "stack", cloud.data, cloud.port)
