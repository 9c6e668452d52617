"""`tencentcloud.cbs.Storage`: a data disk."""

from __future__ import annotations

from typing_extensions import override

from localcloud.plugin import rules, tags
from localcloud.plugin.api import INTERNAL_ERROR, Api, NotYet, OperationError
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.disk_calls import describe_disk
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.schema import Traits, resource_schema

_POSTPAID, _PREPAID = "POSTPAID_BY_HOUR", "PREPAID"
_PERIODS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 24, 36)


class Storage(Resource):
    schema = resource_schema(
        "tencentcloud:Cbs/storage:Storage",
        Traits(
            computed=frozenset(
                {
                    "burstPerformance",
                    "diskBackupQuota",
                    "encryptType",
                    "kmsKeyId",
                    "prepaidPeriod",
                    "prepaidRenewFlag",
                    "snapshotId",
                }
            ),
            defaults={"chargeType": _POSTPAID, "forceDelete": False, "projectId": 0, "throughputPerformance": 0},
            rules={
                "storageName": rules.length(2, 60),
                "chargeType": rules.one_of((_PREPAID, _POSTPAID, "CDCPAID", "DEDICATED_CLUSTER_PAID")),
                "period": rules.number_in_range(1, 36),
                "prepaidPeriod": rules.one_of(_PERIODS),
                "prepaidRenewFlag": rules.one_of(
                    ("NOTIFY_AND_AUTO_RENEW", "NOTIFY_AND_MANUAL_RENEW", "DISABLE_NOTIFY_AND_MANUAL_RENEW")
                ),
            },
        ),
    )

    @override
    def create(self, api: Api, wanted: Properties) -> str:
        if wanted["chargeType"] == _PREPAID and wanted["prepaidPeriod"] is None:
            raise OperationError("CBS instance charge type prepaid period can not be empty when charge type is PREPAID")
        answer = api.write(
            "cbs",
            "CreateDisks",
            also=[INTERNAL_ERROR],
            Placement=_placement(wanted),
            DiskChargeType=wanted["chargeType"],
            DiskChargePrepaid=_prepaid(wanted) if wanted["chargeType"] == _PREPAID else None,
            DiskType=wanted["storageType"],
            DiskName=wanted["storageName"],
            DiskSize=wanted["storageSize"],
            SnapshotId=wanted["snapshotId"] or None,
            KmsKeyId=wanted["kmsKeyId"] or None,
            Encrypt="ENCRYPT" if wanted["encrypt"] else None,
            EncryptType=wanted["encryptType"],
            ThroughputPerformance=wanted["throughputPerformance"],
            BurstPerformance=wanted["burstPerformance"],
            Tags=tags.key_values(wanted["tags"]),
        )
        if not answer.get("DiskIdSet"):
            raise OperationError("storage id is nil")
        return str(answer["DiskIdSet"][0])

    @override
    def finish_creation(self, api: Api, identifier: str, wanted: Properties, timeout_seconds: float) -> None:
        def raise_until_there() -> None:
            if describe_disk(api, identifier) is None:
                raise NotYet("storage is still creating...")

        api.retried(10 * api.patience.read_window, raise_until_there, INTERNAL_ERROR)
        if wanted["diskBackupQuota"]:
            _set_backup_quota(api, identifier, wanted)

    @override
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        disk = api.retried(api.patience.read_window, lambda: describe_disk(api, identifier))
        if disk is None:
            return None
        read: Properties = {
            "storageType": disk["DiskType"],
            "storageSize": disk["DiskSize"],
            "availabilityZone": disk["Placement"]["Zone"],
            "dedicatedClusterId": disk["Placement"].get("DedicatedClusterId") or "",
            "storageName": disk["DiskName"],
            "projectId": disk["Placement"].get("ProjectId") or 0,
            "encrypt": bool(disk.get("Encrypt")),
            "storageStatus": disk["DiskState"],
            "attached": bool(disk.get("Attached")),
            "chargeType": disk["DiskChargeType"],
            "prepaidRenewFlag": disk.get("RenewFlag") or "",
            "throughputPerformance": disk.get("ThroughputPerformance") or 0,
            "burstPerformance": bool(disk.get("BurstPerformance")),
        }
        for name, key in (("encryptType", "EncryptType"), ("kmsKeyId", "KmsKeyId")):
            if disk.get(key) is not None:
                read[name] = disk[key]
        return {**read, "tags": tags.describe(api, "cvm", "volume", identifier)}

    @override
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        charge_changed = "chargeType" in changed
        if "prepaidPeriod" in changed and not charge_changed and new["chargeType"] == _PREPAID:
            raise OperationError("tencentcloud_cbs_storage renew is not support yet")
        if charge_changed and new["chargeType"] != _PREPAID:
            raise OperationError("tencentcloud_cbs_storage do not support downgrade instance")
        if changed & {"storageName", "projectId", "burstPerformance"}:
            _modify_attributes(api, identifier, new, changed)
        if "storageSize" in changed:
            _resize(api, identifier, old["storageSize"], new["storageSize"])
        if "snapshotId" in changed:
            _roll_back(api, identifier, new["snapshotId"])
        if "throughputPerformance" in changed:
            speed = new["throughputPerformance"]
            api.write("cbs", "ModifyDiskExtraPerformance", DiskId=identifier, ThroughputPerformance=speed)
        if "diskBackupQuota" in changed:
            _set_backup_quota(api, identifier, new)
        tags.replace(api, "cvm", "volume", identifier, old.get("tags"), new["tags"])
        if charge_changed:
            api.call("cbs", "ModifyDisksChargeType", DiskIds=[identifier], DiskChargePrepaid=_prepaid(new))
        elif "prepaidRenewFlag" in changed:
            flag = new["prepaidRenewFlag"]
            api.call("cbs", "ModifyDisksRenewFlag", DiskIds=[identifier], RenewFlag=flag)

    @override
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        api.write("cbs", "TerminateDisks", also=[INTERNAL_ERROR], DiskIds=[identifier])
        window = 2 * api.patience.read_window
        recycled = api.retried(window, lambda: _in_recycle_bin(api, identifier), INTERNAL_ERROR)
        if recycled and state.get("forceDelete"):
            api.write("cbs", "TerminateDisks", DiskIds=[identifier])
            api.retried(window, lambda: _raise_while_there(api, identifier), INTERNAL_ERROR)


def _placement(wanted: Properties) -> Properties:
    placement = {"Zone": wanted["availabilityZone"], "ProjectId": wanted["projectId"]}
    if wanted["dedicatedClusterId"]:
        placement["DedicatedClusterId"] = wanted["dedicatedClusterId"]
    return placement


def _prepaid(wanted: Properties) -> Properties:
    prepaid = {"Period": wanted["prepaidPeriod"], "RenewFlag": wanted["prepaidRenewFlag"]}
    return {name: value for name, value in prepaid.items() if value}


def _modify_attributes(api: Api, identifier: str, new: Properties, changed: frozenset[str]) -> None:
    burst = "CREATE" if new["burstPerformance"] else "CANCEL"
    api.write(
        "cbs",
        "ModifyDiskAttributes",
        DiskIds=[identifier],
        DiskName=new["storageName"] if "storageName" in changed else None,
        ProjectId=new["projectId"] if "projectId" in changed else None,
        BurstPerformanceOperation=burst if "burstPerformance" in changed else None,
    )


def _resize(api: Api, identifier: str, old: int, new: int) -> None:
    if old > new:
        raise OperationError("storage size must be greater than current storage size")
    api.write("cbs", "ResizeDisk", DiskId=identifier, DiskSize=new)

    def raise_until_grown() -> None:
        disk = describe_disk(api, identifier)
        if disk and (disk["DiskState"] == "EXPANDING" or disk["DiskSize"] != new):
            raise NotYet(f"waiting for cbs size changed to {new}, now {disk['DiskSize']}")

    api.retried(api.patience.read_window, raise_until_grown)


def _roll_back(api: Api, identifier: str, snapshot: str) -> None:
    api.write("cbs", "ApplySnapshot", DiskId=identifier, SnapshotId=snapshot)

    def raise_while_rolling_back() -> None:
        disk = describe_disk(api, identifier)
        if disk and disk["DiskState"] == "ROLLBACKING":
            raise NotYet("cbs storage status is ROLLBACKING")

    api.retried(api.patience.read_window, raise_while_rolling_back)


def _set_backup_quota(api: Api, identifier: str, wanted: Properties) -> None:
    quota = wanted["diskBackupQuota"]
    api.write("cbs", "ModifyDiskBackupQuota", also=[INTERNAL_ERROR], DiskId=identifier, DiskBackupQuota=quota)


def _in_recycle_bin(api: Api, identifier: str) -> bool:
    disk = describe_disk(api, identifier)
    if disk is None:
        return False
    if disk["DiskState"] == "TORECYCLE":
        return True
    raise NotYet(f"cbs instance status is {disk['DiskState']}, retry...")


def _raise_while_there(api: Api, identifier: str) -> None:
    disk = describe_disk(api, identifier)
    if disk is not None:
        raise NotYet(f"cbs instance status is {disk['DiskState']}, retry...")


RESOURCE = Storage()
