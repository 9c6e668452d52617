"""A local cloud that is really served, with the official SDK and the control client pointed at it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from localcloud.control_client import Control
from localcloud.sdk import Sdk
from localcloud.server import Server
from tests.waiting import HANG_SECONDS

WINDOWS_IMAGE = "img-m07ny34j"
LINUX_IMAGE = "img-l8og963d"
ZONE = "ap-guangzhou-6"
PASSWORD = "Canary-Pass-2022"


@dataclass
class Served:
    """A server in a thread of this process, with clients of both kinds."""

    server: Server
    thread: threading.Thread
    sdk: Sdk
    control: Control

    @classmethod
    def start(cls, data: Path, speed: float | None = 1.0, guests: Any = None) -> Served:
        """`guests` True: local guests run in the machines; else a runtime of the test's own, or none."""
        server = Server(data, 0, speed, guests=guests is True)
        if not isinstance(guests, bool | None):
            server.cloud.guests = guests
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        end = time.monotonic() + HANG_SECONDS
        while not server.started:
            assert thread.is_alive(), "the server's thread ended"
            assert time.monotonic() < end
            time.sleep(0.005)
        return cls(server, thread, Sdk(server.url, server.keys), Control(server.url))

    def stop(self) -> None:
        self.control.close()
        self.server.stop()
        self.thread.join(HANG_SECONDS)
        assert not self.thread.is_alive()

    def call(self, service: str, action: str, **params: Any) -> dict[str, Any]:
        return self.sdk.call(service, action, **params)

    def error(self, service: str, action: str, **params: Any) -> str:
        """The code that a call fails with."""
        with pytest.raises(TencentCloudSDKException) as caught:
            self.sdk.call(service, action, **params)
        return str(caught.value.code)

    def network(self, zone: str = ZONE) -> dict[str, Any]:
        """A VPC with a subnet in the zone, as RunInstances takes them."""
        vpc = self.call("vpc", "CreateVpc", VpcName="v", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = self.call("vpc", "CreateSubnet", VpcId=vpc, SubnetName="s", CidrBlock="10.0.1.0/24", Zone=zone)
        return {"VpcId": vpc, "SubnetId": subnet["Subnet"]["SubnetId"]}

    def launch(self, **changes: Any) -> str:
        """A spot T4 machine of the Chinese Windows image; `changes` to the request, None leaves a field out."""
        request = {**launch_request(), **changes}
        request = {name: value for name, value in request.items() if value is not None}
        return str(self.call("cvm", "RunInstances", **request)["InstanceIdSet"][0])

    def instance(self, instance_id: str) -> dict[str, Any] | None:
        found = self.call("cvm", "DescribeInstances", InstanceIds=[instance_id])["InstanceSet"]
        return found[0] if found else None

    def state(self, instance_id: str) -> str:
        found = self.instance(instance_id)
        return found["InstanceState"] if found else "gone"

    def running(self, **changes: Any) -> str:
        """A machine that has reached RUNNING."""
        instance_id = self.launch(**changes)
        self.pass_time(30)
        assert self.state(instance_id) == "RUNNING"
        return instance_id

    def image(self, instance_id: str, name: str = "kept", **changes: Any) -> str:
        """An image of the machine that has reached NORMAL; the machine runs again."""
        image_id = self.call(
            "cvm", "CreateImage", InstanceId=instance_id, ImageName=name, ForcePoweroff="true", **changes
        )["ImageId"]
        self.pass_time(600)
        self.pass_time(20)
        return str(image_id)

    def image_state(self, image_id: str) -> str:
        found = self.call("cvm", "DescribeImages", ImageIds=[image_id])["ImageSet"]
        return found[0]["ImageState"] if found else "gone"

    def pass_time(self, seconds: float) -> None:
        """Let cloud time pass; folders that are being copied are finished first, so that nothing waits for them."""
        self.settle()
        self.control.advance(seconds)
        self.settle()

    def settle(self) -> None:
        self.server.cloud.drives.settle()


def launch_request() -> dict[str, Any]:
    return {
        "Placement": {"Zone": ZONE},
        "InstanceType": "GN7.2XLARGE32",
        "InstanceChargeType": "SPOTPAID",
        "ImageId": WINDOWS_IMAGE,
        "SystemDisk": {"DiskType": "CLOUD_SSD", "DiskSize": 75},
        "InternetAccessible": {"InternetMaxBandwidthOut": 10, "PublicIpAssigned": True},
        "InstanceName": "chatglm",
        "HostName": "chatglm",
        "LoginSettings": {"Password": PASSWORD},
    }


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served.start(tmp_path_factory.mktemp("localcloud"))
    yield served
    served.stop()


@pytest.fixture
def cloud(_server: Served) -> Served:
    """An empty cloud with the settings of a new one. The server is shared: starting one costs more than a test."""
    _server.control.reset()
    _server.control.clear_faults()
    _server.control.set_speed(1)
    with _server.server.cloud.lock, _server.server.cloud.db.transaction():
        _server.server.cloud.db.settings_table.clear()
    _server.control.set_balance(1000)
    _server.settle()
    return _server
