from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import winrm

from localcloud.clock import Clock
from localcloud.guest.machine import WINRM_PORT
from localcloud.guest.runtime import LocalGuests
from localcloud.guests import GuestMachine

PASSWORD = "P@ss:word$`\"' 1"


def free_address() -> str:
    """A loopback address of its own for a test machine, far from the 127.0.1.x of other local clouds."""
    return f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that happens on the guests' thread."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.005)


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


def connect(machine: GuestMachine, password: str = PASSWORD, user: str = "Administrator") -> winrm.Session:
    return winrm.Session(
        f"https://{machine.address}:{WINRM_PORT}/wsman",
        auth=(user, password),
        transport="ntlm",
        server_cert_validation="ignore",
        proxy=None,
    )
