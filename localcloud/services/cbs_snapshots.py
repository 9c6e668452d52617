"""Snapshots: of disks, and behind images."""

from __future__ import annotations

from typing import Any

from localcloud.call import Call
from localcloud.clock import china_time
from localcloud.cloud import Cloud, transition
from localcloud.errors import ApiError
from localcloud.query import page, select
from localcloud.records import Snapshot
from localcloud.registry import action
from localcloud.rules import check_length
from localcloud.services.cbs_disks import own_disks
from localcloud.services.cvm_images import delete_image
from localcloud.services.tags import read_tags, tag_list


def _answer(cloud: Cloud, snapshot: Snapshot, now: float) -> dict[str, Any]:
    images = [image for image in cloud.images(snapshot.region) if snapshot.snapshot_id in image.snapshot_ids]
    percent = 100
    if snapshot.state != "NORMAL" and snapshot.seconds > 0:
        percent = min(99, int(100 * (now - snapshot.created) / snapshot.seconds))
    return {
        "Placement": {"Zone": snapshot.zone, "ProjectId": snapshot.project_id},
        "CopyFromRemote": False,
        "SnapshotState": snapshot.state,
        "IsPermanent": True,
        "SnapshotName": snapshot.name,
        "DeadlineTime": "",
        "Percent": percent,
        "Images": [{"ImageName": image.name, "ImageId": image.image_id} for image in images],
        "ShareReference": 0,
        "SnapshotType": "PRIVATE_SNAPSHOT",
        "DiskSize": snapshot.size_gb,
        "DiskId": snapshot.disk_id,
        "CopyingToRegions": [],
        "Encrypt": False,
        "CreateTime": china_time(snapshot.created),
        "ImageCount": len(images),
        "DiskUsage": snapshot.disk_usage,
        "SnapshotId": snapshot.snapshot_id,
        "TimeStartShare": "",
        "Tags": tag_list(snapshot.tags),
        "IsLocked": False,
    }


@action("cbs", "DescribeSnapshots")
def describe_snapshots(cloud: Cloud, call: Call) -> dict[str, Any]:
    own = [item for item in cloud.db.snapshots if item.region == call.region]
    for snapshot_id in call.params.get("SnapshotIds") or []:
        if snapshot_id not in cloud.db.snapshots:
            public = cloud.find_snapshot(snapshot_id, call.region)
            own += [public] if public else []
    found = select(
        call.params,
        own,
        {
            "snapshot-id": lambda s: s.snapshot_id,
            "snapshot-name": lambda s: s.name,
            "snapshot-state": lambda s: s.state,
            "disk-usage": lambda s: s.disk_usage,
            "project-id": lambda s: str(s.project_id),
            "disk-id": lambda s: s.disk_id,
            "zone": lambda s: s.zone,
            "encrypt": lambda _: "FALSE",
            "snapshot-type": lambda _: "PRIVATE_SNAPSHOT",
        },
        ids="SnapshotIds",
        read_id=lambda s: s.snapshot_id,
        tags=lambda s: s.tags,
    )
    answers = [_answer(cloud, snapshot, call.time) for snapshot in page(call.params, found)]
    return {"TotalCount": len(found), "SnapshotSet": answers}


@action("cbs", "CreateSnapshot", "DiskId")
def create_snapshot(cloud: Cloud, call: Call) -> dict[str, Any]:
    disk = own_disks(cloud, call, [call.params["DiskId"]])[0]
    if disk.state not in ("ATTACHED", "UNATTACHED"):
        raise ApiError("InvalidDisk.Busy", f"{disk.disk_id} is {disk.state}.")
    name = call.params.get("SnapshotName", "未命名")
    check_length("SnapshotName", name, 60, "InvalidParameterValue.LimitExceeded")
    seconds = disk.used_gb * cloud.db.settings.snapshot_seconds_per_gb
    snapshot = cloud.db.snapshots.put(
        Snapshot(
            snapshot_id=cloud.new_id("snap"),
            region=call.region,
            zone=disk.zone,
            disk_id=disk.disk_id,
            disk_usage=disk.usage,
            size_gb=disk.size_gb,
            used_gb=disk.used_gb,
            name=name,
            created=call.time,
            seconds=seconds,
            tags=read_tags(call.params.get("Tags")),
        )
    )
    cloud.fill_snapshot(snapshot, "")
    cloud.schedule("snapshot-done", snapshot.snapshot_id, call.time, seconds, needs=snapshot.snapshot_id)
    return {"SnapshotId": snapshot.snapshot_id}


@transition("snapshot-done")
def _snapshot_done(cloud: Cloud, snapshot_id: str, at: float) -> None:
    snapshot = cloud.db.snapshots.change(snapshot_id, state="NORMAL")
    cloud.billing.bill_snapshots(snapshot.region, at)


@action("cbs", "DeleteSnapshots", "SnapshotIds")
def delete_snapshots(cloud: Cloud, call: Call) -> dict[str, Any]:
    """All or none; a snapshot behind an image goes only together with the image (`DeleteBindImages`)."""
    snapshots = []
    for snapshot_id in dict.fromkeys(call.params["SnapshotIds"]):
        snapshot = cloud.db.snapshots.get(snapshot_id)
        if snapshot is None or snapshot.region != call.region:
            raise ApiError("InvalidSnapshotId.NotFound", f"The snapshot {snapshot_id[:40]} does not exist.")
        if snapshot.state != "NORMAL":
            raise ApiError("UnsupportedOperation.StateError", f"{snapshot_id} is {snapshot.state}, not NORMAL.")
        image_id = cloud.image_id_of(snapshot_id)
        if image_id and not call.params.get("DeleteBindImages", False):
            raise ApiError(
                "UnsupportedOperation.SnapshotHasBindedImage", f"The image {image_id} is made of {snapshot_id}."
            )
        snapshots.append(snapshot)
    for snapshot in snapshots:
        while image_id := cloud.image_id_of(snapshot.snapshot_id):
            delete_image(cloud, cloud.db.images[image_id], call.time, with_snapshots=False)
        drop_snapshot(cloud, snapshot, call.time)
    return {}


def drop_snapshot(cloud: Cloud, snapshot: Snapshot, at: float) -> None:
    cloud.db.snapshots.delete(snapshot.snapshot_id)
    cloud.billing.end(snapshot.snapshot_id, at)
    cloud.billing.bill_snapshots(snapshot.region, at)
    cloud.after(lambda: cloud.drives.remove_snapshot(snapshot.snapshot_id))


@action("cbs", "ModifySnapshotAttribute", "SnapshotId")
def modify_snapshot_attribute(cloud: Cloud, call: Call) -> dict[str, Any]:
    snapshot = cloud.db.snapshots.get(call.params["SnapshotId"])
    if snapshot is None or snapshot.region != call.region:
        raise ApiError("InvalidSnapshotId.NotFound", f"The snapshot {call.params['SnapshotId'][:40]} does not exist.")
    name = call.params.get("SnapshotName", snapshot.name)
    check_length("SnapshotName", name, 60, "InvalidParameterValue.LimitExceeded")
    cloud.db.snapshots.change(snapshot.snapshot_id, name=name)
    return {}


@action("cbs", "DescribeSnapshotOverview")
def describe_snapshot_overview(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Sizes in GB of the region's snapshots; `RealTradeSize` is what is billed."""
    own = [item for item in cloud.db.snapshots if item.region == call.region and item.state == "NORMAL"]
    total = sum(item.used_gb for item in own)
    free = cloud.db.settings.snapshot_free_gb
    return {
        "TotalNums": len(own),
        "TotalSize": float(total),
        "FreeQuota": float(free),
        "RealTradeSize": float(max(0, total - free)),
    }
