"""`tencentcloud.cbs.get_snapshots`: disk snapshots that match."""

from __future__ import annotations

from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties
from localcloud.plugin.functions.result import list_id

_PAGE = 100
_FILTERS = {
    "snapshotId": "snapshot-id",
    "snapshotName": "snapshot-name",
    "storageId": "disk-id",
    "storageUsage": "disk-usage",
    "projectId": "project-id",
    "availabilityZone": "zone",
}


def invoke(api: Api, arguments: Properties) -> Properties:
    """Filters in the cloud."""
    filters = [
        {"Name": _FILTERS[name], "Values": [str(value)]} for name, value in arguments.items() if name in _FILTERS
    ]
    found = api.pages("cbs", "DescribeSnapshots", "SnapshotSet", _PAGE, Filters=filters or None)
    snapshots = [
        {
            "availabilityZone": snapshot["Placement"]["Zone"],
            "createTime": snapshot.get("CreateTime") or "",
            "encrypt": bool(snapshot.get("Encrypt")),
            "percent": snapshot.get("Percent") or 0,
            "projectId": snapshot["Placement"].get("ProjectId") or 0,
            "snapshotId": snapshot["SnapshotId"],
            "snapshotName": snapshot.get("SnapshotName") or "",
            "storageId": snapshot.get("DiskId") or "",
            "storageSize": snapshot.get("DiskSize") or 0,
            "storageUsage": snapshot.get("DiskUsage") or "",
        }
        for snapshot in found
    ]
    return {**arguments, "id": list_id(item["snapshotId"] for item in snapshots), "snapshotLists": snapshots}
