"""`tencentcloud.image.Instance`: a custom image, made of a machine or of snapshots.

Like the official one it leaves the image's snapshots behind when it is deleted, and looks for a missing image
for an hour (twenty read windows) before it gives up.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from localcloud.plugin import tags
from localcloud.plugin.api import Api, ApiError, NotYet, OperationError
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.schema import Traits, resource_schema

_READ_WINDOWS = 20
_DELETE_WINDOWS = 3


class Image(Resource):
    rolls_back_failed_update = False
    schema = resource_schema(
        "tencentcloud:Image/instance:Instance",
        Traits(
            computed=frozenset({"dataDiskIds"}),
            sets=frozenset({"dataDiskIds", "snapshotIds"}),
            defaults={"forcePoweroff": False},
            one_of=(("instanceId", "snapshotIds"),),
        ),
    )

    @override
    def create(self, api: Api, wanted: Properties) -> str:
        answer = api.write(
            "cvm",
            "CreateImage",
            ImageName=wanted["imageName"],
            InstanceId=wanted["instanceId"],
            ImageDescription=wanted["imageDescription"] or None,
            ForcePoweroff=_flag(wanted["forcePoweroff"]),
            Sysprep=_flag(wanted["sysprep"]),
            DataDiskIds=wanted["dataDiskIds"] or None,
            SnapshotIds=wanted["snapshotIds"] or None,
            ImageFamily=wanted["imageFamily"] or None,
            TagSpecification=tags.specification("image", wanted["tags"]),
        )
        return str(answer["ImageId"])

    @override
    def finish_creation(self, api: Api, identifier: str, wanted: Properties, timeout_seconds: float) -> None:
        tags.replace(api, "cvm", "image", identifier, None, wanted["tags"])
        _wait_until_normal(api, identifier)

    @override
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        image = _wait_until_normal(api, identifier)
        read = {
            "imageName": image.get("ImageName"),
            "imageDescription": image.get("ImageDescription"),
            "imageFamily": image.get("ImageFamily"),
        }
        said: Properties = {name: value for name, value in read.items() if value}
        if not state.get("instanceId"):  # the cloud does not tell what an image was made of
            said["snapshotIds"] = [snapshot["SnapshotId"] for snapshot in image["SnapshotSet"]]
        return {**said, "tags": tags.describe(api, "cvm", "image", identifier)}

    @override
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        if changed & {"imageName", "imageDescription", "imageFamily"}:
            api.write(
                "cvm",
                "ModifyImageAttribute",
                ImageId=identifier,
                ImageName=new["imageName"],
                ImageDescription=new["imageDescription"] or None,
                ImageFamily=new["imageFamily"] or None,
            )
        tags.replace(api, "cvm", "image", identifier, old.get("tags"), new["tags"])

    @override
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        api.write("cvm", "DeleteImages", ImageIds=[identifier])
        api.poll(api.patience.read_window * _DELETE_WINDOWS, lambda: _raise_while_there(api, identifier))


def _wait_until_normal(api: Api, identifier: str) -> dict[str, Any]:
    def attempt() -> dict[str, Any]:
        try:
            images = _describe(api, identifier)
        except ApiError as error:
            # Whatever the refusal, even a wrong key: the official plug-in asks again for the whole hour.
            raise NotYet(str(error)) from error
        if not images:
            raise NotYet(f"image {identifier} does not exist")
        image = images[0]
        if image["ImageState"] == "CREATEFAILED":
            raise OperationError(f"image({identifier}) instance creating failed")
        if image["ImageState"] != "NORMAL" or not image.get("SnapshotSet"):
            raise NotYet(f"image instance state is {image['ImageState']}, retry...")
        return image

    return api.poll(api.patience.read_window * _READ_WINDOWS, attempt)


def _raise_while_there(api: Api, identifier: str) -> None:
    try:
        images = _describe(api, identifier)
    except ApiError as error:
        raise NotYet(str(error)) from error
    if images:
        raise NotYet(f"image instance status is {images[0]['ImageState']}, retry...")


def _describe(api: Api, identifier: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.call("cvm", "DescribeImages", ImageIds=[identifier]).get("ImageSet") or []
    return found


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


RESOURCE = Image()
