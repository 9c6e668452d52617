"""`tencentcloud.cbs.Snapshot`: a copy of a disk at one moment."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from localcloud.plugin import rules, tags
from localcloud.plugin.api import INTERNAL_ERROR, Api, NotYet, OperationError
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.schema import Traits, resource_schema

_CREATION_WINDOWS = 20
_READ = {
    "storageId": "DiskId",
    "snapshotName": "SnapshotName",
    "diskUsage": "DiskUsage",
    "storageSize": "DiskSize",
    "snapshotStatus": "SnapshotState",
    "diskType": "DiskUsage",  # the official plug-in says the usage here, too
    "percent": "Percent",
    "createTime": "CreateTime",
}


class Snapshot(Resource):
    rolls_back_failed_update = False
    schema = resource_schema(
        "tencentcloud:Cbs/snapshot:Snapshot",
        Traits(
            computed=frozenset({"diskUsage"}),
            rules={
                "snapshotName": rules.length(2, 60),
                "diskUsage": rules.one_of(("SYSTEM_DISK", "DATA_DISK")),
            },
        ),
    )

    @override
    def create(self, api: Api, wanted: Properties) -> str:
        answer = api.write(
            "cbs",
            "CreateSnapshot",
            also=[INTERNAL_ERROR],
            DiskId=wanted["storageId"],
            SnapshotName=wanted["snapshotName"],
            DiskUsage=wanted["diskUsage"] or None,
        )
        return str(answer["SnapshotId"])

    @override
    def finish_creation(self, api: Api, identifier: str, wanted: Properties, timeout_seconds: float) -> None:
        def raise_until_normal() -> None:
            snapshot = _describe(api, identifier)
            if snapshot is None:
                raise NotYet("cbs snapshot is nil")
            status = snapshot["SnapshotState"]
            if status == "CREATING":
                raise NotYet(f"cbs snapshot status is still {status}")
            if status != "NORMAL":
                raise OperationError(f"cbs snapshot status is {status}, we won't wait for it finish.")

        api.retried(_CREATION_WINDOWS * api.patience.read_window, raise_until_normal)
        tags.replace(api, "cvm", "snapshot", identifier, None, wanted["tags"])

    @override
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        snapshot = api.retried(api.patience.read_window, lambda: _describe(api, identifier))
        if snapshot is None:
            return None
        read: Properties = {name: snapshot[key] for name, key in _READ.items() if snapshot.get(key) is not None}
        return {**read, "tags": tags.describe(api, "cvm", "snapshot", identifier)}

    @override
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        if "snapshotName" in changed:
            api.write("cbs", "ModifySnapshotAttribute", SnapshotId=identifier, SnapshotName=new["snapshotName"])
        tags.replace(api, "cvm", "snapshot", identifier, old.get("tags"), new["tags"])

    @override
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        api.write("cbs", "DeleteSnapshots", SnapshotIds=[identifier])


def _describe(api: Api, identifier: str) -> dict[str, Any] | None:
    found = api.call("cbs", "DescribeSnapshots", SnapshotIds=[identifier]).get("SnapshotSet") or []
    return found[0] if found else None


RESOURCE = Snapshot()
