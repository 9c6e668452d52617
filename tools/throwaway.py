"""A local cloud, or one machine of the local guest without a cloud: for the length of a test or a measurement."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.bootstrap.render import BootstrapInputs, render
from components.bootstrap.settings import BootstrapSettings
from line.certificates import CertificateFile
from line.delivery import Supplies
from line.readiness import Patience, wait_ready
from line.winrm import WinRmChannel
from localcloud.clock import Clock
from localcloud.guest_runtime import GuestMachine
from localcloud.windows.runtime import LocalGuests
from rehearsal.engine import ROOT

PASSWORD = "P@ssw0rd:1234`"  # noqa: S105 - of a machine that lives for seconds
MACHINE = "ins-throwaway"


@contextmanager
def local_cloud(data: Path, *options: str) -> Iterator[int]:
    """A local cloud at its highest speed, on a free port, which is given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "localcloud"]
    start = [*command, "start", "--port", str(port), "--data", str(data), "--speed", "max", *options]
    subprocess.run(start, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        subprocess.run([*command, "stop", "--data", str(data)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True)
class ReadyMachine:
    """A machine that has installed itself; `root` is its project folder on this computer's disk."""

    machine: GuestMachine
    certificates: Path

    @property
    def address(self) -> str:
        return self.machine.address

    @property
    def root(self) -> Path:
        return self.machine.disk / "chatglm"

    def connect(self) -> WinRmChannel:
        return WinRmChannel(
            self.address, PASSWORD, machine=MACHINE, certificates=CertificateFile(self.certificates), timeout=60
        )


@contextmanager
def ready_machine(folder: Path, metadata_url: str = "http://127.0.0.1:9") -> Iterator[ReadyMachine]:
    """One machine of the local guest, bootstrapped through its real user data and second stage in a second or two.

    `metadata_url` is asked for notices of a reclaim; nothing answers at the default.
    """
    inputs = BootstrapInputs(BootstrapSettings(), "demo-passw0rd", ("127.0.0.1/32",), "organization/chatglm/test")
    rendered = render(inputs)
    disk = folder / "disk"
    disk.mkdir(parents=True)
    machine = GuestMachine(
        instance_id=MACHINE,
        address=f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.{random.randint(1, 254)}",  # noqa: S311
        disk=disk,
        hostname="chatglm",
        username="Administrator",
        password=PASSWORD,
        user_data=rendered.user_data.encode("ascii"),
        clock=Clock(speed=float("inf")),
        metadata_url=metadata_url,
    )
    ready = ReadyMachine(machine, folder / "known-certificates.json")
    guests = LocalGuests(folder)
    try:
        guests.launch(machine)
        wait_ready(
            machine.address,
            PASSWORD,
            machine=MACHINE,
            demo_port=7860,
            timeout_minutes=2,
            supplies=Supplies(rendered.second_stage),
            certificates=CertificateFile(ready.certificates),
            progress=lambda _: None,
            patience=Patience(poll=0.1),
        )
        yield ready
    finally:
        guests.close()
