"""Faults of each kind: what the client sees, and what the cloud did all the same."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from localcloud.control_client import ControlError


def create_group(cloud: Any) -> str:
    """Try to make a group; the error's code, or nothing."""
    try:
        cloud.call("vpc", "CreateSecurityGroup", GroupName="g", GroupDescription="d")
    except TencentCloudSDKException as error:
        return str(error.code)
    return ""


def groups(cloud: Any) -> int:
    return int(cloud.call("vpc", "DescribeSecurityGroups")["TotalCount"])


@pytest.mark.parametrize(
    ("kind", "options", "code", "made"),
    [
        ("error", {"code": "InternalError"}, "InternalError", 0),
        ("throttle", {}, "RequestLimitExceeded", 0),
        ("cut_before", {}, "ClientNetworkError", 0),
        ("cut_after", {}, "ClientNetworkError", 1),
        ("lost_answer", {}, "ServerNetworkError", 1),
        ("slow", {"seconds": 0.2}, "", 1),
    ],
)
def test_a_fault(cloud: Any, kind: str, options: dict[str, Any], code: str, made: int) -> None:
    cloud.control.fault("CreateSecurityGroup", kind, **options)
    begun = time.monotonic()
    assert create_group(cloud) == code
    assert time.monotonic() - begun >= options.get("seconds", 0)
    assert groups(cloud) == made
    assert create_group(cloud) == ""
    assert groups(cloud) == made + 1


def test_a_launch_that_fails_late(cloud: Any) -> None:
    cloud.control.fault("RunInstances", "late_failure")
    instance_id = cloud.launch()
    assert cloud.state(instance_id) == "PENDING"
    cloud.pass_time(30)
    found = cloud.instance(instance_id)
    assert (found["InstanceState"], found["LatestOperationState"]) == ("LAUNCH_FAILED", "FAILED")
    assert found["LatestOperationErrorMsg"]
    assert cloud.control.meter().items == []


def test_an_image_that_fails_late_leaves_the_machine_running_and_no_snapshot(cloud: Any) -> None:
    instance_id = cloud.running()
    cloud.control.fault("CreateImage", "late_failure")
    image_id = cloud.image(instance_id)
    assert cloud.image_state(image_id) == "CREATEFAILED"
    assert cloud.state(instance_id) == "RUNNING"
    assert cloud.control.snapshots() == []
    cloud.call("cvm", "DeleteImages", ImageIds=[image_id])
    assert cloud.control.images() == []


def test_faults_can_come_several_times_and_after_some_calls(cloud: Any) -> None:
    cloud.control.fault("CreateSecurityGroup", "throttle", skip=1, times=2)
    codes = [create_group(cloud) for _ in range(4)]
    assert codes == ["", "RequestLimitExceeded", "RequestLimitExceeded", ""]


def test_faults_can_last_for_ever_until_they_are_cleared(cloud: Any) -> None:
    cloud.control.fault("CreateSecurityGroup", "error", code="InternalError", times=-1)
    assert [create_group(cloud) for _ in range(5)] == ["InternalError"] * 5
    cloud.control.clear_faults()
    assert create_group(cloud) == ""


def test_faults_queue_up(cloud: Any) -> None:
    cloud.control.fault("CreateSecurityGroup", "error", code="InternalError")
    cloud.control.fault("CreateSecurityGroup", "throttle")
    assert [create_group(cloud) for _ in range(3)] == ["InternalError", "RequestLimitExceeded", ""]


def test_a_fault_can_be_for_one_service_and_any_action(cloud: Any) -> None:
    cloud.control.fault("*", "throttle", service="cbs", times=-1)
    assert cloud.error("cbs", "DescribeDisks") == "RequestLimitExceeded"
    assert cloud.error("cbs", "DescribeSnapshots") == "RequestLimitExceeded"
    assert cloud.call("cvm", "DescribeInstances")["TotalCount"] == 0


def test_all_mistakes_in_a_fault_are_told_at_once(cloud: Any) -> None:
    with pytest.raises(ControlError) as caught:
        cloud.control.fault("", "explode", times=0, skip=-1, seconds=1e9)
    for word in ("action", "kind", "times", "skip", "seconds"):
        assert f"{word}:" in str(caught.value)


def test_a_fault_is_in_the_journal(cloud: Any) -> None:
    cloud.control.fault("CreateSecurityGroup", "cut_before")
    create_group(cloud)
    cloud.control.fault("CreateSecurityGroup", "cut_after")
    create_group(cloud)
    assert [call.error for call in cloud.control.journal()] == ["(connection cut)", None]
