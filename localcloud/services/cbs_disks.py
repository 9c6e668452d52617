"""Cloud disks: bought apart from a machine or seen as part of one."""

from __future__ import annotations

from typing import Any

from localcloud.call import Call
from localcloud.catalogue import DISK_TYPES, INSTANCE_TYPES, ZONES, disk_price
from localcloud.clock import china_time
from localcloud.cloud import Cloud, transition
from localcloud.errors import ApiError
from localcloud.query import page, select
from localcloud.records import ClientToken, Disk
from localcloud.registry import action
from localcloud.rules import check_length
from localcloud.services.cvm_orders import check_balance, check_disk_size
from localcloud.services.tags import read_tags, tag_list

MAX_DISKS_A_CALL = 100


def own_disks(cloud: Cloud, call: Call, ids: list[str]) -> list[Disk]:
    """The caller's disks with these ids. Raises ApiError for an unknown one."""
    found = []
    for disk_id in dict.fromkeys(ids):
        disk = cloud.db.disks.get(disk_id)
        if disk is None or disk.region != call.region:
            raise ApiError("InvalidDiskId.NotFound", f"The disk {disk_id[:40]} does not exist.")
        found.append(disk)
    return found


def _answer(cloud: Cloud, disk: Disk) -> dict[str, Any]:
    snapshots = [item for item in cloud.db.snapshots if item.disk_id == disk.disk_id]
    return {
        "DeleteWithInstance": disk.delete_with_instance,
        "RenewFlag": "NOTIFY_AND_MANUAL_RENEW",
        "DiskType": disk.disk_type,
        "DiskState": disk.state,
        "SnapshotCount": len(snapshots),
        "AutoRenewFlagError": False,
        "Rollbacking": False,
        "InstanceIdList": [],
        "Encrypt": False,
        "DiskName": disk.name,
        "BackupDisk": False,
        "Tags": tag_list(disk.tags),
        "InstanceId": disk.instance_id,
        "AttachMode": "PF",
        "AutoSnapshotPolicyIds": [],
        "ThroughputPerformance": 0,
        "Migrating": False,
        "DiskId": disk.disk_id,
        "SnapshotSize": sum(item.used_gb for item in snapshots),
        "Placement": {"Zone": disk.zone, "ProjectId": disk.project_id},
        "IsReturnable": disk.usage == "DATA_DISK",
        "DeadlineTime": "",
        "Attached": disk.state == "ATTACHED",
        "DiskSize": disk.size_gb,
        "MigratePercent": 0,
        "DiskUsage": disk.usage,
        "DiskChargeType": "POSTPAID_BY_HOUR",
        "Portable": disk.portable,
        "SnapshotAbility": True,
        "DeadlineError": False,
        "RollbackPercent": 100,
        "DifferDaysOfDeadline": 0,
        "ReturnFailCode": 0,
        "Shareable": False,
        "CreateTime": china_time(disk.created),
        "DeleteSnapshot": 0,
        "DiskBackupQuota": 0,
        "DiskBackupCount": 0,
        "InstanceType": "CVM" if disk.instance_id else "",
        "LastAttachInsId": disk.last_instance_id,
        "ErrorPrompt": "",
        "KmsKeyId": "",
        "BurstPerformance": False,
    }


@action("cbs", "DescribeDisks")
def describe_disks(cloud: Cloud, call: Call) -> dict[str, Any]:
    def machine(disk: Disk) -> list[str]:
        instance = cloud.db.instances.get(disk.instance_id)
        return [instance.name] if instance else []

    found = select(
        call.params,
        [disk for disk in cloud.db.disks if disk.region == call.region],
        {
            "disk-usage": lambda d: d.usage,
            "disk-charge-type": lambda _: "POSTPAID_BY_HOUR",
            "portable": lambda d: str(d.portable).upper(),
            "project-id": lambda d: str(d.project_id),
            "disk-id": lambda d: d.disk_id,
            "disk-name": lambda d: d.name,
            "disk-type": lambda d: d.disk_type,
            "disk-state": lambda d: d.state,
            "instance-id": lambda d: d.instance_id,
            "instance-name": machine,
            "zone": lambda d: d.zone,
        },
        ids="DiskIds",
        read_id=lambda d: d.disk_id,
        tags=lambda d: d.tags,
    )
    return {"TotalCount": len(found), "DiskSet": [_answer(cloud, disk) for disk in page(call.params, found)]}


@action("cbs", "CreateDisks", "Placement.Zone", "DiskChargeType", "DiskType")
def create_disks(cloud: Cloud, call: Call) -> dict[str, Any]:
    params, db = call.params, cloud.db
    token = f"{call.caller.account}/{call.region}/cbs/{params['ClientToken']}" if params.get("ClientToken") else ""
    if token in db.client_tokens:
        return {"DiskIdSet": list(db.client_tokens[token].ids)}
    zone = ZONES.get(params["Placement"]["Zone"])
    if zone is None or zone.region != call.region:
        raise ApiError("InvalidParameterValue", f"The zone is not in {call.region}.")
    if params["DiskChargeType"] != "POSTPAID_BY_HOUR":
        raise ApiError("InvalidParameterValue", "The local cloud sells disks POSTPAID_BY_HOUR only.")
    check_length("DiskName", params.get("DiskName", ""), 60, "InvalidParameterValue.LimitExceeded")
    snapshot = None
    if params.get("SnapshotId"):
        snapshot = db.snapshots.get(params["SnapshotId"])
        if snapshot is None or snapshot.region != call.region:
            raise ApiError("InvalidSnapshotId.NotFound", f"The snapshot {params['SnapshotId'][:40]} does not exist.")
    if snapshot is None and "DiskSize" not in params:
        raise ApiError("MissingParameter", "Give `DiskSize` or `SnapshotId`.")
    size = params.get("DiskSize", snapshot.size_gb if snapshot else 0)
    check_disk_size(params["DiskType"], size, system=False)
    if snapshot is not None and size < snapshot.size_gb:
        raise ApiError("InvalidParameter.DiskSizeNotMatch", f"The snapshot has {snapshot.size_gb} GB, the disk {size}.")
    count = params.get("DiskCount", 1)
    if not 1 <= count <= MAX_DISKS_A_CALL:
        raise ApiError("InvalidParameterValue.LimitExceeded", f"`DiskCount` must be 1 to {MAX_DISKS_A_CALL}.")
    check_balance(cloud, call.time, disk_price(zone.name, params["DiskType"], size) * count)
    tags = read_tags(params.get("Tags"))
    ids = []
    for _ in range(count):
        disk = Disk(
            disk_id=cloud.new_id("disk"),
            region=call.region,
            zone=zone.name,
            disk_type=params["DiskType"],
            size_gb=size,
            used_gb=snapshot.used_gb if snapshot else 0,
            usage="DATA_DISK",
            name=params.get("DiskName", "未命名"),
            created=call.time,
            snapshot_id=snapshot.snapshot_id if snapshot else "",
            project_id=params["Placement"].get("ProjectId", 0),
            tags=tags,
            ready=False,
        )
        db.disks.put(disk)
        cloud.billing.bill_disk(disk, call.time)
        cloud.fill_disk(disk)
        ids.append(disk.disk_id)
    if token:
        db.client_tokens.put(ClientToken(token, tuple(ids)))
    return {"DiskIdSet": ids}


@action("cbs", "AttachDisks", "InstanceId", "DiskIds")
def attach_disks(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    instance = cloud.db.instances.get(params["InstanceId"])
    if instance is None or instance.region != call.region:
        raise ApiError("InvalidInstanceId.NotFound", f"The machine {params['InstanceId'][:40]} does not exist.")
    disks = own_disks(cloud, call, params["DiskIds"])
    for disk in disks:
        if disk.instance_id:
            raise ApiError("InvalidDisk.AlreadyBound", f"{disk.disk_id} is attached to {disk.instance_id}.")
        if disk.state != "UNATTACHED":
            raise ApiError("InvalidDisk.Busy", f"{disk.disk_id} is {disk.state}.")
        if disk.zone != instance.zone:
            raise ApiError("ResourceUnavailable.ZoneNotMatch", f"{disk.disk_id} is in {disk.zone}.")
    for disk in disks:
        cloud.db.disks.change(
            disk.disk_id,
            state="ATTACHING",
            instance_id=instance.instance_id,
            delete_with_instance=params.get("DeleteWithInstance", False),
        )
        cloud.schedule("disk-attached", disk.disk_id, call.time, cloud.db.settings.attach_seconds)
    return {}


@transition("disk-attached")
def _attached(cloud: Cloud, disk_id: str, at: float) -> None:  # noqa: ARG001
    if disk_id in cloud.db.disks and cloud.db.disks[disk_id].state == "ATTACHING":
        cloud.db.disks.change(disk_id, state="ATTACHED")


@action("cbs", "DetachDisks", "DiskIds")
def detach_disks(cloud: Cloud, call: Call) -> dict[str, Any]:
    disks = own_disks(cloud, call, call.params["DiskIds"])
    for disk in disks:
        if disk.usage == "SYSTEM_DISK" or not disk.portable:
            raise ApiError("InvalidDisk.NotPortable", f"{disk.disk_id} cannot be detached.")
        if disk.state != "ATTACHED":
            raise ApiError("InvalidDisk.Busy", f"{disk.disk_id} is {disk.state}, not ATTACHED.")
        if call.params.get("InstanceId", disk.instance_id) != disk.instance_id:
            raise ApiError("InvalidParameterValue", f"{disk.disk_id} is attached to {disk.instance_id}.")
    for disk in disks:
        cloud.db.disks.change(disk.disk_id, state="DETACHING")
        cloud.schedule("disk-detached", disk.disk_id, call.time, cloud.db.settings.attach_seconds)
    return {}


@transition("disk-detached")
def _detached(cloud: Cloud, disk_id: str, at: float) -> None:  # noqa: ARG001
    disk = cloud.db.disks.get(disk_id)
    if disk is not None and disk.state == "DETACHING":
        cloud.db.disks.change(disk_id, state="UNATTACHED", instance_id="", last_instance_id=disk.instance_id)


@action("cbs", "TerminateDisks", "DiskIds")
def terminate_disks(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The first call puts a disk into the recycle bin, where it costs nothing; the second one deletes it."""
    disks = own_disks(cloud, call, call.params["DiskIds"])
    for disk in disks:
        if disk.state not in ("UNATTACHED", "TORECYCLE"):
            raise ApiError("ResourceUnavailable.Attached", f"{disk.disk_id} is {disk.state}; detach it first.")
    for disk in disks:
        cloud.billing.end(disk.disk_id, call.time)
        if disk.state == "TORECYCLE":
            _delete(cloud, disk.disk_id)
        else:
            cloud.db.disks.change(disk.disk_id, state="TORECYCLE")
            cloud.schedule("disk-recycled", disk.disk_id, call.time, cloud.db.settings.recycle_seconds)
    return {}


@transition("disk-recycled")
def _recycled(cloud: Cloud, disk_id: str, at: float) -> None:  # noqa: ARG001
    _delete(cloud, disk_id)


def _delete(cloud: Cloud, disk_id: str) -> None:
    cloud.unschedule(disk_id)
    cloud.db.disks.delete(disk_id)
    cloud.after(lambda: cloud.drives.remove_disk(disk_id))


@action("cbs", "ResizeDisk", "DiskId", "DiskSize")
def resize_disk(cloud: Cloud, call: Call) -> dict[str, Any]:
    disk = own_disks(cloud, call, [call.params["DiskId"]])[0]
    size = call.params["DiskSize"]
    instance = cloud.db.instances.get(disk.instance_id)
    if instance is not None and instance.charge_type == "SPOTPAID":
        raise ApiError("InvalidInstance.NotSupported", "The disks of spot machines cannot grow.")
    check_disk_size(disk.disk_type, size, disk.usage == "SYSTEM_DISK")
    if size <= disk.size_gb:
        raise ApiError("InvalidParameterValue", f"A disk can only grow; it has {disk.size_gb} GB.")
    cloud.billing.bill_disk(cloud.db.disks.change(disk.disk_id, size_gb=size), call.time)
    return {}


@action("cbs", "ModifyDiskAttributes", "DiskIds")
def modify_disk_attributes(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    changes: dict[str, Any] = {}
    if "DiskName" in params:
        check_length("DiskName", params["DiskName"], 60, "InvalidParameterValue.LimitExceeded")
        changes["name"] = params["DiskName"]
    for name, field in (
        ("DeleteWithInstance", "delete_with_instance"),
        ("ProjectId", "project_id"),
        ("Portable", "portable"),
    ):
        if name in params:
            changes[field] = params[name]
    if not changes:
        raise ApiError("MissingParameter", "Give at least one attribute to change.")
    for disk in own_disks(cloud, call, params["DiskIds"]):
        cloud.db.disks.change(disk.disk_id, **changes)
    return {}


@action("cbs", "ApplySnapshot", "SnapshotId", "DiskId")
def apply_snapshot(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Roll a disk back to one of its snapshots; its machine must be off."""
    disk = own_disks(cloud, call, [call.params["DiskId"]])[0]
    snapshot = cloud.db.snapshots.get(call.params["SnapshotId"])
    if snapshot is None or snapshot.region != call.region:
        raise ApiError("InvalidSnapshotId.NotFound", f"The snapshot {call.params['SnapshotId'][:40]} does not exist.")
    if snapshot.disk_id != disk.disk_id:
        raise ApiError("InvalidSnapshot.NotSupported", f"{snapshot.snapshot_id} is not of {disk.disk_id}.")
    if snapshot.state != "NORMAL":
        raise ApiError("ResourceUnavailable.SnapshotCreating", f"{snapshot.snapshot_id} is {snapshot.state}.")
    instance = cloud.db.instances.get(disk.instance_id)
    if instance is not None and instance.state != "STOPPED":
        raise ApiError("UnsupportedOperation.InstanceNotStopped", f"{instance.instance_id} is {instance.state}.")
    cloud.roll_back(disk, snapshot.snapshot_id, disk.instance_id)
    return {}


@action("cbs", "DescribeDiskConfigQuota", "InquiryType")
def describe_disk_config_quota(cloud: Cloud, call: Call) -> dict[str, Any]:  # noqa: ARG001
    """Which disks can be bought, their sizes and the price of the smallest, in each zone asked for."""
    params = call.params
    inquiry = params["InquiryType"]
    if inquiry not in ("INQUIRY_CBS_CONFIG", "INQUIRY_CVM_CONFIG"):
        raise ApiError("InvalidParameterValue", "`InquiryType` is INQUIRY_CBS_CONFIG or INQUIRY_CVM_CONFIG.")
    if inquiry == "INQUIRY_CVM_CONFIG" and not params.get("Zones"):
        raise ApiError("MissingParameter", "INQUIRY_CVM_CONFIG needs `Zones`.")
    zones = params.get("Zones") or [zone.name for zone in ZONES.values() if zone.region == call.region]
    families = params.get("InstanceFamilies") or ([""] if inquiry == "INQUIRY_CBS_CONFIG" else _families())
    usages = [params["DiskUsage"]] if params.get("DiskUsage") else ["SYSTEM_DISK", "DATA_DISK"]
    configs = []
    for zone in zones:
        if zone not in ZONES or ZONES[zone].region != call.region:
            raise ApiError("InvalidParameterValue", f"The zone {zone[:40]!r} is not in {call.region}.")
        for family in families:
            for name in params.get("DiskTypes") or list(DISK_TYPES):
                configs += [_config(zone, family, name, usage) for usage in usages if name in DISK_TYPES]
    return {"DiskConfigSet": configs}


def _families() -> list[str]:
    return list(dict.fromkeys(item.family for item in INSTANCE_TYPES.values()))


def _config(zone: str, family: str, name: str, usage: str) -> dict[str, Any]:
    kind = DISK_TYPES[name]
    system = usage == "SYSTEM_DISK"
    smallest = kind.system_min if system else kind.data_min
    price = float(disk_price(zone, name, smallest))
    return {
        "Available": True,
        "DiskChargeType": "POSTPAID_BY_HOUR",
        "Zone": zone,
        "InstanceFamily": family,
        "DiskType": name,
        "StepSize": 1 if system else kind.data_step,
        "ExtraPerformanceRange": [0, 0],
        "DeviceClass": "",
        "DiskUsage": usage,
        "MinDiskSize": smallest,
        "MaxDiskSize": kind.system_max if system else kind.data_max,
        "Price": {"UnitPrice": price, "UnitPriceDiscount": price, "ChargeUnit": "HOUR"},
    }
