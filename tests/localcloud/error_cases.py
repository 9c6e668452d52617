"""What the tables of errors share: a case is a call that fails, and gives its code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from .conftest import ZONE, launch_request

Case = Callable[[Any], str]


HOURLY = {"InstanceChargeType": "POSTPAID_BY_HOUR"}


GONE = "ins-00000000"


def launch(**changes: Any) -> Case:
    """RunInstances as it works, with some changes that make it fail."""

    def case(cloud: Any) -> str:
        request = {**launch_request(), **changes}
        return str(cloud.error("cvm", "RunInstances", **{k: v for k, v in request.items() if v is not None}))

    return case


def call(service: str, action: str, **params: Any) -> Case:
    return lambda cloud: cloud.error(service, action, **params)


def raw(service: str, action: str, params: Any) -> Case:
    """A request that the SDK's models would not let through."""

    def case(cloud: Any) -> str:

        with pytest.raises(TencentCloudSDKException) as caught:
            cloud.sdk.call_json(service, action, params)
        return str(caught.value.code)

    return case


def on_machine(action: str, *, service: str = "cvm", many: bool = True, **params: Any) -> Case:
    """An action on a running spot machine."""

    def case(cloud: Any) -> str:
        instance_id = cloud.running()
        ids: dict[str, Any] = {"InstanceIds": [instance_id]} if many else {"InstanceId": instance_id}
        return str(cloud.error(service, action, **{**ids, **params}))

    return case


def disk(cloud: Any, **changes: Any) -> str:
    request = {
        "Placement": {"Zone": ZONE},
        "DiskChargeType": "POSTPAID_BY_HOUR",
        "DiskType": "CLOUD_SSD",
        "DiskSize": 20,
    }
    return str(cloud.call("cbs", "CreateDisks", **{**request, **changes})["DiskIdSet"][0])


def snapshot(cloud: Any, disk_id: str, wait: bool = True) -> str:
    snapshot_id = cloud.call("cbs", "CreateSnapshot", DiskId=disk_id)["SnapshotId"]
    if wait:
        cloud.pass_time(200)
    return str(snapshot_id)


def during_image(action: str, **params: Any) -> Case:
    def case(cloud: Any) -> str:
        instance_id = cloud.running()
        cloud.call("cvm", "CreateImage", InstanceId=instance_id, ImageName="one", ForcePoweroff="true")
        ids: dict[str, Any] = {"InstanceIds": [instance_id]} if action != "CreateImage" else {"InstanceId": instance_id}
        return str(cloud.error("cvm", action, **ids, **params))

    return case
