"""The plug-in as the engine runs it: a process that prints a port, stays small, and ends when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from localcloud.plugin import resources
from localcloud.plugin.schema import package
from tests.localcloud.plugin.conftest import CONFIGURATION, Plugin
from tests.localcloud.plugin.machines import ID, INPUTS, READING, URN, described, found
from tests.localcloud.plugin.small_cloud import ScriptedCloud
from tests.waiting import HANG_SECONDS

LAUNCHER = Path(resources.__file__).parents[1] / "pulumi-resource-tencentcloud"
PEAK_MIB = 150


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        **os.environ,
        "CHATGLM_PYTHON": sys.executable,
        "TENCENTCLOUD_SECRET_ID": "AKIDEXAMPLE",
        "TENCENTCLOUD_SECRET_KEY": "example",
        "TENCENTCLOUD_PROTOCOL": "HTTP",
    }


@pytest.fixture
def process(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], ScriptedCloud]]:
    """The plug-in, started through a link in a folder of its own as `make` sets it up."""
    link = tmp_path / LAUNCHER.name
    link.symlink_to(LAUNCHER)
    script = {"RunInstances": {"InstanceIdSet": [ID]}, "DescribeInstances": found(described()), **READING}
    with ScriptedCloud(**script) as cloud:
        environment["HTTP_PROXY"] = cloud.url
        child = subprocess.Popen([link, "127.0.0.1:1"], stdout=subprocess.PIPE, env=environment, cwd=tmp_path)
        yield child, cloud
        child.kill()
        child.wait()


def test_it_prints_its_port_serves_and_ends_with_sigterm(
    process: tuple[subprocess.Popen[bytes], ScriptedCloud],
) -> None:
    child, _ = process
    assert child.stdout is not None
    plugin = Plugin(int(child.stdout.readline()))
    assert plugin.call("GetPluginInfo") == {"version": "0.2.3"}
    plugin.close()
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=HANG_SECONDS) == 0


def test_its_memory_stays_small(process: tuple[subprocess.Popen[bytes], ScriptedCloud]) -> None:
    child, _ = process
    assert child.stdout is not None
    plugin = Plugin(int(child.stdout.readline()))
    plugin.call("Configure", CONFIGURATION)
    assert plugin.call("Create", {"urn": URN, "properties": INPUTS})["id"] == ID
    plugin.call("GetSchema")
    plugin.close()
    assert psutil.Process(child.pid).memory_info().rss < PEAK_MIB * 1024 * 1024


def test_a_cancelled_operation_stops_waiting(process: tuple[subprocess.Popen[bytes], ScriptedCloud]) -> None:
    child, cloud = process
    assert child.stdout is not None
    plugin = Plugin(int(child.stdout.readline()))
    plugin.call("Configure", CONFIGURATION)

    def pending_then_cancel(_: object) -> dict[str, object]:
        plugin.call("Cancel")
        return found(described(InstanceState="PENDING"))

    cloud.script("DescribeInstances", pending_then_cancel)
    error = plugin.failure("Create", {"urn": URN, "properties": INPUTS})
    assert "cancelled" in error.details()
    plugin.close()


def test_every_resource_of_the_schema_is_there_or_listed_as_missing() -> None:
    # The recordings say nothing about key pairs, and the project has no use for them.
    assert set(package()["resources"]) - set(resources.MODULES) == {"tencentcloud:Key/pair:Pair"}
