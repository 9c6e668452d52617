"""The real Pulumi engine against a local cloud of the test's own, at its highest speed."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.control_client import Control
from tools.workspace import ROOT, Workspace


@dataclass(frozen=True)
class LocalCloud:
    data: Path
    port: int
    control: Control


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    data, port = tmp_path / "cloud", free_port()
    command = [sys.executable, "-m", "localcloud"]
    options = ["--port", str(port), "--data", str(data), "--speed", "max"]
    subprocess.run([*command, "start", *options], cwd=ROOT, check=True)
    yield LocalCloud(data, port, Control(f"http://127.0.0.1:{port}"))
    subprocess.run([*command, "stop", "--data", str(data)], cwd=ROOT, check=True)


@pytest.fixture
def stack(cloud: LocalCloud, tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "stack", cloud.data, cloud.port)
