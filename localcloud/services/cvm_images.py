"""Images: made of a machine's disks, kept as snapshots, deleted with or without them."""

from __future__ import annotations

from typing import Any

from localcloud.call import Call, OnlyRequestId
from localcloud.catalogue import INSTANCE_TYPES
from localcloud.clock import iso_time
from localcloud.cloud import Cloud, transition
from localcloud.errors import ApiError
from localcloud.query import page, select
from localcloud.records import Disk, Image, Instance, Snapshot
from localcloud.registry import action
from localcloud.rules import check_id, check_length
from localcloud.services.cvm_instances import begin, check_state, own_instances
from localcloud.services.tags import read_tag_specification, tag_list


def _answer(cloud: Cloud, image: Image, now: float) -> dict[str, Any]:
    snapshots = [cloud.find_snapshot(snapshot_id, image.region) for snapshot_id in image.snapshot_ids]
    percent = 100
    if image.state == "CREATING" and image.seconds > 0:
        percent = min(99, int(100 * (now - image.created) / image.seconds))
    return {
        "ImageId": image.image_id,
        "OsName": image.os_name,
        "ImageType": image.image_type,
        "CreatedTime": iso_time(image.created),
        "ImageName": image.name,
        "ImageDescription": image.description,
        "ImageSize": image.size_gb,
        "Architecture": "x86_64",
        "ImageState": image.state,
        "Platform": image.platform,
        "ImageCreator": "",
        "ImageSource": image.source,
        "SyncPercent": percent,
        "IsSupportCloudinit": True,
        "SnapshotSet": [
            {"SnapshotId": item.snapshot_id, "DiskUsage": item.disk_usage, "DiskSize": item.size_gb}
            for item in snapshots
            if item is not None
        ],
        "Tags": tag_list(image.tags),
        "LicenseType": "TencentCloud",
        "ImageFamily": image.family or None,
        "ImageDeprecated": image.deprecated,
    }


@action("cvm", "DescribeImages")
def describe_images(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    for image_id in params.get("ImageIds") or []:
        check_id("ImageIds", image_id, "img", "InvalidImageId.Malformed")
    if params.get("ImageIds") and params.get("Filters"):
        raise ApiError(
            "InvalidParameter.InvalidParameterCoexistImageIdsFilters", "Give `ImageIds` or `Filters`, not both."
        )
    found = select(
        params,
        cloud.images(call.region),
        {
            "image-id": lambda i: i.image_id,
            "image-type": lambda i: i.image_type,
            "image-name": lambda i: i.name,
            "image-state": lambda i: i.state,
            "platform": lambda i: i.platform,
        },
        ids="ImageIds",
        read_id=lambda i: i.image_id,
        tags=lambda i: i.tags,
        fuzzy=frozenset({"image-name", "platform"}),
        max_values=5,
    )
    wanted_type = params.get("InstanceType")
    if wanted_type is not None:
        item = INSTANCE_TYPES.get(wanted_type)
        if item is None:
            raise ApiError("InvalidParameterValue.InstanceTypeNotFound", f"No instance type {wanted_type[:40]!r}.")
        found = [image for image in found if item.runs_windows or image.platform != "Windows"]
    answers = [_answer(cloud, image, call.time) for image in page(params, found)]
    return {"TotalCount": len(found), "ImageSet": answers}


@action("cvm", "DescribeImageQuota")
def describe_image_quota(cloud: Cloud, call: Call) -> dict[str, Any]:  # noqa: ARG001
    return {"ImageNumQuota": cloud.db.settings.image_quota}


@action("cvm", "DescribeImageFromFamily", "ImageFamily")
def describe_image_from_family(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The newest NORMAL image of a family that is not deprecated."""
    family = [
        image
        for image in cloud.images(call.region)
        if image.family == call.params["ImageFamily"] and image.state == "NORMAL" and not image.deprecated
    ]
    if not family:
        return {"Image": None}
    return {"Image": _answer(cloud, max(family, key=lambda image: image.created), call.time)}


@action("cvm", "CreateImage", "ImageName")
def create_image(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    _check_name(cloud, call.region, params["ImageName"])
    check_length("ImageDescription", params.get("ImageDescription", ""), 256)
    tags = read_tag_specification(params, "image")
    mine = sum(1 for image in cloud.db.images if image.region == call.region)
    if mine >= cloud.db.settings.image_quota:
        raise ApiError(
            "ImageQuotaLimitExceeded", f"At most {cloud.db.settings.image_quota} custom images in {call.region}."
        )
    if bool(params.get("InstanceId")) == bool(params.get("SnapshotIds")):
        raise ApiError(
            "InvalidParameter.ImageIdsSnapshotIdsMustOne", "Give `InstanceId` or `SnapshotIds`, one of the two."
        )
    if params.get("SnapshotIds"):
        return _image_of_snapshots(cloud, call, tags)
    return _image_of_instance(cloud, call, tags)


def _check_name(cloud: Cloud, region: str, name: str, own_id: str = "") -> None:
    check_length("ImageName", name, 60)
    if not name:
        raise ApiError("MissingParameter", "`ImageName` is empty.")
    for image in cloud.db.images:
        if image.region == region and image.name == name and image.image_id != own_id:
            raise ApiError("InvalidImageName.Duplicate", f"The image {image.image_id} has the name {name} already.")


def _flag(params: dict[str, Any], name: str) -> bool:
    """A truth value that CreateImage takes as text."""
    text = params.get(name, "false").lower()
    if text not in ("true", "false"):
        raise ApiError("InvalidParameterValue", f"`{name}` must be true or false, not {text[:20]!r}.")
    return bool(text == "true")


def _image_of_instance(cloud: Cloud, call: Call, tags: dict[str, str]) -> dict[str, Any]:
    params, db = call.params, cloud.db
    instance = own_instances(cloud, call, [params["InstanceId"]])[0]
    power_off, _ = _flag(params, "ForcePoweroff"), _flag(params, "Sysprep")
    if instance.busy_with:
        raise ApiError("MutexOperation.TaskRunning", f"The image {instance.busy_with} is being made of this machine.")
    check_state(instance, "RUNNING", "STOPPED", "SHUTDOWN")
    disks = [db.disks[instance.system_disk_id], *_data_disks(cloud, call, instance)]
    if params.get("DryRun"):
        return OnlyRequestId()
    image_id = cloud.new_id("img")
    seconds = sum(disk.used_gb for disk in disks) * db.settings.image_seconds_per_gb
    snapshots = [_snapshot(cloud, call, disk, f"image_{params['ImageName']}", seconds) for disk in disks]
    running = instance.state == "RUNNING"
    restart = power_off and running
    image = db.images.put(
        Image(
            image_id=image_id,
            region=call.region,
            name=params["ImageName"],
            image_type="PRIVATE_IMAGE",
            platform=instance.platform,
            os_name=instance.os_name,
            size_gb=disks[0].size_gb,
            created=call.time,
            description=params.get("ImageDescription", ""),
            state="CREATING",
            snapshot_ids=tuple(snapshot.snapshot_id for snapshot in snapshots),
            tags=tags,
            family=params.get("ImageFamily", ""),
            instance_id=instance.instance_id,
            password=instance.password,
            seconds=seconds,
            restart=restart,
        )
    )
    if restart:
        begin(cloud, call, instance, state="STOPPING", busy_with=image_id)
        cloud.power_off(instance.instance_id)
        cloud.schedule("instance-stopped", instance.instance_id, call.time, db.settings.stop_seconds)
    else:
        begin(cloud, call, instance, busy_with=image_id)
    for snapshot in snapshots:
        cloud.fill_snapshot(snapshot, instance.instance_id if restart else "", online=running and not restart)
    cloud.schedule("image-done", image.image_id, call.time, seconds, needs=snapshots[-1].snapshot_id)
    return {"ImageId": image_id}


def _data_disks(cloud: Cloud, call: Call, instance: Instance) -> list[Disk]:
    disks = []
    for disk_id in call.params.get("DataDiskIds") or []:
        disk = cloud.db.disks.get(disk_id)
        if disk is None or disk.instance_id != instance.instance_id:
            raise ApiError(
                "InvalidParameter.DataDiskNotBelongSpecifiedInstance", f"{disk_id[:40]} is not a disk of this machine."
            )
        if disk.usage == "SYSTEM_DISK":
            raise ApiError("InvalidParameter.DataDiskIdContainsRootDisk", f"{disk_id} is the system disk.")
        disks.append(disk)
    return disks


def _snapshot(cloud: Cloud, call: Call, disk: Disk, name: str, seconds: float) -> Snapshot:
    return cloud.db.snapshots.put(
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
        )
    )


def _image_of_snapshots(cloud: Cloud, call: Call, tags: dict[str, str]) -> dict[str, Any]:
    params = call.params
    snapshots = []
    for snapshot_id in params["SnapshotIds"]:
        snapshot = cloud.db.snapshots.get(snapshot_id)
        if snapshot is None or snapshot.region != call.region:
            raise ApiError("InvalidParameter.SnapshotNotFound", f"The snapshot {snapshot_id[:40]} does not exist.")
        if snapshot.state != "NORMAL":
            raise ApiError("ResourceUnavailable.SnapshotCreating", f"{snapshot_id} is {snapshot.state}.")
        snapshots.append(snapshot)
    system = [snapshot for snapshot in snapshots if snapshot.disk_usage == "SYSTEM_DISK"]
    if not system:
        raise ApiError("InvalidParameter.SystemSnapshotNotFound", "One snapshot must be of a system disk.")
    if len(system) > 1:
        raise ApiError("InvalidParameter.DuplicateSystemSnapshots", "Only one snapshot may be of a system disk.")
    if params.get("DryRun"):
        return OnlyRequestId()
    source = cloud.db.images.get(cloud.image_id_of(system[0].snapshot_id))
    image = cloud.db.images.put(
        Image(
            image_id=cloud.new_id("img"),
            region=call.region,
            name=params["ImageName"],
            image_type="PRIVATE_IMAGE",
            # A snapshot does not say what is on it; this cloud's are Windows disks unless an image says otherwise.
            platform=source.platform if source else "Windows",
            os_name=source.os_name if source else "Windows Server 2022 DataCenter 64bit CN",
            size_gb=system[0].size_gb,
            created=call.time,
            description=params.get("ImageDescription", ""),
            snapshot_ids=tuple(snapshot.snapshot_id for snapshot in snapshots),
            tags=tags,
            family=params.get("ImageFamily", ""),
            password=source.password if source else "",
        )
    )
    return {"ImageId": image.image_id}


@transition("image-done")
def _image_done(cloud: Cloud, image_id: str, at: float) -> None:
    image = cloud.db.images[image_id]
    if image.fails:
        fail_image(cloud, image_id)
    else:
        cloud.db.images.change(image_id, state="NORMAL")
        for snapshot_id in image.snapshot_ids:
            cloud.db.snapshots.change(snapshot_id, state="NORMAL")
        cloud.billing.bill_snapshots(image.region, at)
    _free_instance(cloud, image, at)


def _free_instance(cloud: Cloud, image: Image, at: float) -> None:
    """The machine can be used again; when it was powered off for the image it starts."""
    instance = cloud.db.instances.get(image.instance_id)
    if instance is None or instance.busy_with != image.image_id:
        return
    cloud.unschedule(instance.instance_id, "instance-stopped")
    changes: dict[str, Any] = {"busy_with": "", "latest_operation_state": "SUCCESS"}
    if image.restart:
        changes["state"] = "STARTING"
        cloud.schedule("instance-started", instance.instance_id, at, cloud.db.settings.start_seconds)
    cloud.db.instances.change(instance.instance_id, **changes)


def fail_image(cloud: Cloud, image_id: str) -> None:
    """An image that could not be made stays, as CREATEFAILED and without data, until it is deleted."""
    image = cloud.db.images[image_id]
    cloud.unschedule(image_id)
    for snapshot_id in image.snapshot_ids:
        _drop_snapshot(cloud, snapshot_id)
    cloud.db.images.change(image_id, state="CREATEFAILED", snapshot_ids=())


def _drop_snapshot(cloud: Cloud, snapshot_id: str) -> None:
    cloud.db.snapshots.delete(snapshot_id)
    cloud.after(lambda: cloud.drives.remove_snapshot(snapshot_id))


@action("cvm", "ModifyImageAttribute", "ImageId")
def modify_image_attribute(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    image = _own(cloud, call, params["ImageId"])
    name = params.get("ImageName", image.name)
    description = params.get("ImageDescription", image.description)
    _check_name(cloud, call.region, name, image.image_id)
    check_length("ImageDescription", description, 256)
    cloud.db.images.change(
        image.image_id,
        name=name,
        description=description,
        family=params.get("ImageFamily", image.family),
        deprecated=params.get("ImageDeprecated", image.deprecated),
    )
    return {}


@action("cvm", "DeleteImages", "ImageIds")
def delete_images(cloud: Cloud, call: Call) -> dict[str, Any]:
    """All or none. The snapshots stay, and cost, unless `DeleteBindedSnap` takes them along."""
    images = [_own(cloud, call, image_id) for image_id in dict.fromkeys(call.params["ImageIds"])]
    for image in images:
        if image.state == "CREATING":
            raise ApiError("InvalidImageId.IncorrectState", f"The image {image.image_id} is {image.state}.")
    if call.params.get("DryRun"):
        return OnlyRequestId()
    for image in images:
        delete_image(cloud, image, call.time, with_snapshots=call.params.get("DeleteBindedSnap", False))
    return {}


def delete_image(cloud: Cloud, image: Image, at: float, with_snapshots: bool) -> None:
    cloud.db.images.delete(image.image_id)
    if with_snapshots:
        for snapshot_id in image.snapshot_ids:
            if not cloud.image_id_of(snapshot_id):
                cloud.billing.end(snapshot_id, at)
                _drop_snapshot(cloud, snapshot_id)
    cloud.billing.bill_snapshots(image.region, at)


def _own(cloud: Cloud, call: Call, image_id: str) -> Image:
    check_id("ImageId", image_id, "img", "InvalidImageId.Malformed")
    image = cloud.db.images.get(image_id)
    if image is None or image.region != call.region:
        raise ApiError("InvalidImageId.NotFound", f"There is no custom image {image_id} in {call.region}.")
    return image
