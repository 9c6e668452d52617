"""A small HTTP/1.1 server on asyncio and h11 that lets a handler see *which connection* a request came on.

NTLM logs a connection in, not a request, and a machine that loses its power drops every connection at once. Both need
the connection as a thing; ASGI servers keep it to themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import h11

_CHUNK = 64 * 1024
_IDLE_SECONDS = 300.0


class Connection:
    """One TCP (or TLS) connection; compared and kept by identity."""

    def __init__(self, peer: str) -> None:
        self.peer = peer


@dataclass(frozen=True)
class Request:
    """A request with its whole body. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: Connection

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True)
class Response:
    """An answer; the content length is added when it is sent."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


class _BodyTooLargeError(Exception):
    """The client sent more than the server takes."""


class HttpServer:
    """Serves one handler on one address."""

    def __init__(self, handler: Handler, *, max_body_bytes: int) -> None:
        self._handler = handler
        self._max_body_bytes = max_body_bytes
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen. Raises OSError when the address is taken."""
        self._server = await asyncio.start_server(self._accept, host, port, ssl=tls, backlog=64)

    @property
    def port(self) -> int:
        """The port in use, which the system chose when 0 was asked for."""
        assert self._server is not None  # noqa: S101 - asked only between start and stop
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and drop every connection now, as a power cut does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        conversations = list(self._conversations)
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation is not None  # noqa: S101 - asyncio runs this callback in a task of its own
        self._conversations.add(conversation)
        try:
            await self._converse(reader, writer)
        except (OSError, ssl.SSLError, EOFError, TimeoutError, asyncio.CancelledError):
            pass  # the peer is gone, silent, or the power is: nobody is left to tell
        finally:
            self._conversations.discard(conversation)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h11.Connection(h11.SERVER)
        peer = writer.get_extra_info("peername")
        connection = Connection(str(peer[0]) if peer else "unknown")
        while http.states == {h11.CLIENT: h11.IDLE, h11.SERVER: h11.IDLE}:
            try:
                request = await self._read_request(http, reader, writer, connection)
            except h11.RemoteProtocolError as error:
                await self._send(http, writer, Response(error.error_status_hint, b"not HTTP\n"), close=True)
                return
            except _BodyTooLargeError:
                too_large = Response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"request too large\n")
                await self._send(http, writer, too_large, close=True)
                return
            if request is None:
                return
            await self._send(http, writer, await self._handler(request))
            if http.our_state is h11.DONE and http.their_state is h11.DONE:
                http.start_next_cycle()

    async def _read_request(
        self,
        http: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: Connection,
    ) -> Request | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                if http.they_are_waiting_for_100_continue:
                    go_on = http.send(h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[]))
                    writer.write(go_on or b"")
                async with asyncio.timeout(_IDLE_SECONDS):
                    http.receive_data(await reader.read(_CHUNK))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._max_body_bytes:
                    raise _BodyTooLargeError
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head.headers}
                return Request(
                    head.method.decode("ascii"), head.target.decode("latin-1"), headers, bytes(body), connection
                )
            else:
                return None

    async def _send(
        self, http: h11.Connection, writer: asyncio.StreamWriter, response: Response, *, close: bool = False
    ) -> None:
        headers = [*response.headers.items(), ("Content-Length", str(len(response.body)))]
        if close:
            headers.append(("Connection", "close"))
        with contextlib.suppress(h11.LocalProtocolError):  # the client broke off in mid-message
            head = h11.Response(status_code=int(response.status), headers=headers)
            out = http.send(head) or b""
            if response.body:
                out += http.send(h11.Data(data=response.body)) or b""
            out += http.send(h11.EndOfMessage()) or b""
            writer.write(out)
            await writer.drain()
