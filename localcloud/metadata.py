"""The meta-data service of a machine: what metadata.tencentyun.com answers inside it."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from localcloud.clock import china_time, iso_time
from localcloud.cloud import Cloud
from localcloud.http import Worker
from localcloud.records import DEFAULT_ACCOUNT, Instance

#: The service's name inside machines. A computer that reaches it through the local cloud as its proxy is taken for a
#: machine of the default account that carries whichever role is asked for.
METADATA_HOST = "metadata.tencentyun.com"
_PREFIX = "latest/meta-data/"
_ROLES = "cam/security-credentials/"
_ROLE_SECONDS = 7200


class Metadata:
    def __init__(self, cloud: Cloud, worker: Worker) -> None:
        self._cloud = cloud
        self._worker = worker

    async def answer(self, request: Request) -> Response:
        """GET /metadata/<instance-id>/latest/meta-data/<path>; 404 for what is not there."""
        instance_id, path = request.path_params["instance_id"], request.path_params["path"]
        name = path.removeprefix(_PREFIX).rstrip("/") if path.startswith(_PREFIX) else None
        value = None if name is None else await self._worker.run(lambda: self._find(instance_id, name))
        if value is None:
            return PlainTextResponse("404 not found", status_code=404)
        return PlainTextResponse(value)

    def _find(self, instance_id: str, name: str) -> str | None:
        self._cloud.run_due()
        instance = self._cloud.db.instances.get(instance_id)
        account = DEFAULT_ACCOUNT if instance_id == "-" else instance.account if instance else ""
        if (name + "/").startswith(_ROLES) and account:
            carried = None if instance is None else instance.cam_role_name
            return self._credentials(account, carried, name.removeprefix(_ROLES.rstrip("/")).strip("/"))
        return _value(instance, name) if instance is not None else None

    def _credentials(self, account: str, carried: str | None, name: str) -> str | None:
        """The roles that a machine carries, or temporary keys of one. `carried` None: any role of the account."""
        cloud = self._cloud
        if not name:
            roles = [role.name for role in cloud.db.roles if role.account == account]
            return ("\n".join(roles) if carried is None else carried) or None
        role = cloud.identities.role(account, name)
        if role is None or carried not in (None, role.name):
            return None
        with cloud.lock, cloud.db.transaction():
            key = cloud.identities.assume(role, "machine", account, cloud.clock.now() + _ROLE_SECONDS)
        return json.dumps(
            {
                "TmpSecretId": key.secret_id,
                "TmpSecretKey": key.secret_key,
                "ExpiredTime": int(key.expires),
                "Expiration": iso_time(key.expires),
                "Token": key.token,
                "Code": "Success",
            }
        )


def _value(instance: Instance, name: str) -> str | None:
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
    if not name:
        return "\n".join(sorted(key for key, value in values.items() if value is not None))
    return values.get(name)
