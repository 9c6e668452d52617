"""Errors about disks, snapshots and images."""

from __future__ import annotations

from typing import Any

from .conftest import WINDOWS_IMAGE, ZONE
from .error_cases import HOURLY, Case, call, disk, during_image, launch, on_machine, snapshot


def new_disk(**changes: Any) -> Case:
    request = {
        "Placement": {"Zone": ZONE},
        "DiskChargeType": "POSTPAID_BY_HOUR",
        "DiskType": "CLOUD_SSD",
        "DiskSize": 20,
    }
    return call("cbs", "CreateDisks", **{**request, **changes})


def image_twice(cloud: Any) -> str:
    instance_id = cloud.running()
    cloud.image(instance_id, "same")
    return str(cloud.error("cvm", "CreateImage", InstanceId=instance_id, ImageName="same"))


def image_quota(cloud: Any) -> str:
    cloud.control.set_quota("image", 0)
    return on_machine("CreateImage", many=False, ImageName="one")(cloud)


def creating_image(action: str) -> Case:
    def case(cloud: Any) -> str:
        image_id = cloud.call("cvm", "CreateImage", InstanceId=cloud.running(), ImageName="one")["ImageId"]
        if action == "RunInstances":
            return launch(ImageId=image_id)(cloud)
        return str(cloud.error("cvm", "DeleteImages", ImageIds=[image_id], DeleteBindedSnap=True))

    return case


def image_of_snapshots(*usages: str, wait: bool = True) -> Case:
    def case(cloud: Any) -> str:
        ids = []
        for usage in usages:
            if usage == "SYSTEM_DISK":
                cloud.running()
                disk_id = cloud.control.disks()[-1].id
            else:
                disk_id = disk(cloud)
            ids.append(snapshot(cloud, disk_id, wait))
        return str(cloud.error("cvm", "CreateImage", ImageName="one", SnapshotIds=ids))

    return case


def foreign_disk(action: str, key: str) -> Case:
    def case(cloud: Any) -> str:
        instance_id = cloud.running(**HOURLY)
        stranger = disk(cloud)
        if action == "CreateImage":
            return str(cloud.error("cvm", action, InstanceId=instance_id, ImageName="one", DataDiskIds=[stranger]))
        orders = [{"DiskId": stranger, "DiskSize": 100}]
        return str(cloud.error("cvm", action, InstanceId=instance_id, ForceStop=True, **{key: orders}))

    return case


def root_disk(cloud: Any) -> str:
    instance_id = cloud.running()
    root = cloud.control.disks()[0].id
    return str(cloud.error("cvm", "CreateImage", InstanceId=instance_id, ImageName="one", DataDiskIds=[root]))


def attach(**changes: Any) -> Case:
    def case(cloud: Any) -> str:
        instance_id = cloud.running()
        request = {"InstanceId": instance_id, "DiskIds": [disk(cloud, **changes.pop("disk", {}))]}
        if changes.pop("twice", False):
            cloud.call("cbs", "AttachDisks", **request)
        return str(cloud.error("cbs", "AttachDisks", **{**request, **changes}))

    return lambda cloud: case(cloud)


def detach_system(cloud: Any) -> str:
    cloud.running()
    return str(cloud.error("cbs", "DetachDisks", DiskIds=[cloud.control.disks()[0].id]))


def terminate_attached(cloud: Any) -> str:
    cloud.running()
    return str(cloud.error("cbs", "TerminateDisks", DiskIds=[cloud.control.disks()[0].id]))


def attach_recycled(cloud: Any) -> str:
    disk_id = disk(cloud)
    cloud.call("cbs", "TerminateDisks", DiskIds=[disk_id])
    return str(cloud.error("cbs", "AttachDisks", InstanceId=cloud.running(), DiskIds=[disk_id]))


def roll_back_running(cloud: Any) -> str:
    cloud.running()
    disk_id = cloud.control.disks()[0].id
    return str(cloud.error("cbs", "ApplySnapshot", DiskId=disk_id, SnapshotId=snapshot(cloud, disk_id)))


def roll_back_other(cloud: Any) -> str:
    one, two = disk(cloud), disk(cloud)
    return str(cloud.error("cbs", "ApplySnapshot", DiskId=two, SnapshotId=snapshot(cloud, one)))


def roll_back_creating(cloud: Any) -> str:
    cloud.running()
    disk_id = cloud.control.disks()[0].id
    return str(cloud.error("cbs", "ApplySnapshot", DiskId=disk_id, SnapshotId=snapshot(cloud, disk_id, wait=False)))


def disk_below_snapshot(cloud: Any) -> str:
    snapshot_id = snapshot(cloud, disk(cloud, DiskSize=50))
    return new_disk(SnapshotId=snapshot_id, DiskSize=20)(cloud)


def snapshot_of_image(cloud: Any) -> str:
    cloud.image(cloud.running())
    return str(cloud.error("cbs", "DeleteSnapshots", SnapshotIds=[cloud.control.snapshots()[0].id]))


def snapshot_creating(cloud: Any) -> str:
    cloud.running()
    snapshot_id = snapshot(cloud, cloud.control.disks()[0].id, wait=False)
    return str(cloud.error("cbs", "DeleteSnapshots", SnapshotIds=[snapshot_id]))


STORAGE_ERRORS: list[tuple[str, Case]] = [
    ("ImageQuotaLimitExceeded", image_quota),
    ("InvalidDisk.AlreadyBound", attach(twice=True)),
    ("InvalidDisk.Busy", attach_recycled),
    ("InvalidDisk.NotPortable", detach_system),
    ("InvalidDiskId.NotFound", call("cbs", "ResizeDisk", DiskId="disk-00000000", DiskSize=100)),
    (
        "InvalidFilterValue.LimitExceeded",
        call("cvm", "DescribeImages", Filters=[{"Name": "image-id", "Values": ["x"] * 6}]),
    ),
    ("InvalidImageId.IncorrectState", creating_image("RunInstances")),
    ("InvalidImageId.IncorrectState", creating_image("DeleteImages")),
    ("InvalidImageId.NotFound", call("cvm", "DeleteImages", ImageIds=[WINDOWS_IMAGE])),
    ("InvalidImageName.Duplicate", image_twice),
    ("InvalidParameter.DataDiskIdContainsRootDisk", root_disk),
    ("InvalidParameter.DataDiskNotBelongSpecifiedInstance", foreign_disk("CreateImage", "")),
    ("InvalidParameter.DataDiskNotBelongSpecifiedInstance", foreign_disk("ResizeInstanceDisks", "DataDisks")),
    ("InvalidParameter.DiskConfigNotSupported", new_disk(DiskType="CLOUD_BASIC")),
    ("InvalidParameter.DiskSizeNotMatch", disk_below_snapshot),
    ("InvalidParameter.DuplicateSystemSnapshots", image_of_snapshots("SYSTEM_DISK", "SYSTEM_DISK")),
    ("InvalidParameter.ImageIdsSnapshotIdsMustOne", call("cvm", "CreateImage", ImageName="x")),
    (
        "InvalidParameter.InvalidParameterCoexistImageIdsFilters",
        call("cvm", "DescribeImages", ImageIds=[WINDOWS_IMAGE], Filters=[{"Name": "platform", "Values": ["x"]}]),
    ),
    ("InvalidParameter.SnapshotNotFound", call("cvm", "CreateImage", ImageName="x", SnapshotIds=["snap-0"])),
    ("InvalidParameter.SystemSnapshotNotFound", image_of_snapshots("DATA_DISK")),
    (
        "InvalidParameterValue",
        call(
            "cbs",
            "InquiryPriceCreateDisks",
            DiskChargeType="POSTPAID_BY_HOUR",
            DiskType="CLOUD_SSD",
            DiskSize=2**70,
        ),
    ),
    ("InvalidParameterValue.Range", new_disk(DiskSize=25)),
    ("InvalidParameterValue.TooLong", on_machine("CreateImage", many=False, ImageName="x" * 61)),
    ("InvalidSnapshot.NotSupported", roll_back_other),
    ("InvalidSnapshotId.NotFound", call("cbs", "DeleteSnapshots", SnapshotIds=["snap-00000000"])),
    ("MutexOperation.TaskRunning", during_image("CreateImage", ImageName="two")),
    ("ResourceUnavailable.Attached", terminate_attached),
    ("ResourceUnavailable.SnapshotCreating", roll_back_creating),
    ("ResourceUnavailable.SnapshotCreating", image_of_snapshots("SYSTEM_DISK", wait=False)),
    ("ResourceUnavailable.ZoneNotMatch", attach(disk={"Placement": {"Zone": "ap-guangzhou-4"}})),
    ("UnsupportedOperation.InstanceNotStopped", roll_back_running),
    ("UnsupportedOperation.SnapshotHasBindedImage", snapshot_of_image),
    ("UnsupportedOperation.StateError", snapshot_creating),
]
