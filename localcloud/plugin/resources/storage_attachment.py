"""`tencentcloud.cbs.StorageAttachment`: a data disk on a machine."""

from __future__ import annotations

from typing_extensions import override

from localcloud.plugin.api import Api, ApiError, NotYet, OperationError
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.disk_calls import describe_disk
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.schema import Traits, resource_schema


class StorageAttachment(Resource):
    schema = resource_schema("tencentcloud:Cbs/storageAttachment:StorageAttachment", Traits())

    @override
    def create(self, api: Api, wanted: Properties) -> str:
        identifier = str(wanted["storageId"])

        def attach() -> None:
            try:
                api.call("cbs", "AttachDisks", InstanceId=wanted["instanceId"], DiskIds=[identifier])
            except ApiError as error:
                if error.code == "ResourceUnavailable.NotSupported":
                    raise OperationError(str(error)) from error  # not worth another try, unlike its family
                raise

        api.retried(api.patience.write_window, attach)
        return identifier

    @override
    def finish_creation(self, api: Api, identifier: str, wanted: Properties, timeout_seconds: float) -> None:
        def raise_until_attached() -> None:
            disk = describe_disk(api, identifier)
            if disk is None:
                raise OperationError("cbs storage is nil")
            status = disk["DiskState"]
            if status in ("ATTACHING", "UNATTACHED"):
                raise NotYet(f"cbs storage status is {status}")
            if status != "ATTACHED":
                raise OperationError(f"cbs storage status is {status}, we won't wait for it finish.")

        api.retried(3 * api.patience.read_window, raise_until_attached)

    @override
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        disk = api.retried(api.patience.read_window, lambda: describe_disk(api, identifier))
        if disk is None or not disk.get("Attached"):
            return None
        return {"storageId": disk["DiskId"], "instanceId": disk["InstanceId"]}

    @override
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        raise OperationError("an attachment cannot change: every property of it replaces it")

    @override
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        disk = api.retried(api.patience.read_window, lambda: describe_disk(api, identifier))
        if disk is None or not disk.get("Attached"):
            return
        api.write("cbs", "DetachDisks", DiskIds=[identifier], InstanceId=disk["InstanceId"])

        def raise_while_attached() -> None:
            now = describe_disk(api, identifier)
            if now is not None and now.get("Attached"):
                raise NotYet(f"cbs storage status is {now['DiskState']}")

        api.retried(api.patience.read_window, raise_while_attached)


RESOURCE = StorageAttachment()
