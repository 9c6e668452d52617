"""The control interface: what a person or a test may do to this cloud that no client of Tencent's could."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import math
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.billing import Billing
from localcloud.catalogue import is_offered
from localcloud.clock import parse_speed, speed_text
from localcloud.cloud import Cloud
from localcloud.control_identity import IdentityControl
from localcloud.errors import ApiError
from localcloud.faults import check_fault
from localcloud.guest_runtime import NoGuests
from localcloud.http import BodyTooLargeError, Worker, read_body
from localcloud.records import DEFAULT_ACCOUNT, Fault, Offer, Settings
from localcloud.services.cvm_reclaim import reclaim
from localcloud.views import (
    CallView,
    Status,
    disk_view,
    image_view,
    instance_view,
    meter_view,
    snapshot_view,
)

Act = Callable[[dict[str, Any]], Any]

# The settings that are quotas, by the names that `set_quota` takes.
QUOTAS = {
    "image": "image_quota",
    "spot_vcpu": "spot_vcpu_quota",
    "instance": "instance_quota",
    "security_group": "security_group_quota",
}


class Control:
    """Paths under /control/: GET tells, POST does (its body is a JSON object)."""

    def __init__(self, cloud: Cloud, worker: Worker, url: str, data: Path, stop: Callable[[], None]) -> None:
        self._cloud = cloud
        self._worker = worker
        self._url = url
        self._data = data
        self._stop = stop
        self._identity = IdentityControl(cloud)

    def routes(self) -> list[Route]:
        tells: dict[str, Act] = {
            "status": self._status,
            "meter": self._meter,
            "journal": self._journal,
            "instances": self._instances,
            "images": self._images,
            "snapshots": self._snapshots,
            "disks": self._disks,
            "faults": self._faults,
            "settings": lambda _: dataclasses.asdict(self._cloud.db.settings),
            "clock": self._clock,
            **self._identity.tells(),
        }
        acts: dict[str, Act] = {
            "reclaim": self._reclaim,
            "faults": self._add_fault,
            "clear-faults": self._clear_faults,
            "clock": self._move_clock,
            "stock": self._set_stock,
            "price": self._set_price,
            "balance": self._set_balance,
            "quota": self._set_quota,
            "settings": self._set_setting,
            "reset": self._reset,
            "address": self._set_address,
            "stop": self._stop_server,
            **self._identity.acts(),
        }
        return [Route(f"/control/{name}", self._get(act), methods=["GET"]) for name, act in tells.items()] + [
            Route(f"/control/{name}", self._post(act), methods=["POST"]) for name, act in acts.items()
        ]

    def _get(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await self._do(act, dict(request.query_params))

        return answer

    def _post(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            # A web page in the user's browser can post forms and plain text to this port, but not JSON.
            if not request.headers.get("content-type", "").startswith("application/json"):
                return JSONResponse({"error": "The content type must be application/json."}, status_code=415)
            try:
                body = json.loads(await read_body(request) or b"{}")
            except (ValueError, RecursionError, BodyTooLargeError):
                body = None
            if not isinstance(body, dict):
                return JSONResponse({"error": "The body must be a JSON object."}, status_code=400)
            return await self._do(act, body)

        return answer

    async def _do(self, act: Act, params: dict[str, Any]) -> Response:
        def work() -> Any:
            with self._cloud.lock:
                self._cloud.run_due()
                result = act(params)
                self._cloud.run_due()
                return result

        try:
            result = await self._worker.run(work)
        except KeyError as error:
            return JSONResponse({"error": f"{error.args[0]}: missing"}, status_code=400)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except ApiError as error:
            return JSONResponse({"error": error.message, "code": error.code}, status_code=409)
        self._cloud.on_change()
        return JSONResponse(result)

    # --- tells -----------------------------------------------------------------------------------------------

    def _status(self, _: dict[str, Any]) -> Any:
        cloud = self._cloud
        return dataclasses.asdict(
            Status(
                os.getpid(),
                self._url,
                str(self._data),
                cloud.clock.now(),
                speed_text(cloud.clock.speed),
                not isinstance(cloud.guests, NoGuests),
                len(cloud.db.instances),
                len(cloud.db.images),
            )
        )

    def _meter(self, _: dict[str, Any]) -> Any:
        return dataclasses.asdict(meter_view(self._cloud.billing.meter(self._cloud.clock.now())))

    def _journal(self, params: dict[str, Any]) -> Any:
        entries = self._cloud.journal.read(int(params.get("since", 0)))
        return [dataclasses.asdict(CallView(**dataclasses.asdict(entry))) for entry in entries]

    def _instances(self, _: dict[str, Any]) -> Any:
        guests = self._cloud.guests
        return [
            dataclasses.asdict(instance_view(item, item.state == "RUNNING" and guests.is_ready(item.instance_id)))
            for item in self._cloud.db.instances
        ]

    def _images(self, _: dict[str, Any]) -> Any:
        return [dataclasses.asdict(image_view(item)) for item in self._cloud.db.images]

    def _snapshots(self, _: dict[str, Any]) -> Any:
        cloud = self._cloud
        return [
            dataclasses.asdict(snapshot_view(item, cloud.image_id_of(item.snapshot_id))) for item in cloud.db.snapshots
        ]

    def _disks(self, _: dict[str, Any]) -> Any:
        return [dataclasses.asdict(disk_view(item)) for item in self._cloud.db.disks]

    def _faults(self, _: dict[str, Any]) -> Any:
        return [dataclasses.asdict(fault) for fault in self._cloud.db.faults]

    def _clock(self, _: dict[str, Any]) -> Any:
        clock = self._cloud.clock
        return {"now": clock.now(), "speed": speed_text(clock.speed)}

    # --- acts ------------------------------------------------------------------------------------------------

    def _reclaim(self, params: dict[str, Any]) -> Any:
        notice = _number(params, "notice_seconds", 120)
        instance_id = str(params["instance_id"])
        found = self._cloud.db.instances.get(instance_id)
        account = found.account if found else DEFAULT_ACCOUNT
        with self._cloud.db.transaction(), self._cloud.db.seen_by(account):
            reclaim(self._cloud, instance_id, notice, self._cloud.clock.now())
        return {}

    def _add_fault(self, params: dict[str, Any]) -> Any:
        fault = Fault(
            fault_id=uuid4().hex,
            action=str(params["action"]),
            kind=str(params["kind"]),
            service=str(params.get("service") or ""),
            code=str(params.get("code") or ""),
            times=int(params.get("times", 1)),
            skip=int(params.get("skip", 0)),
            seconds=_number(params, "seconds", 0.0),
            age=_number(params, "age", 60.0),
        )
        check_fault(fault)
        with self._cloud.db.transaction():
            self._cloud.db.faults.put(fault)
        return {"fault_id": fault.fault_id}

    def _clear_faults(self, _: dict[str, Any]) -> Any:
        with self._cloud.db.transaction():
            for fault in self._cloud.db.faults:
                self._cloud.db.faults.delete(fault.fault_id)
        return {}

    def _move_clock(self, params: dict[str, Any]) -> Any:
        speed = params.get("speed")
        self._cloud.move_clock(_number(params, "advance", 0.0), parse_speed(str(speed)) if speed is not None else None)
        return self._clock({})

    def _set_stock(self, params: dict[str, Any]) -> Any:
        status = str(params["status"])
        if status not in ("SELL", "SOLD_OUT"):
            raise ValueError(f"status: {status!r} is neither SELL nor SOLD_OUT")
        return self._change_offer(params, status=status)

    def _set_price(self, params: dict[str, Any]) -> Any:
        """The list price; spot machines, running ones too, pay their share of it from now on."""
        try:
            price = Decimal(str(params["hourly_cny"]))
        except InvalidOperation:
            price = Decimal("NaN")
        if not price.is_finite() or price < 0:
            raise ValueError(f"hourly_cny: {params['hourly_cny']!r} is not a price from 0 up")
        result = self._change_offer(params, list_price=str(price))
        with self._cloud.db.transaction():
            for instance in self._cloud.db.instances:
                if instance.state not in ("TERMINATING", "SHUTDOWN", "LAUNCH_FAILED"):
                    with self._cloud.db.seen_by(instance.account):
                        self._cloud.billing.bill_instance(instance, self._cloud.clock.now())
        return result

    def _change_offer(self, params: dict[str, Any], **changes: str) -> Any:
        zone, name = str(params["zone"]), str(params["instance_type"])
        if not is_offered(zone, name):
            raise ValueError(f"{name} is not offered in {zone}")
        key = f"{zone}/{name}"
        offers = self._cloud.db.offers
        with self._cloud.db.transaction():
            offers.put(dataclasses.replace(offers.get(key) or Offer(key), **changes))
        return {}

    def _set_balance(self, params: dict[str, Any]) -> Any:
        spent = Billing(self._cloud.db).meter(self._cloud.clock.now()).total
        return self._change_settings(balance_cny=_number(params, "cny"), balance_spent_before=float(spent))

    def _set_address(self, params: dict[str, Any]) -> Any:
        try:
            address = str(ipaddress.IPv4Address(str(params["address"])))
        except ValueError:
            raise ValueError(f"address: {params['address']!r} is not an IPv4 address") from None
        return self._change_settings(caller_address=address)

    def _set_quota(self, params: dict[str, Any]) -> Any:
        name = str(params["name"])
        if name not in QUOTAS:
            raise ValueError(f"name: {name!r} is not one of {', '.join(QUOTAS)}")
        return self._change_settings(**{QUOTAS[name]: int(params["quota"])})

    def _set_setting(self, params: dict[str, Any]) -> Any:
        known = {field.name: field for field in dataclasses.fields(Settings)}
        changes: dict[str, Any] = {}
        for name, value in params.items():
            if name not in known or name in ("settings_id", "balance_spent_before", "caller_address"):
                raise ValueError(f"{name}: not a setting; settings are {', '.join(list(known)[1:])}")
            current = getattr(self._cloud.db.settings, name)
            if isinstance(current, bool):
                if not isinstance(value, bool):
                    raise ValueError(f"{name}: must be true or false")
                changes[name] = value
            else:
                changes[name] = type(current)(_number(params, name))
        return self._change_settings(**changes)

    def _change_settings(self, **changes: Any) -> Any:
        cloud = self._cloud
        with cloud.db.transaction():
            cloud.db.settings_table.put(dataclasses.replace(cloud.db.settings, **changes))
            for account, region in {(snapshot.account, snapshot.region) for snapshot in cloud.db.snapshots}:
                with cloud.db.seen_by(account):
                    cloud.billing.bill_snapshots(region, cloud.clock.now())
        return dataclasses.asdict(cloud.db.settings)

    def _reset(self, _: dict[str, Any]) -> Any:
        self._cloud.reset()
        return {}

    def _stop_server(self, _: dict[str, Any]) -> Any:
        self._stop()
        return {}


def _number(params: dict[str, Any], name: str, default: float | None = None) -> float:
    value = params[name] if default is None else params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name}: {value!r} is not a number from 0 up")
    return float(value)
