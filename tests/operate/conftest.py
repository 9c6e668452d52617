"""A ready machine of the local guest, and a local cloud without machines' insides, both for the whole folder."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from components.bootstrap import BootstrapInputs, BootstrapSettings, Rendered, render
from components.certificates import CertificateFile
from components.cloud import Access, Cloud
from components.readiness import Patience, wait_ready
from localcloud.clock import Clock
from localcloud.control_client import Control
from localcloud.guest.runtime import LocalGuests
from localcloud.guests import GuestMachine
from operate import app as commands
from operate import channel, session
from operate.stacks import Stack
from tools.workspace import ROOT

PASSWORD = "P@ssw0rd:1234`"
DEMO_PASSWORD = "demo-passw0rd"
MACHINE = "ins-operate1"
REGION = "ap-guangzhou"


@pytest.fixture(scope="session")
def rendered() -> Rendered:
    inputs = BootstrapInputs(
        BootstrapSettings(), 7860, "chatglm", DEMO_PASSWORD, ("127.0.0.1/32",), "organization/chatglm/test"
    )
    return render(inputs)


@dataclass(frozen=True)
class Guest:
    """A machine of the local guest that has installed itself; `root` is its C:\\chatglm."""

    runtime: LocalGuests
    machine: GuestMachine
    certificates: Path

    @property
    def address(self) -> str:
        return self.machine.address

    @property
    def root(self) -> Path:
        return self.machine.disk / "chatglm"


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory, rendered: Rendered) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("guest")
    runtime = LocalGuests(folder)
    disk = folder / "disk"
    disk.mkdir()
    address = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
    machine = GuestMachine(
        MACHINE,
        address,
        disk,
        "chatglm",
        "Administrator",
        PASSWORD,
        rendered.user_data.encode("ascii"),
        Clock(speed=float("inf")),
        f"http://127.0.0.1:9/metadata/{MACHINE}",
    )
    runtime.launch(machine)
    wait_ready(
        address,
        PASSWORD,
        machine=MACHINE,
        demo_port=7860,
        timeout_minutes=1,
        second_stage=rendered.second_stage,
        certificates=CertificateFile(folder / "known.json"),
        progress=lambda _: None,
        patience=Patience(poll=0.1),
    )
    yield Guest(runtime, machine, folder / "known.json")
    runtime.close()


@pytest.fixture
def stack(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The guest's stack, as an update would have left it."""
    monkeypatch.setattr(channel, "KNOWN_CERTIFICATES", guest.certificates)
    return make_stack(
        outputs={
            "machineId": MACHINE,
            "address": guest.address,
            "zone": "ap-guangzhou-3",
            "demoUrl": f"http://{guest.address}:7860",
            "rdpAddress": f"{guest.address}:3389",
            "demoUser": "chatglm",
            "demoPassword": DEMO_PASSWORD,
        }
    )


def make_stack(**changes: Any) -> Stack:
    config = {
        "tencentcloud:region": REGION,
        "chatglm:state": "running",
        "chatglm:adminPassword": PASSWORD,
        "chatglm:operatorCidrs": '["127.0.0.1/32"]',
    }
    encrypted = frozenset({"chatglm:adminPassword"})
    plain = Stack("test", "organization/chatglm/test", ROOT, config, encrypted)
    config |= changes.pop("config", {})
    return replace(plain, config=config, **changes)


@dataclass(frozen=True)
class LocalCloud:
    port: int
    data: Path
    control: Control
    api: Cloud
    environment: dict[str, str]


@pytest.fixture(scope="session")
def started_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    data = tmp_path_factory.mktemp("cloud")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "localcloud"]
    options = ["--port", str(port), "--data", str(data), "--speed", "max", "--no-guests"]
    subprocess.run([*command, "start", *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    yield port, data
    subprocess.run([*command, "stop", "--data", str(data)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def cloud(started_cloud: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> LocalCloud:
    """An empty account with its usual stock, prices and quotas."""
    port, data = started_cloud
    control = Control(f"http://127.0.0.1:{port}")
    control.reset()
    control.clear_faults()
    keys = json.loads((data / "keys.json").read_text(encoding="utf-8"))
    environment = {
        "HTTP_PROXY": f"http://127.0.0.1:{port}",
        "TENCENTCLOUD_PROTOCOL": "HTTP",
        "TENCENTCLOUD_SECRET_ID": keys["secretId"],
        "TENCENTCLOUD_SECRET_KEY": keys["secretKey"],
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    access = Access(keys["secretId"], keys["secretKey"], "", REGION, "HTTP", "tencentcloudapi.com")
    return LocalCloud(port, data, control, Cloud(access), environment)


Chatglm = Callable[..., Result]


@pytest.fixture
def chatglm(monkeypatch: pytest.MonkeyPatch) -> Chatglm:
    """The command line on a given stack, without Pulumi behind it."""

    def run(stack: Stack, *arguments: str, input: str | None = None) -> Result:
        monkeypatch.setattr(session, "open_stack", lambda _: stack)
        return CliRunner().invoke(commands.app, list(arguments), input=input, env={"COLUMNS": "200"})

    return run
