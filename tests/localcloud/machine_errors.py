"""Errors about machines, commands, and calls in general."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from localcloud import registry
from localcloud.control_client import ControlError
from localcloud.sdk import Sdk
from localcloud.signature import Keys

from .conftest import LINUX_IMAGE, ZONE
from .error_cases import GONE, HOURLY, Case, call, during_image, on_machine, raw


def in_state(state: str) -> Case:
    """Starting a machine that is in that state."""

    def case(cloud: Any) -> str:
        instance_id = cloud.launch()
        if state != "PENDING":
            cloud.pass_time(30)
        if state == "SHUTDOWN":
            cloud.control.set_settings(recycle_bin=True)
        for action in {
            "STOPPING": ["StopInstances"],
            "STARTING": ["StopInstances", "StartInstances"],
            "REBOOTING": ["RebootInstances"],
            "TERMINATING": ["TerminateInstances"],
            "SHUTDOWN": ["TerminateInstances"],
        }.get(state, []):
            if action == "StartInstances":
                cloud.pass_time(10)
            cloud.call("cvm", action, InstanceIds=[instance_id])
        assert cloud.state(instance_id) == state
        return str(cloud.error("cvm", "StartInstances", InstanceIds=[instance_id]))

    return case


def stopped_machine(cloud: Any) -> str:
    instance_id = cloud.running()
    cloud.call("cvm", "StopInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    return str(cloud.error("cvm", "StopInstances", InstanceIds=[instance_id]))


def failed_launch(cloud: Any) -> str:
    cloud.control.fault("RunInstances", "late_failure")
    instance_id = cloud.launch()
    cloud.pass_time(30)
    return str(cloud.error("cvm", "StartInstances", InstanceIds=[instance_id]))


def protected(cloud: Any) -> str:
    instance_id = cloud.running(DisableApiTermination=True)
    return str(cloud.error("cvm", "TerminateInstances", InstanceIds=[instance_id]))


def reclaim_hourly(cloud: Any) -> str:
    instance_id = cloud.running(**HOURLY)
    with pytest.raises(ControlError, match="not a spot machine"):
        cloud.control.reclaim(instance_id)
    return "InvalidInstance.NotSupported"


def run_command(**changes: Any) -> Case:
    def case(cloud: Any) -> str:
        off = changes.get("agent") is False
        service = {"EnhancedService": {"AutomationService": {"Enabled": False}}} if off else {}
        instance_id = cloud.launch(**service) if changes.get("pending") else cloud.running(**service)
        request = {"Content": base64.b64encode(b"x").decode(), "InstanceIds": [instance_id]}
        extra = {key: value for key, value in changes.items() if key not in ("agent", "pending")}
        return str(cloud.error("tat", "RunCommand", **{**request, **extra}))

    return case


def with_sdk(**changes: Any) -> Case:
    """A call with other keys or another region."""

    def case(cloud: Any) -> str:

        keys = cloud.server.keys
        wrong = Keys(changes.get("secret_id", keys.secret_id), changes.get("secret_key", keys.secret_key))
        sdk = Sdk(cloud.server.url, wrong, changes.get("region", "ap-guangzhou"))
        if "token" in changes:
            sdk._credential.token = changes["token"]
        if "version" in changes:
            sdk.client("cvm")._apiVersion = changes["version"]
        with pytest.raises(TencentCloudSDKException) as caught:
            sdk.call("cvm", "DescribeZones")
        return str(caught.value.code)

    return case


def throttled(cloud: Any) -> str:
    cloud.control.fault("DescribeZones", "throttle")
    return str(cloud.error("cvm", "DescribeZones"))


def a_mistake_of_ours(cloud: Any) -> str:
    broken = registry.ApiAction("cvm", "DescribeHosts", (), lambda *_: {"NoSuchField": 1})
    registry._ACTIONS["cvm", "DescribeHosts"] = broken
    try:
        return str(cloud.error("cvm", "DescribeHosts"))
    finally:
        del registry._ACTIONS["cvm", "DescribeHosts"]


MACHINE_ERRORS: list[tuple[str, Case]] = [
    ("AuthFailure.SecretIdNotFound", with_sdk(secret_id="AKIDwrong")),
    ("AuthFailure.SignatureFailure", with_sdk(secret_key="wrong")),
    ("AuthFailure.TokenFailure", with_sdk(token="temporary")),
    ("InternalError", a_mistake_of_ours),
    ("InvalidAction", raw("cvm", "NoSuchAction", {})),
    ("InvalidFilter", call("cvm", "DescribeInstances", Filters=[{"Name": "colour", "Values": ["red"]}])),
    ("InvalidFilterValue.LimitExceeded", call("cvm", "DescribeInstances", Filters=[{"Name": "zone"}] * 11)),
    ("InvalidInstance.NotSupported", reclaim_hourly),
    ("InvalidInstanceId.Malformed", call("cvm", "TerminateInstances", InstanceIds=["x"])),
    ("InvalidInstanceId.NotFound", call("cvm", "TerminateInstances", InstanceIds=[GONE])),
    ("InvalidParameter", raw("cvm", "DescribeInstances", {"Limit": "20"})),
    ("InvalidParameterValue", call("cvm", "DescribeInstances", Limit=101)),
    ("InvalidParameterValue", call("cvm", "DescribeInstances", Offset=-1)),
    ("InvalidParameterValue.CommandContentInvalid", run_command(Content="?")),
    (
        "InvalidParameterValue.InvalidPassword",
        on_machine("ResetInstancesPassword", Password="Administrator-1", ForceStop=True),
    ),
    ("InvalidParameterValue.LimitExceeded", call("cvm", "StopInstances", InstanceIds=[GONE] * 101)),
    ("MissingParameter", call("cvm", "TerminateInstances", InstanceIds=[])),
    ("MissingParameter.AtLeastOne", on_machine("ModifyInstancesAttribute")),
    ("NoSuchVersion", with_sdk(version="2016-01-01")),
    ("OperationDenied.InstanceOperationInProgress", during_image("TerminateInstances")),
    ("RequestLimitExceeded", throttled),
    ("ResourceNotFound.InstanceNotFound", run_command(InstanceIds=[GONE])),
    ("ResourceUnavailable.AgentNotInstalled", run_command(agent=False)),
    ("ResourceUnavailable.InstanceStateNotRunning", run_command(pending=True)),
    ("UnknownParameter", raw("cvm", "DescribeInstances", {"Colour": "red"})),
    ("UnknownParameter", raw("cvm", "RunInstances", {"Placement": {"Zone": ZONE, "Planet": "Mars"}})),
    ("UnsupportedOperation", call("cvm", "DescribeHosts")),
    ("UnsupportedOperation.InstanceChargeType", on_machine("ResetInstance", many=False, ImageId=LINUX_IMAGE)),
    ("UnsupportedOperation.InstanceChargeType", on_machine("ResizeInstanceDisks", many=False)),
    ("UnsupportedOperation.InstanceChargeType", on_machine("ResetInstancesType", InstanceType="GN7.5XLARGE80")),
    ("UnsupportedOperation.InstanceStateLaunchFailed", failed_launch),
    ("UnsupportedOperation.InstanceStatePending", in_state("PENDING")),
    ("UnsupportedOperation.InstanceStateRebooting", in_state("REBOOTING")),
    ("UnsupportedOperation.InstanceStateRunning", in_state("RUNNING")),
    ("UnsupportedOperation.InstanceStateShutdown", in_state("SHUTDOWN")),
    ("UnsupportedOperation.InstanceStateStarting", in_state("STARTING")),
    ("UnsupportedOperation.InstanceStateStopped", stopped_machine),
    ("UnsupportedOperation.InstanceStateStopping", in_state("STOPPING")),
    ("UnsupportedOperation.InstanceStateTerminating", in_state("TERMINATING")),
    ("UnsupportedOperation.InstancesProtected", protected),
    ("UnsupportedOperation.StoppedModeStopCharging", on_machine("StopInstances", StoppedMode="STOP_CHARGING")),
    ("UnsupportedRegion", with_sdk(region="ap-mars")),
]
