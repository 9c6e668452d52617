from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import winrm

from components.bootstrap.render import BootstrapInputs, Rendered, render
from components.bootstrap.settings import BootstrapSettings
from localcloud.clock import Clock
from localcloud.guest_runtime import GuestMachine
from localcloud.windows.machine import WINRM_PORT
from localcloud.windows.runtime import LocalGuests

DEMO_PASSWORD = "demo-passw0rd"
ENTRY = "C:\\chatglm\\chatglm.ps1"
SEND_BYTES = 300_000
PASSWORD = "P@ss:word$`\"' 1"


def free_address() -> str:
    """A loopback address of its own for a test machine, far from the 127.0.1.x of other local clouds."""
    return f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


@dataclass(frozen=True)
class Answer:
    """What a verb printed, and how it ended."""

    document: dict[str, Any]
    stderr: str
    exit_code: int


@pytest.fixture
def guests(tmp_path: Path) -> Iterator[LocalGuests]:
    runtime = LocalGuests(tmp_path)
    yield runtime
    runtime.close()


@pytest.fixture
def make_machine(tmp_path: Path) -> Callable[..., GuestMachine]:
    def make(instance_id: str = "ins-test0001", **changes: Any) -> GuestMachine:
        disk = tmp_path / "disks" / f"disk-{instance_id}"
        values: dict[str, Any] = {
            "instance_id": instance_id,
            "address": free_address(),
            "disk": disk,
            "hostname": "chatglm",
            "username": "Administrator",
            "password": PASSWORD,
            "user_data": b"",
            "clock": Clock(speed=float("inf")),
            "metadata_url": "http://127.0.0.1:9/metadata/ins-test0001",
        }
        values |= changes
        values["disk"].mkdir(parents=True, exist_ok=True)
        return GuestMachine(**values)

    return make


@pytest.fixture(scope="session")
def rendered() -> Rendered:
    """What `pulumi up` starts a machine with, and pushes to it."""
    inputs = BootstrapInputs(BootstrapSettings(), DEMO_PASSWORD, ("203.0.113.7/32",), "organization/chatglm/test")
    return render(inputs)


def connect(machine: GuestMachine, password: str = PASSWORD, user: str = "Administrator") -> winrm.Session:
    return winrm.Session(
        f"https://{machine.address}:{WINRM_PORT}/wsman",
        auth=(user, password),
        transport="ntlm",
        server_cert_validation="ignore",
        proxy=None,
    )


def chatglm(machine: GuestMachine, verb: str, ask: dict[str, Any] | None = None, stdin: bytes | None = None) -> Answer:
    """Call the machine's entry as the project's own channel does."""
    argument = "base64:" + base64.b64encode(json.dumps(ask or {}).encode()).decode("ascii")
    line = f"powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File {ENTRY} {verb} {argument}"
    protocol = connect(machine).protocol
    shell = protocol.open_shell()
    command = protocol.run_command(shell, line, skip_cmd_shell=True)
    if stdin is not None:
        for start in range(0, len(stdin), SEND_BYTES) or [0]:
            end = start + SEND_BYTES >= len(stdin)
            protocol.send_command_input(shell, command, stdin[start : start + SEND_BYTES], end=end)
    out, err, code = protocol.get_command_output(shell, command)
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)
    return Answer(json.loads(out) if out else {}, err.decode(), code)


def upload(machine: GuestMachine, name: str, content: bytes, sha256: str | None = None) -> Answer:
    """Upload in one go, as lines of base64 on the standard input."""
    size = 45_000
    lines = b"".join(base64.b64encode(content[n : n + size]) + b"\r\n" for n in range(0, len(content), size))
    digest = sha256 or hashlib.sha256(content).hexdigest()
    return chatglm(machine, "receive", {"name": name, "offset": 0, "sha256": digest}, lines)


def status_file(machine: GuestMachine) -> dict[str, Any]:
    """The status as it stands on the machine's disk."""
    path = machine.disk / "chatglm" / "state" / "status.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"phase": None}
    return document
