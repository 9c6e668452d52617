"""What all routes share: the worker thread, bodies of limited size, and connections that can be cut."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

T = TypeVar("T")

# Linux only.
_QUICK_ACKNOWLEDGE: int | None = getattr(socket, "TCP_QUICKACK", None)
MAX_BODY = 10 * 1024 * 1024


class BodyTooLargeError(Exception):
    """The request's body is over the limit."""


async def read_body(request: Request) -> bytes:
    """The whole body. Raises BodyTooLargeError as soon as it is over the limit."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > MAX_BODY:
        raise BodyTooLargeError
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > MAX_BODY:
            raise BodyTooLargeError
    return bytes(chunks)


class Worker:
    """The one thread that touches the cloud: the event loop never waits for the disk or the database."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="cloud")

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        self._pool.shutdown(wait=True)


class CuttableProtocol(H11Protocol):
    """uvicorn's HTTP protocol, with a way to drop a connection in the middle of a request (for faults)."""

    _open: dict[tuple[str, int], asyncio.Transport] = {}  # noqa: RUF012

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._open[transport.get_extra_info("peername")[:2]] = transport
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        # Through a proxy the SDK sends head and body apart and holds the body back until the head is acknowledged,
        # which the system delays by 40 ms unless told not to; it forgets being told after a while.
        if _QUICK_ACKNOWLEDGE is not None:
            self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _QUICK_ACKNOWLEDGE, 1)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.pop(self.transport.get_extra_info("peername")[:2], None)
        super().connection_lost(exc)

    @classmethod
    def cut(cls, scope: Scope) -> None:
        """Close the connection of a request without another byte."""
        client: Any = scope.get("client")
        transport = cls._open.get(tuple(client)[:2]) if client else None
        if transport is not None:
            transport.abort()
