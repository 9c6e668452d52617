"""The HTTP server: which request goes where, the ticking of transitions, and the life of the process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from localcloud.api import Api, service_of
from localcloud.cloud import Cloud
from localcloud.control import Control
from localcloud.errors import LocalCloudError
from localcloud.guest_runtime import GuestRuntime, NoGuests
from localcloud.http import CuttableProtocol, Worker
from localcloud.metadata import METADATA_HOST, Metadata
from localcloud.registry import find_action
from localcloud.windows.runtime import LocalGuests
from localcloud.windows.world import engine
from localcloud.wire import VERSIONS

log = logging.getLogger(__name__)

# Nothing outside this machine may ever reach the local cloud.
ADDRESS = "127.0.0.1"
_OWN_NAMES = ("127.0.0.1", "localhost")
_MAX_TICK = 5.0


class Switch:
    """Sends a request to the API when its host names a service, else to this cloud's own pages.

    Proxies get the whole URL as the request's target (`POST http://cvm.tencentcloudapi.com/`), so the host may
    stand there as well as in the header.
    """

    def __init__(self, api: Api, own: Starlette) -> None:
        self._api = api
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._own(scope, receive, send)
            return
        host = _host(scope)
        name, service = host.rsplit(":", 1)[0].lower(), service_of(host)
        if service is not None and scope["method"] != "CONNECT":
            try:
                response = await self._api.answer(Request(scope, receive), service)
            except ClientDisconnect:
                return  # it ended before its request was whole: nothing was asked, and nobody would hear an answer
            await response(scope, receive, send)
        elif name == METADATA_HOST:
            await self._own({**scope, "path": f"/metadata/-{scope['path']}"}, receive, send)
        elif name in _OWN_NAMES:
            await self._own(scope, receive, send)
        else:
            # Another name for this address is how a web page would try to reach it (DNS rebinding), and CONNECT is how
            # a client that speaks HTTPS would get out through this proxy.
            await _unserved(host)(scope, receive, send)


def _host(scope: Scope) -> str:
    """The host a request is for; a whole URL as its target is taken apart, in place."""
    path: str = scope["path"]
    if path.startswith(("http://", "https://")):
        target = urlsplit(path)
        scope["path"] = target.path or "/"
        scope["raw_path"] = scope["path"].encode("utf-8")
        return target.netloc
    for name, value in scope["headers"]:
        if name == b"host":
            return str(value.decode("latin-1"))
    return ""


class Server:
    """The whole local cloud, ready to serve.

    Raises LocalCloudError when the data folder cannot be used or the port is taken.
    """

    def __init__(self, data: Path, port: int, speed: float | None = None, guests: bool = True) -> None:
        data = data.resolve()
        self.socket = _bind(port)
        self.port: int = self.socket.getsockname()[1]
        self.url = f"http://{ADDRESS}:{self.port}"
        runtime: GuestRuntime = LocalGuests(data, powershell=engine.is_wanted()) if guests else NoGuests()
        try:
            self.cloud = Cloud(data, runtime, self.url, find_action, speed)
            self.keys = self.cloud.keys
        except BaseException:
            self.socket.close()
            raise
        self._worker = Worker()
        self._changed = asyncio.Event()
        control = Control(self.cloud, self._worker, self.url, data, self.stop)
        metadata = Metadata(self.cloud, self._worker)
        own = Starlette(
            routes=[
                Route("/", _welcome, methods=["GET"]),
                *control.routes(),
                Route("/metadata/{instance_id}/{path:path}", metadata.answer, methods=["GET"]),
            ],
            lifespan=self._lifespan,
        )
        config = uvicorn.Config(
            Switch(Api(self.cloud, self._worker), own),
            http=CuttableProtocol,
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=3,
            backlog=256,
        )
        self._uvicorn = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until `stop` or a signal."""
        self._uvicorn.run(sockets=[self.socket])

    def stop(self) -> None:
        """End serving soon; any thread may call it."""
        self._uvicorn.should_exit = True

    @property
    def started(self) -> bool:
        return self._uvicorn.started

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._changed.set)

        self.cloud.on_change = wake
        ticking = asyncio.create_task(self._tick())
        yield
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        self.cloud.on_change = lambda: None
        await loop.run_in_executor(None, self.cloud.close)
        self._worker.close()

    async def _tick(self) -> None:
        """Let transitions happen when they are due, also when nobody calls."""
        while True:
            self._changed.clear()
            try:
                await self._worker.run(self.cloud.run_due)
                seconds: float | None = await self._worker.run(self.cloud.seconds_to_next)
            except Exception:
                log.exception("a transition failed")
                seconds = 1.0
            # The wait has an end of its own: the computer may sleep, or its clock be set.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _MAX_TICK if seconds is None else min(seconds, _MAX_TICK))


def _bind(port: int) -> socket.socket:
    # The protocol is named because asyncio sends small packets at once only on sockets that are TCP by name.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
    except OSError as error:
        listener.close()
        raise LocalCloudError(
            f"Port {port} of {ADDRESS} cannot be used ({error.strerror}). Choose another: --port N."
        ) from error
    return listener


def _unserved(host: str) -> Response:
    """What clients of Tencent's API can read, with a status that they take for a broken way rather than an answer."""
    told = f"This is the local cloud; it answers for the hosts of {', '.join(VERSIONS)}, not for {host[:100]!r}."
    answer = {"Error": {"Code": "InvalidAction", "Message": told}, "RequestId": str(uuid4())}
    return JSONResponse({"Response": answer}, status_code=421)


async def _welcome(_: Request) -> Response:
    return PlainTextResponse(
        "A local Tencent Cloud for tests. What it bills now: /control/meter. "
        "How to reach it: python -m localcloud env\n"
    )
