"""`tencentcloud.instance.Instance`: a machine. How it is launched, read and deleted.

As dangerous as the official one: changes in place are in `instance_update`, and some of them reinstall the
system disk.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from localcloud.plugin import rules, tags
from localcloud.plugin.api import INTERNAL_ERROR, Api, ApiError, NotYet, OperationError, without_nones
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources import instance_update
from localcloud.plugin.resources.instance_calls import describe, disks_named, user_data
from localcloud.plugin.resources.instance_launch import POSTPAID, launch_request
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.schema import Traits, resource_schema

_RETRYABLE_AT_LAUNCH = (INTERNAL_ERROR,)
_TRAITS = Traits(
    computed=frozenset(
        {
            "antiDdosPackageId",
            "availabilityZone",
            "camRoleName",
            "cdhHostId",
            "cdhInstanceType",
            "dataDisks",
            "disableApiTermination",
            "hostname",
            "hpcClusterId",
            "imageId",
            "instanceChargeType",
            "instanceChargeTypePrepaidRenewFlag",
            "instanceName",
            "instanceType",
            "internetChargeType",
            "internetMaxBandwidthOut",
            "ipv4AddressType",
            "ipv6AddressCount",
            "ipv6AddressType",
            "keepImageLogin",
            "keyIds",
            "keyName",
            "orderlySecurityGroups",
            "placementGroupId",
            "privateIp",
            "projectId",
            "runningFlag",
            "securityGroups",
            "subnetId",
            "systemDiskId",
            "systemDiskName",
            "systemDiskSize",
            "systemDiskType",
            "tags",
            "userData",
            "userDataRaw",
            "vpcId",
        }
    ),
    sets=frozenset({"securityGroups", "keyIds"}),
    defaults={
        "allocatePublicIp": False,
        "disableAutomationService": False,
        "disableMonitorService": False,
        "disableSecurityService": False,
        "forceDelete": False,
        "userDataReplaceOnChange": False,
    },
    rules={
        "instanceName": rules.length(2, 128),
        "instanceType": rules.instance_type,
        "spotMaxPrice": rules.decimal,
        "spotInstanceType": rules.one_of(("ONE-TIME",)),
        "cdhInstanceType": rules.prefix("CDH_"),
        "stopType": rules.one_of(("SOFT_FIRST", "HARD", "SOFT")),
        "stoppedMode": rules.one_of(("KEEP_CHARGING", "STOP_CHARGING")),
        "instanceChargeType": rules.one_of((POSTPAID, "PREPAID", "SPOTPAID", "CDHPAID", "CDCPAID", "UNDERWRITE")),
        "instanceChargeTypePrepaidPeriod": rules.one_of((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 24, 36, 48, 60)),
        "instanceChargeTypePrepaidRenewFlag": rules.one_of(
            ("NOTIFY_AND_AUTO_RENEW", "NOTIFY_AND_MANUAL_RENEW", "DISABLE_NOTIFY_AND_MANUAL_RENEW")
        ),
        "internetChargeType": rules.one_of(
            ("BANDWIDTH_PREPAID", "TRAFFIC_POSTPAID_BY_HOUR", "BANDWIDTH_POSTPAID_BY_HOUR", "BANDWIDTH_PACKAGE")
        ),
        "ipv4AddressType": rules.one_of(("WanIP", "HighQualityEIP", "AntiDDoSEIP")),
        "ipv6AddressType": rules.one_of(("EIPv6", "HighQualityEIPv6")),
        "systemDiskType": rules.one_of(
            (
                "LOCAL_BASIC",
                "LOCAL_SSD",
                "CLOUD_BASIC",
                "CLOUD_SSD",
                "CLOUD_PREMIUM",
                "CLOUD_BSSD",
                "CLOUD_HSSD",
                "CLOUD_TSSD",
            )
        ),
    },
    conflicts={
        "orderlySecurityGroups": ("securityGroups",),
        "securityGroups": ("orderlySecurityGroups",),
        "userData": ("userDataRaw",),
        "userDataRaw": ("userData",),
        "keyName": ("keyIds",),
        "keyIds": ("keyName", "password"),
        "keepImageLogin": ("keyName", "keyIds", "password"),
    },
    any_of=(("imageId", "launchTemplateId"), ("availabilityZone", "launchTemplateId")),
    nested={
        "dataDisks": Traits(
            computed=frozenset({"dataDiskName", "dataDiskId", "kmsKeyId"}),
            defaults={
                "deleteWithInstance": True,
                "deleteWithInstancePrepaid": False,
                "encrypt": False,
                "throughputPerformance": 0,
            },
        )
    },
)


class Instance(Resource):
    schema = resource_schema("tencentcloud:Instance/instance:Instance", _TRAITS)
    create_timeout_seconds = 15 * 60

    @override
    def forces_replacement(self, name: str, wanted: Properties) -> bool:
        return name in ("userData", "userDataRaw") and bool(wanted.get("userDataReplaceOnChange"))

    @override
    def create(self, api: Api, wanted: Properties) -> str:
        answer = api.write("cvm", "RunInstances", also=_RETRYABLE_AT_LAUNCH, **launch_request(wanted))
        if not answer.get("InstanceIdSet"):
            raise OperationError("instance id is nil")
        return str(answer["InstanceIdSet"][0])

    @override
    def finish_creation(self, api: Api, identifier: str, wanted: Properties, timeout_seconds: float) -> None:
        api.retried(timeout_seconds, lambda: _raise_until_running(api, identifier), INTERNAL_ERROR)
        if wanted["tags"]:
            api.poll(api.patience.write_window, lambda: _raise_until_tagged(api, identifier, wanted["tags"]))
        if wanted["runningFlag"] is False:
            instance_update.stop(api, identifier, wanted)

    @override
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        machine = api.retried(api.patience.read_window, lambda: _raise_while_operating(api, identifier), INTERNAL_ERROR)
        if machine is None or machine["InstanceState"] == "LAUNCH_FAILED":
            return None
        images = [image["ImageId"] for image in api.read("cvm", "DescribeImages").get("ImageSet") or []]
        read = _described(machine)
        if not state.get("imageId") or machine.get("ImageId") not in images:
            read["imageId"] = machine.get("ImageId") or ""
        if state.get("allocatePublicIp") is None:
            read["allocatePublicIp"] = bool(machine.get("PublicIpAddresses"))
        read["tags"] = _own_tags(api, identifier)
        read |= disks_named(api, machine, state)
        read |= user_data(api, identifier)
        return read

    @override
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        instance_update.update(api, identifier, old, new, changed)

    @override
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        machine = describe(api, identifier)
        release = state.get("releaseAddress") or None
        api.write("cvm", "TerminateInstances", InstanceIds=[identifier], ReleaseAddress=release)
        if not _wait_for_recycle_bin(api, identifier):
            _wait_for_address(api, machine)
            return
        if not state.get("forceDelete"):
            return
        try:
            api.write(
                "cvm",
                "TerminateInstances",
                also=["OperationDenied.InstanceOperationInProgress"],
                InstanceIds=[identifier],
                ReleaseAddress=release,
            )
        except ApiError as error:
            if error.code != "InvalidInstanceState.Terminating":
                raise
        api.retried(5 * api.patience.read_window, lambda: _raise_while_there(api, identifier), INTERNAL_ERROR)
        _wait_for_address(api, machine)


def _raise_until_running(api: Api, identifier: str) -> None:
    machine = describe(api, identifier)
    if machine is None:
        # The official plug-in crashes here; a clear end is kinder and means the same.
        raise OperationError(f"cvm instance {identifier} vanished while it started")
    state = machine["InstanceState"]
    if state == "LAUNCH_FAILED":
        reason = machine.get("LatestOperationErrorMsg")
        told = f"Error msg: {reason}" if reason else "this resource will not be stored to tfstate and will auto removed"
        raise OperationError(f"cvm instance {identifier} launch failed. {told}.")
    if state != "RUNNING":
        raise NotYet(f"cvm instance status is {state}, retry...")


def _raise_until_tagged(api: Api, identifier: str, wanted: dict[str, str]) -> None:
    try:
        actual = tags.describe(api, "cvm", "instance", identifier)
    except ApiError as error:
        raise NotYet(str(error)) from error
    for key, value in wanted.items():
        if actual.get(key) != value:
            raise NotYet(f"tag({key}, {value}) modification is not completed")


def _raise_while_operating(api: Api, identifier: str) -> dict[str, Any] | None:
    machine = describe(api, identifier)
    if machine is not None and machine.get("LatestOperationState") == "OPERATING":
        raise NotYet(f"waiting for instance {identifier} operation")
    return machine


def _raise_while_there(api: Api, identifier: str) -> None:
    machine = describe(api, identifier)
    if machine is not None:
        raise NotYet(f"cvm instance status is {machine['InstanceState']}, retry...")


def _wait_for_recycle_bin(api: Api, identifier: str) -> bool:
    """Waits until the machine is gone (False) or lies in the recycle bin (True)."""

    def attempt() -> bool:
        machine = describe(api, identifier)
        if machine is None:
            return False
        if machine["InstanceState"] == "SHUTDOWN" and machine.get("LatestOperationState") != "OPERATING":
            return True
        raise NotYet(f"cvm instance status is {machine['InstanceState']}, retry...")

    return api.retried(5 * api.patience.read_window, attempt, INTERNAL_ERROR)


def _wait_for_address(api: Api, machine: dict[str, Any] | None) -> None:
    if not machine or not machine.get("PrivateIpAddresses"):
        return
    network = machine["VirtualPrivateCloud"]

    def attempt() -> None:
        used = api.call(
            "vpc",
            "DescribeUsedIpAddress",
            VpcId=network.get("VpcId"),
            SubnetId=network.get("SubnetId"),
            IpAddresses=machine["PrivateIpAddresses"],
            Offset=0,
            Limit=20,
        )
        if used.get("IpAddressStates"):
            raise NotYet("wait cvm private ip release...")

    api.retried(5 * api.patience.read_window, attempt, INTERNAL_ERROR)


def _own_tags(api: Api, identifier: str) -> dict[str, str]:
    found = tags.describe(api, "cvm", "instance", identifier)
    found.pop("tencentcloud:autoscaling:auto-scaling-group-id", None)  # put there by the cloud
    return found


def _described(machine: dict[str, Any]) -> Properties:
    internet, network = machine["InternetAccessible"], machine["VirtualPrivateCloud"]
    disk, login, groups = machine["SystemDisk"], machine["LoginSettings"], machine.get("SecurityGroupIds") or []
    keys = login.get("KeyIds") or []
    always: Properties = {
        "availabilityZone": machine["Placement"].get("Zone") or "",
        "dedicatedClusterId": machine.get("DedicatedClusterId") or "",
        "instanceName": machine.get("InstanceName") or "",
        "instanceType": machine.get("InstanceType") or "",
        "projectId": machine["Placement"].get("ProjectId") or 0,
        "instanceChargeType": machine["InstanceChargeType"],
        "instanceChargeTypePrepaidRenewFlag": machine.get("RenewFlag") or "",
        "internetChargeType": internet.get("InternetChargeType") or "",
        "internetMaxBandwidthOut": internet.get("InternetMaxBandwidthOut") or 0,
        "vpcId": network.get("VpcId") or "",
        "subnetId": network.get("SubnetId") or "",
        "securityGroups": groups,
        "orderlySecurityGroups": groups,
        "systemDiskType": disk.get("DiskType") or "",
        "systemDiskSize": disk.get("DiskSize") or 0,
        "systemDiskId": disk.get("DiskId") or "",
        "instanceStatus": machine["InstanceState"],
        "createTime": machine.get("CreatedTime") or "",
        "expiredTime": machine.get("ExpiredTime") or "",
        "camRoleName": machine.get("CamRoleName") or "",
        "disableApiTermination": bool(machine.get("DisableApiTermination")),
        "cpu": machine.get("CPU") or 0,
        "memory": machine.get("Memory") or 0,
        "osName": machine.get("OsName") or "",
        "hpcClusterId": machine.get("HpcClusterId") or "",
        "ipv6Addresses": machine.get("IPv6Addresses") or [],
        "publicIpv6Addresses": machine.get("PublicIPv6Addresses") or [],
        "keyName": keys[0] if keys else "",
        "keyIds": keys,
        "runningFlag": machine["InstanceState"] != "STOPPED",
    }
    keep = login.get("KeepImageLogin")
    when_told = without_nones(
        uuid=machine.get("Uuid"),
        placementGroupId=machine.get("DisasterRecoverGroupId"),
        cdhInstanceType=machine.get("InstanceType") if machine["InstanceChargeType"] == "CDHPAID" else None,
        ipv4AddressType=internet.get("IPv4AddressType"),
        ipv6AddressType=internet.get("IPv6AddressType"),
        antiDdosPackageId=internet.get("AntiDDoSPackageId"),
        ipv6AddressCount=network.get("Ipv6AddressCount"),
        privateIp=next(iter(machine.get("PrivateIpAddresses") or []), None),
        publicIp=next(iter(machine.get("PublicIpAddresses") or []), None),
        keepImageLogin=None if keep is None else keep == "TRUE",
    )
    return always | when_told


RESOURCE = Instance()
