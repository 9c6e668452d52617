"""The meta-data service of a machine: what metadata.tencentyun.com answers inside it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from localcloud.clock import china_time
from localcloud.cloud import Cloud
from localcloud.http import Worker
from localcloud.records import Instance

_PREFIX = "latest/meta-data/"


class Metadata:
    def __init__(self, cloud: Cloud, worker: Worker) -> None:
        self._cloud = cloud
        self._worker = worker

    async def answer(self, request: Request) -> Response:
        """GET /metadata/<instance-id>/latest/meta-data/<path>; 404 for what is not there."""
        instance_id, path = request.path_params["instance_id"], request.path_params["path"]

        def read() -> Instance | None:
            self._cloud.run_due()
            return self._cloud.db.instances.get(instance_id)

        instance = await self._worker.run(read)
        value = _value(instance, path) if instance is not None else None
        if value is None:
            return PlainTextResponse("404 not found", status_code=404)
        return PlainTextResponse(value)


def _value(instance: Instance, path: str) -> str | None:
    if not path.startswith(_PREFIX):
        return None
    values = {
        "instance-id": instance.instance_id,
        "instance-name": instance.name,
        "uuid": instance.uuid,
        "hostname": instance.host_name,
        "local-ipv4": instance.private_ip,
        "public-ipv4": instance.public_ip or None,
        "placement/region": instance.region,
        "placement/zone": instance.zone,
        "instance/image-id": instance.image_id,
        "instance/instance-type": instance.instance_type,
        "payment/charge-type": instance.charge_type,
        "spot/termination-time": None if instance.termination_time is None else china_time(instance.termination_time),
    }
    name = path.removeprefix(_PREFIX).rstrip("/")
    if not name:
        return "\n".join(sorted(key for key, value in values.items() if value is not None))
    return values.get(name)
