"""The route of Tencent's API: from a signed POST to the envelope of the answer."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.call import Arrived
from localcloud.catalogue import REGIONS
from localcloud.cloud import Cloud
from localcloud.errors import ApiError, missing
from localcloud.faults import take_fault
from localcloud.http import BodyTooLargeError, CuttableProtocol, Worker, read_body
from localcloud.identity import Caller
from localcloud.records import Fault
from localcloud.signature import check_signature
from localcloud.wire import VERSIONS

log = logging.getLogger(__name__)

# These services are one for all regions.
_GLOBAL_SERVICES = frozenset({"tag", "sts", "cam"})
MAX_DEPTH = 30


def service_of(host: str) -> str | None:
    """The service that a host's first label names: cvm.tencentcloudapi.com, cvm.ap-guangzhou..., cvm.localhost:1."""
    label = host.split(".", 1)[0].lower()
    return label if label in VERSIONS and "." in host else None


class Api:
    """Answers the calls of all services."""

    def __init__(self, cloud: Cloud, worker: Worker) -> None:
        self._cloud = cloud
        self._worker = worker

    async def answer(self, request: Request, service: str) -> Response:
        request_id = str(uuid4())
        action = request.headers.get("x-tc-action", "")
        body: Any = None
        try:
            caller, body = await self._read(request, service)
            arrived = Arrived(service, action, _region(request, service), body, request_id, caller)
        except ApiError as error:
            if action:
                refused = Arrived(service, action[:100], "", body, request_id)
                code = error.code
                await self._worker.run(lambda: self._cloud.refuse(refused, code))
            return _failure(error, request_id)
        fault = await self._worker.run(lambda: take_fault(self._cloud, service, action))
        return await self._carry_out(request, arrived, fault)

    async def _read(self, request: Request, service: str) -> tuple[Caller, Any]:
        """Who signed a request, and its checked body. Raises ApiError."""
        try:
            raw = await read_body(request)
        except BodyTooLargeError:
            raise ApiError("RequestSizeLimitExceeded", "The request is over 10 MB.") from None
        if request.method != "POST":
            raise ApiError("UnsupportedProtocol", "The local cloud takes POST requests with a JSON body only.")
        if request.scope["path"] != "/":
            raise ApiError("InvalidRequest", "The API has one path: /.")
        if "x-tc-action" not in request.headers:
            raise missing("X-TC-Action")
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.scope["query_string"].decode("latin-1")
        caller = check_signature(self._cloud.find_key, service, request.method, query, headers, raw)
        if not headers.get("content-type", "").lower().startswith("application/json"):
            raise ApiError("UnsupportedProtocol", "The content type must be application/json.")
        version = headers.get("x-tc-version")
        if version is None:
            raise missing("X-TC-Version")
        if version != VERSIONS[service]:
            raise ApiError("NoSuchVersion", f"{service} has the version {VERSIONS[service]}, not {version[:20]!r}.")
        return caller, _read_json(raw)

    async def _carry_out(self, request: Request, arrived: Arrived, fault: Fault | None) -> Response:
        kind = fault.kind if fault else ""
        if fault is not None and fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault is not None and kind in ("error", "throttle", "cut_before"):
            code = {"throttle": "RequestLimitExceeded", "cut_before": "(connection cut)"}.get(kind, fault.code)
            await self._worker.run(lambda: self._cloud.refuse(arrived, code))
            if kind == "cut_before":
                CuttableProtocol.cut(request.scope)
                return Response(status_code=500)
            told = ApiError(code, f"A fault asked for by the control interface: {code}.")
            return _failure(told, arrived.request_id)
        response = await self._call(arrived, fault)
        if kind == "cut_after":
            CuttableProtocol.cut(request.scope)
        if kind == "lost_answer":
            return Response(status_code=500)
        return response

    async def _call(self, arrived: Arrived, fault: Fault | None) -> Response:
        try:
            answer = await self._worker.run(lambda: self._cloud.call(arrived, fault))
        except ApiError as error:
            return _failure(error, arrived.request_id)
        except Exception:
            log.exception("%s %s failed", arrived.service, arrived.action)
            told = ApiError("InternalError", "The local cloud made a mistake; see its log.")
            return _failure(told, arrived.request_id)
        return _envelope(answer)


def _region(request: Request, service: str) -> str:
    region: str = request.headers.get("x-tc-region", "")
    if not region:
        if service in _GLOBAL_SERVICES:
            return ""
        raise missing("X-TC-Region")
    if region not in REGIONS:
        raise ApiError("UnsupportedRegion", f"The region {region[:40]!r} is not one of {', '.join(REGIONS)}.")
    return region


def _read_json(raw: bytes) -> Any:
    try:
        body = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant) if raw else {}
        # Half a surrogate pair can be written in JSON, but neither stored nor answered.
        json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise ApiError("InvalidParameter", "The request body is not JSON.") from None
    if _depth(body) > MAX_DEPTH:
        raise ApiError("InvalidParameter", f"The request body is nested more than {MAX_DEPTH} deep.")
    return body


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _failure(error: ApiError, request_id: str) -> Response:
    return _envelope({"Error": {"Code": error.code, "Message": error.message}, "RequestId": request_id})


def _envelope(answer: dict[str, Any]) -> Response:
    # Errors have status 200 too: the SDKs take any other status for a broken network.
    return JSONResponse({"Response": answer})
