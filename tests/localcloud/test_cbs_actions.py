"""Every action of the disks' service, called through the official SDK's own client and models."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import ZONE
from .uses import actions_of, check_use, use


def data_disk(cloud: Any, **changes: Any) -> str:
    request = {
        "Placement": {"Zone": ZONE},
        "DiskChargeType": "POSTPAID_BY_HOUR",
        "DiskType": "CLOUD_SSD",
        "DiskSize": 20,
        "DiskName": "data",
        **changes,
    }
    return str(cloud.call("cbs", "CreateDisks", **request)["DiskIdSet"][0])


def disk_state(cloud: Any, disk_id: str) -> str:
    found = cloud.call("cbs", "DescribeDisks", DiskIds=[disk_id])["DiskSet"]
    return found[0]["DiskState"] if found else "gone"


def attached(cloud: Any) -> tuple[str, str]:
    instance_id, disk_id = cloud.running(), data_disk(cloud)
    cloud.call("cbs", "AttachDisks", InstanceId=instance_id, DiskIds=[disk_id])
    cloud.pass_time(5)
    return instance_id, disk_id


def snapshot(cloud: Any, disk_id: str) -> str:
    snapshot_id = cloud.call("cbs", "CreateSnapshot", DiskId=disk_id, SnapshotName="s")["SnapshotId"]
    cloud.pass_time(200)
    return str(snapshot_id)


@use("cbs", "CreateDisks")
def create_disks(cloud: Any) -> dict[str, Any]:
    answer = cloud.call(
        "cbs",
        "CreateDisks",
        Placement={"Zone": ZONE},
        DiskChargeType="POSTPAID_BY_HOUR",
        DiskType="CLOUD_PREMIUM",
        DiskSize=50,
        DiskCount=2,
        ClientToken="once",
    )
    assert len(answer["DiskIdSet"]) == 2
    again = cloud.call(
        "cbs",
        "CreateDisks",
        Placement={"Zone": ZONE},
        DiskChargeType="POSTPAID_BY_HOUR",
        DiskType="CLOUD_PREMIUM",
        DiskSize=50,
        DiskCount=2,
        ClientToken="once",
    )
    assert again["DiskIdSet"] == answer["DiskIdSet"]
    return answer


@use("cbs", "DescribeDisks")
def describe_disks(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.launch()
    answer = cloud.call("cbs", "DescribeDisks", Filters=[{"Name": "instance-id", "Values": [instance_id]}])
    assert [disk["DiskUsage"] for disk in answer["DiskSet"]] == ["SYSTEM_DISK"]
    return answer


@use("cbs", "AttachDisks")
def attach_disks(cloud: Any) -> dict[str, Any]:
    instance_id, disk_id = cloud.running(), data_disk(cloud)
    answer = cloud.call("cbs", "AttachDisks", InstanceId=instance_id, DiskIds=[disk_id])
    assert disk_state(cloud, disk_id) == "ATTACHING"
    cloud.pass_time(5)
    assert disk_state(cloud, disk_id) == "ATTACHED"
    return answer


@use("cbs", "DetachDisks")
def detach_disks(cloud: Any) -> dict[str, Any]:
    instance_id, disk_id = attached(cloud)
    answer = cloud.call("cbs", "DetachDisks", InstanceId=instance_id, DiskIds=[disk_id])
    cloud.pass_time(5)
    assert disk_state(cloud, disk_id) == "UNATTACHED"
    return answer


@use("cbs", "TerminateDisks")
def terminate_disks(cloud: Any) -> dict[str, Any]:
    disk_id = data_disk(cloud)
    answer = cloud.call("cbs", "TerminateDisks", DiskIds=[disk_id])
    assert disk_state(cloud, disk_id) == "TORECYCLE"
    assert cloud.control.meter().items == []
    cloud.call("cbs", "TerminateDisks", DiskIds=[disk_id])
    assert disk_state(cloud, disk_id) == "gone"
    return answer


@use("cbs", "ResizeDisk")
def resize_disk(cloud: Any) -> dict[str, Any]:
    disk_id = data_disk(cloud)
    answer = cloud.call("cbs", "ResizeDisk", DiskId=disk_id, DiskSize=30)
    assert cloud.control.disks()[0].size_gb == 30
    assert cloud.control.meter().hourly_cny == pytest.approx(30 * 0.0025)
    return answer


@use("cbs", "ModifyDiskAttributes")
def modify_disk_attributes(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("cbs", "ModifyDiskAttributes", DiskIds=[data_disk(cloud)], DiskName="other")
    assert cloud.control.disks()[0].name == "other"
    return answer


@use("cbs", "ApplySnapshot")
def apply_snapshot(cloud: Any) -> dict[str, Any]:
    disk_id = data_disk(cloud)
    cloud.settle()
    file = cloud.server.cloud.drives.disk(disk_id) / "file"
    file.write_text("before", encoding="utf-8")
    snapshot_id = snapshot(cloud, disk_id)
    file.write_text("after", encoding="utf-8")
    answer = cloud.call("cbs", "ApplySnapshot", SnapshotId=snapshot_id, DiskId=disk_id)
    cloud.settle()
    assert file.read_text(encoding="utf-8") == "before"
    return answer


@use("cbs", "CreateSnapshot")
def create_snapshot(cloud: Any) -> dict[str, Any]:
    disk_id = data_disk(cloud)
    answer = cloud.call("cbs", "CreateSnapshot", DiskId=disk_id, SnapshotName="s")
    cloud.pass_time(100)
    assert cloud.control.snapshots()[0].state == "NORMAL"
    return answer


@use("cbs", "DescribeSnapshots")
def describe_snapshots(cloud: Any) -> dict[str, Any]:
    image_id = cloud.image(cloud.running())
    answer = cloud.call("cbs", "DescribeSnapshots")
    assert answer["SnapshotSet"][0]["Images"] == [{"ImageName": "kept", "ImageId": image_id}]
    return answer


@use("cbs", "DeleteSnapshots")
def delete_snapshots(cloud: Any) -> dict[str, Any]:
    cloud.image(cloud.running())
    snapshot_id = cloud.control.snapshots()[0].id
    answer = cloud.call("cbs", "DeleteSnapshots", SnapshotIds=[snapshot_id], DeleteBindImages=True)
    assert (cloud.control.images(), cloud.control.snapshots()) == ([], [])
    return answer


@use("cbs", "ModifySnapshotAttribute")
def modify_snapshot_attribute(cloud: Any) -> dict[str, Any]:
    snapshot_id = snapshot(cloud, data_disk(cloud))
    answer = cloud.call("cbs", "ModifySnapshotAttribute", SnapshotId=snapshot_id, SnapshotName="other")
    assert cloud.control.snapshots()[0].name == "other"
    return answer


@use("cbs", "DescribeSnapshotOverview")
def describe_snapshot_overview(cloud: Any) -> dict[str, Any]:
    cloud.image(cloud.running())
    cloud.control.set_settings(snapshot_free_gb=50)
    answer = cloud.call("cbs", "DescribeSnapshotOverview")
    assert (answer["TotalNums"], answer["TotalSize"], answer["FreeQuota"], answer["RealTradeSize"]) == (1, 60, 50, 10)
    return answer


@use("cbs", "DescribeDiskConfigQuota")
def describe_disk_config_quota(cloud: Any) -> dict[str, Any]:
    answer = cloud.call(
        "cbs",
        "DescribeDiskConfigQuota",
        InquiryType="INQUIRY_CVM_CONFIG",
        Zones=[ZONE],
        InstanceFamilies=["GN7"],
        DiskTypes=["CLOUD_SSD"],
        DiskUsage="SYSTEM_DISK",
    )
    config = answer["DiskConfigSet"][0]
    assert (config["MinDiskSize"], config["MaxDiskSize"], config["StepSize"]) == (20, 2048, 1)
    return answer


@use("cbs", "InquiryPriceCreateDisks")
def inquiry_price_create_disks(cloud: Any) -> dict[str, Any]:
    answer = cloud.call(
        "cbs", "InquiryPriceCreateDisks", DiskChargeType="POSTPAID_BY_HOUR", DiskType="CLOUD_SSD", DiskSize=75
    )
    assert float(answer["DiskPrice"]["UnitPriceHigh"]) == pytest.approx(75 * 0.0025)
    return answer


@pytest.mark.parametrize(("service", "action"), actions_of("cbs"))
def test_action(cloud: Any, service: str, action: str) -> None:
    check_use(cloud, service, action)
