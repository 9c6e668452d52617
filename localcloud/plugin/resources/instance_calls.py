"""Calls about one machine that creation, reading and updating share."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from localcloud.plugin.api import INTERNAL_ERROR, Api, NotYet, OperationError
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.disk_calls import describe_disks


def describe(api: Api, identifier: str) -> dict[str, Any] | None:
    """The machine as the cloud describes it, or None. One try."""
    found = api.call("cvm", "DescribeInstances", InstanceIds=[identifier]).get("InstanceSet") or []
    return found[0] if found else None


def wait_for_operation(api: Api, identifier: str, read_windows: int) -> None:
    """Waits until no operation runs on the machine. The official plug-in first sleeps ten seconds."""
    api.patience.pause()

    def attempt() -> None:
        machine = describe(api, identifier)
        if machine is None:
            raise OperationError(f"{identifier} not exists")
        state = machine.get("LatestOperationState")
        if state is None:
            raise NotYet("wait for operation update")
        if state == "OPERATING":
            raise NotYet(f"waiting for instance {identifier} operation")
        if state == "FAILED":
            raise OperationError("failed operation")

    api.retried(read_windows * api.patience.read_window, attempt, INTERNAL_ERROR)


def disks_named(api: Api, machine: dict[str, Any], state: Properties) -> Properties:
    """The names of the machine's disks, which only the disk service knows, and the list of its data disks."""
    read: Properties = {}
    system = machine["SystemDisk"].get("DiskId") or ""
    if system.startswith("disk-"):
        named = {disk["DiskId"]: disk for disk in _settled_disks(api, [system])}
        if system in named:
            read["systemDiskName"] = named[system]["DiskName"]
    attached = [disk for disk in machine.get("DataDisks") or [] if (disk.get("DiskId") or "").startswith("disk-")]
    if not attached:
        return {**read, "dataDisks": []}
    described = {disk["DiskId"]: disk for disk in _settled_disks(api, [disk["DiskId"] for disk in attached])}
    order = [disk.get("dataDiskId") for disk in state.get("dataDisks") or []]
    attached.sort(key=lambda disk: order.index(disk["DiskId"]) if disk["DiskId"] in order else len(order))
    read["dataDisks"] = [_data_disk(disk, described.get(disk["DiskId"], {})) for disk in attached]
    return read


def user_data(api: Api, identifier: str) -> Properties:
    """The machine's user data, coded and plain."""
    answer = api.read("cvm", "DescribeInstancesAttributes", Attributes=["UserData"], InstanceIds=[identifier])
    for machine in (answer.get("InstanceSet") or [])[:1]:
        coded = (machine.get("Attributes") or {}).get("UserData")
        if coded is None:
            break
        try:
            plain = base64.b64decode(coded, validate=True).decode("utf-8", "replace")
        except binascii.Error as error:
            raise OperationError(f"the user data of {identifier} is not base64: {error}") from error
        return {"userData": coded, "userDataRaw": plain}
    return {}


def _settled_disks(api: Api, identifiers: list[str]) -> list[dict[str, Any]]:
    def attempt() -> list[dict[str, Any]]:
        disks = describe_disks(api, identifiers)
        if any(disk.get("DiskState") == "EXPANDING" for disk in disks):
            raise NotYet("data_disk is expending")
        return disks

    return api.retried(api.patience.read_window, attempt)


def _data_disk(disk: dict[str, Any], described: dict[str, Any]) -> Properties:
    return {
        "dataDiskId": disk["DiskId"],
        "dataDiskName": described.get("DiskName") or "",
        "dataDiskSize": described.get("DiskSize") or disk["DiskSize"],
        "dataDiskSnapshotId": disk.get("SnapshotId") or "",
        "dataDiskType": disk["DiskType"],
        "deleteWithInstance": bool(disk.get("DeleteWithInstance")),
        "deleteWithInstancePrepaid": False,
        "encrypt": bool(disk.get("Encrypt")),
        "kmsKeyId": disk.get("KmsKeyId") or "",
        "throughputPerformance": disk.get("ThroughputPerformance") or 0,
    }
