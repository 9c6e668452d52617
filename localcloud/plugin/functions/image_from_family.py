"""`tencentcloud.image.get_from_family`: the newest image of a family."""

from __future__ import annotations

from typing import Any

from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties

_TEXTS = {
    "architecture": "Architecture",
    "createdTime": "CreatedTime",
    "imageCreator": "ImageCreator",
    "imageDescription": "ImageDescription",
    "imageFamily": "ImageFamily",
    "imageId": "ImageId",
    "imageName": "ImageName",
    "imageSource": "ImageSource",
    "imageState": "ImageState",
    "imageType": "ImageType",
    "licenseType": "LicenseType",
    "osName": "OsName",
    "platform": "Platform",
}


def invoke(api: Api, arguments: Properties) -> Properties:
    """`images` holds one image, or none."""
    family = arguments["imageFamily"]
    image = api.read("cvm", "DescribeImageFromFamily", ImageFamily=family).get("Image")
    return {**arguments, "id": family, "images": [_image(image)] if image else []}


def _image(image: dict[str, Any]) -> Properties:
    return {
        **{name: image.get(key) or "" for name, key in _TEXTS.items()},
        "imageDeprecated": bool(image.get("ImageDeprecated")),
        "imageSize": image.get("ImageSize") or 0,
        "isSupportCloudinit": bool(image.get("IsSupportCloudinit")),
        "snapshotSets": [
            {
                "diskSize": snapshot.get("DiskSize") or 0,
                "diskUsage": snapshot.get("DiskUsage") or "",
                "snapshotId": snapshot["SnapshotId"],
            }
            for snapshot in image.get("SnapshotSet") or []
        ],
        "syncPercent": image.get("SyncPercent") or 0,
        "tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in image.get("Tags") or []],
    }
