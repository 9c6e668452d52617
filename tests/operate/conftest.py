"""A ready machine of the local guest, and a local cloud without machines' insides, both for the whole folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from localcloud.control_client import Control
from operate import app as commands
from operate import channel, stacks
from operate.stacks import Stack
from rehearsal.environment import ROOT
from tencent.access import Access
from tencent.cloud import Cloud
from tools.throwaway import MACHINE, PASSWORD, ReadyMachine, local_cloud, ready_machine

REGION = "ap-guangzhou"


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadyMachine]:
    with ready_machine(tmp_path_factory.mktemp("guest")) as ready:
        yield ready


@pytest.fixture
def stack(guest: ReadyMachine, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The guest's stack, as an update would have left it."""
    monkeypatch.setattr(channel, "known_certificates", lambda: guest.certificates)
    return make_stack(
        outputs={
            "machineId": MACHINE,
            "address": guest.address,
            "zone": "ap-guangzhou-3",
            "demoUrl": f"http://{guest.address}:7860",
            "rdpAddress": f"{guest.address}:3389",
            "demoUser": "chatglm",
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
    with local_cloud(data, "--no-guests") as port:
        yield port, data


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
        monkeypatch.setattr(stacks, "open_stack", lambda _name, **_: stack)
        return CliRunner().invoke(commands.app, list(arguments), input=input, env={"COLUMNS": "200"})

    return run
