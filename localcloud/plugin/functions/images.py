"""`tencentcloud.images.get_instance`: images that match, the newest first, with their snapshots."""

from __future__ import annotations

import re
from typing import Any

from localcloud.plugin.api import Api, OperationError
from localcloud.plugin.encoding import Properties
from localcloud.plugin.functions.result import list_id

PAGE = 100


def invoke(api: Api, arguments: Properties) -> Properties:
    """Looks up images by id and type in the cloud, and by name here."""
    filters = [
        {"Name": name, "Values": values}
        for name, values in (
            ("image-id", [arguments["imageId"]] if arguments.get("imageId") else []),
            ("image-type", [kind for kind in arguments.get("imageTypes") or [] if kind]),
        )
        if values
    ]
    matches = name_matcher(arguments)
    found = api.pages(
        "cvm",
        "DescribeImages",
        "ImageSet",
        PAGE,
        Filters=filters or None,
        InstanceType=arguments.get("instanceType") or None,
    )
    images = [_image(api, image) for image in newest_first(found) if matches(image)]
    return {**arguments, "id": list_id(image["imageId"] for image in images), "images": images}


def newest_first(images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Images by the time they were made; those without a time come last."""
    return sorted(images, key=lambda image: image.get("CreatedTime") or "", reverse=True)


def name_matcher(arguments: Properties) -> Any:
    """A test of an image by `imageNameRegex` or `osName` (any part of it, in any case)."""
    pattern, system = arguments.get("imageNameRegex") or "", (arguments.get("osName") or "").lower()
    if pattern and system:
        raise OperationError('Conflicting configuration arguments. "image_name_regex": conflicts with os_name')
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise OperationError(f"image_name_regex format error,{error}") from error

    def matches(image: dict[str, Any]) -> bool:
        if not pattern and not system:
            return True
        by_system = bool(system) and system in (image.get("OsName") or "").lower()
        return by_system or (bool(pattern) and expression.search(image.get("ImageName") or "") is not None)

    return matches


def _image(api: Api, image: dict[str, Any]) -> Properties:
    return {
        "architecture": image.get("Architecture") or "",
        "createdTime": image.get("CreatedTime") or "",
        "imageCreator": image.get("ImageCreator") or "",
        "imageDescription": image.get("ImageDescription") or "",
        "imageId": image["ImageId"],
        "imageName": image.get("ImageName") or "",
        "imageSize": image.get("ImageSize") or 0,
        "imageSource": image.get("ImageSource") or "",
        "imageState": image.get("ImageState") or "",
        "imageType": image.get("ImageType") or "",
        "osName": image.get("OsName") or "",
        "platform": image.get("Platform") or "",
        "snapshots": _snapshots(api, [item["SnapshotId"] for item in image.get("SnapshotSet") or []]),
        "supportCloudInit": bool(image.get("IsSupportCloudinit")),
        "syncPercent": image.get("SyncPercent") or 0,
    }


def _snapshots(api: Api, identifiers: list[str]) -> list[Properties]:
    if not identifiers:
        return []
    found = api.pages("cbs", "DescribeSnapshots", "SnapshotSet", PAGE, SnapshotIds=identifiers)
    return [
        {
            "diskSize": snapshot.get("DiskSize") or 0,
            "diskUsage": snapshot.get("DiskUsage") or "",
            "snapshotId": snapshot["SnapshotId"],
            "snapshotName": snapshot.get("SnapshotName") or "",
        }
        for snapshot in found
    ]
