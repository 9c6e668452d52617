"""Changes of a living machine in place, in the order and with the calls of the official plug-in.

Beware of `_reset`: a changed image, login or agent setting reinstalls the system disk, and the preview shows it
as a plain update. A rehearsal must be as dangerous as the real thing.
"""

from __future__ import annotations

import base64
from typing import Any

from localcloud.plugin import tags
from localcloud.plugin.api import INTERNAL_ERROR, Api, NotYet, OperationError, without_nones
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.instance_calls import describe, wait_for_operation
from localcloud.plugin.resources.instance_launch import POSTPAID, enhanced_service, login_settings

_REINSTALLING = frozenset(
    {"imageId", "disableSecurityService", "disableMonitorService", "disableAutomationService", "keepImageLogin"}
)
_ADJUSTABLE = ("TRAFFIC_POSTPAID_BY_HOUR", "BANDWIDTH_POSTPAID_BY_HOUR", "BANDWIDTH_PACKAGE")


def update(api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
    """Applies all changes; raises at the first that fails, and what came before stays changed."""
    machine = describe(api, identifier)
    if machine is None:
        raise OperationError(
            f"runtime error: invalid memory address or nil pointer dereference (the machine {identifier} does not "
            "exist any more: the official plug-in crashes here; run `pulumi refresh` first)"
        )
    _change_charge(api, identifier, machine, new, changed)
    _modify_attributes(api, identifier, new, changed)
    if changed & _REINSTALLING:
        _reset(api, identifier, new)
    else:
        _change_login(api, identifier, old, new, changed)
    _change_data_disks(api, old, new, changed)
    if "runningFlag" in changed:
        (start if new["runningFlag"] else stop)(api, identifier, new)
    _change_system_disk(api, identifier, new, changed)
    if "instanceType" in changed:
        api.call(
            "cvm", "ResetInstancesType", InstanceIds=[identifier], InstanceType=new["instanceType"], ForceStop=True
        )
        wait_for_operation(api, identifier, 2)
    _move(api, identifier, new, changed)
    _change_tags(api, identifier, old, new)
    _change_bandwidth(api, identifier, new, changed)
    _change_user_data(api, identifier, new, changed)


def start(api: Api, identifier: str, wanted: Properties) -> None:  # noqa: ARG001 - the same shape as `stop`
    """Switches the machine on and waits until it runs."""
    api.call("cvm", "StartInstances", InstanceIds=[identifier])
    _wait_for_state(api, identifier, "RUNNING")


def stop(api: Api, identifier: str, wanted: Properties) -> None:
    """Switches the machine off and waits until it stands."""
    api.call(
        "cvm",
        "StopInstances",
        InstanceIds=[identifier],
        StopType=wanted["stopType"] or None,
        StoppedMode=wanted["stoppedMode"] or None,
    )
    _wait_for_state(api, identifier, "STOPPED")


def _wait_for_state(api: Api, identifier: str, wanted: str) -> None:
    def attempt() -> None:
        machine = describe(api, identifier)
        if machine is None:
            raise OperationError(f"instance {identifier} not found")
        if machine["InstanceState"] != wanted:
            raise NotYet(f"cvm instance status is {machine['InstanceState']}, retry...")

    api.retried(2 * api.patience.read_window, attempt, INTERNAL_ERROR)


def _change_charge(
    api: Api, identifier: str, machine: dict[str, Any], new: Properties, changed: frozenset[str]
) -> None:
    wanted = new["instanceChargeType"] or POSTPAID
    type_changed = "instanceChargeType" in changed and wanted != machine["InstanceChargeType"]
    if type_changed or "instanceChargeTypePrepaidPeriod" in changed:
        prepaid = without_nones(
            Period=new["instanceChargeTypePrepaidPeriod"] or None,
            RenewFlag=new["instanceChargeTypePrepaidRenewFlag"] or None,
        )
        api.call(
            "cvm",
            "ModifyInstancesChargeType",
            InstanceIds=[identifier],
            InstanceChargeType=wanted,
            InstanceChargePrepaid=prepaid or None,
        )
        wait_for_operation(api, identifier, 5)
    elif "instanceChargeTypePrepaidRenewFlag" in changed:
        flag = new["instanceChargeTypePrepaidRenewFlag"]
        api.call("cvm", "ModifyInstancesRenewFlag", InstanceIds=[identifier], RenewFlag=flag)
        wait_for_operation(api, identifier, 2)


def _modify_attributes(api: Api, identifier: str, new: Properties, changed: frozenset[str]) -> None:
    for name, field in (
        ("instanceName", "InstanceName"),
        ("hostname", "HostName"),
        ("disableApiTermination", "DisableApiTermination"),
        ("camRoleName", "CamRoleName"),
        ("securityGroups", "SecurityGroups"),
        ("orderlySecurityGroups", "SecurityGroups"),
    ):
        if name in changed:
            api.call("cvm", "ModifyInstancesAttribute", InstanceIds=[identifier], **{field: new[name]})
    if "projectId" in changed:
        api.call("cvm", "ModifyInstancesProject", InstanceIds=[identifier], ProjectId=new["projectId"])


def _reset(api: Api, identifier: str, new: Properties) -> None:
    """Reinstalls the system disk. Nothing of what is on it stays."""
    api.call(
        "cvm",
        "ResetInstance",
        InstanceId=identifier,
        ImageId=new["imageId"] or None,
        EnhancedService=enhanced_service(new),
        LoginSettings=login_settings(new),
    )


def _change_login(api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
    if "password" in changed:
        password = new["password"] or ""
        api.call("cvm", "ResetInstancesPassword", InstanceIds=[identifier], Password=password, ForceStop=True)
        wait_for_operation(api, identifier, 2)
    for name in ("keyName", "keyIds"):
        if name not in changed:
            continue
        before, after = _keys(old.get(name)), _keys(new[name])
        for action, keys in (
            ("DisassociateInstancesKeyPairs", [key for key in before if key not in after]),
            ("AssociateInstancesKeyPairs", [key for key in after if key not in before]),
        ):
            if keys:
                api.call("cvm", action, InstanceIds=[identifier], KeyIds=keys, ForceStop=True)
                wait_for_operation(api, identifier, 2)


def _keys(value: str | list[str] | None) -> list[str]:
    return [key for key in ([value] if isinstance(value, str) else value or []) if key]


def _change_data_disks(api: Api, old: Properties, new: Properties, changed: frozenset[str]) -> None:
    if "dataDisks" not in changed:
        return
    before, after = old.get("dataDisks") or [], new["dataDisks"] or []
    if len(before) != len(after):
        change = f"({len(before)} -> {len(after)})"
        raise OperationError(f"error: data disk count has changed {change} but doesn't support add or remove for now")
    for was, wanted in zip(before, after, strict=True):
        if was["dataDiskSize"] != wanted["dataDiskSize"]:
            api.call("cbs", "ResizeDisk", DiskId=was["dataDiskId"], DiskSize=wanted["dataDiskSize"])
        if was.get("dataDiskName") != wanted.get("dataDiskName"):
            api.call("cbs", "ModifyDiskAttributes", DiskIds=[was["dataDiskId"]], DiskName=wanted["dataDiskName"])


def _change_system_disk(api: Api, identifier: str, new: Properties, changed: frozenset[str]) -> None:
    size, kind = new["systemDiskSize"], new["systemDiskType"]
    if changed & {"systemDiskSize", "systemDiskType"}:
        api.call(
            "cvm",
            "ResizeInstanceDisks",
            InstanceId=identifier,
            ForceStop=True,
            SystemDisk={"DiskSize": size, "DiskType": kind},
            ResizeOnline=new["systemDiskResizeOnline"],
        )

        def attempt() -> None:
            machine = describe(api, identifier)
            disk = machine["SystemDisk"] if machine else {}
            if disk and (disk["DiskType"] != kind or disk["DiskSize"] != size):
                raise NotYet("waiting for expanding success")

        api.retried(api.patience.read_window, attempt)
    if "systemDiskName" in changed:
        api.call("cbs", "ModifyDiskAttributes", DiskIds=[new["systemDiskId"]], DiskName=new["systemDiskName"])


def _move(api: Api, identifier: str, new: Properties, changed: frozenset[str]) -> None:
    if not changed & {"vpcId", "subnetId", "privateIp"}:
        return
    network = {"VpcId": new["vpcId"], "SubnetId": new["subnetId"]}
    if new["privateIp"]:
        network["PrivateIpAddresses"] = [new["privateIp"]]
    api.call("cvm", "ModifyInstancesVpcAttribute", InstanceIds=[identifier], VirtualPrivateCloud=network)


def _change_tags(api: Api, identifier: str, old: Properties, new: Properties) -> None:
    before, after = old.get("tags"), new["tags"]
    tags.replace(api, "cvm", "instance", identifier, before, after)
    disks = [new["systemDiskId"], *(disk["dataDiskId"] for disk in new["dataDisks"] or [])]
    for disk in disks:
        if disk:
            tags.replace(api, "cvm", "volume", disk, before, after)


def _change_bandwidth(api: Api, identifier: str, new: Properties, changed: frozenset[str]) -> None:
    if "internetMaxBandwidthOut" not in changed:
        return
    charge = new["internetChargeType"]
    if charge not in _ADJUSTABLE:
        raise OperationError(
            f"charge type should be one of `{' '.join(_ADJUSTABLE)}` when adjusting internet_max_bandwidth_out"
        )
    access = {"InternetChargeType": charge, "InternetMaxBandwidthOut": new["internetMaxBandwidthOut"]}
    api.call("cvm", "ResetInstancesInternetMaxBandwidth", InstanceIds=[identifier], InternetAccessible=access)
    wait_for_operation(api, identifier, 2)


def _change_user_data(api: Api, identifier: str, new: Properties, changed: frozenset[str]) -> None:
    coded = {
        "userData": new["userData"],
        "userDataRaw": base64.b64encode((new["userDataRaw"] or "").encode("utf-8")).decode("ascii"),
    }
    for name, data in coded.items():
        if name in changed:
            api.call("cvm", "ModifyInstancesAttribute", InstanceIds=[identifier], UserData=data)
            wait_for_operation(api, identifier, 2)
