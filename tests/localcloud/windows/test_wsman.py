"""What the WinRM endpoint makes of requests that no decent client sends."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localcloud.windows import wsman
from localcloud.windows.certificate import ensure_certificate
from localcloud.windows.http_server import HttpServer, Request, Response
from localcloud.windows.shells import CommandLine, ShellHost
from localcloud.windows.streams import CommandStreams
from tests.waiting import HANG_SECONDS


class NoCommands:
    async def run(self, line: CommandLine, streams: CommandStreams) -> int:
        return 0


def envelope(
    action: str = wsman.ACTION_CREATE, resource: str = wsman.SHELL_RESOURCE, body: str = "", shell_id: str = ""
) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"'
        f' xmlns:rsp="{wsman.SHELL_NAMESPACE}"><s:Header><a:Action>{action}</a:Action>'
        f"<a:MessageID>uuid:1</a:MessageID><w:ResourceURI>{resource}</w:ResourceURI>"
        "<w:OperationTimeout>PT1M0.5S</w:OperationTimeout><w:MaxEnvelopeSize>1</w:MaxEnvelopeSize>"
        f'<w:SelectorSet><w:Selector Name="ShellId">{shell_id}</w:Selector></w:SelectorSet>'
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        pytest.param(b"", "not XML", id="empty"),
        pytest.param(b"<a>", "not XML", id="open element"),
        pytest.param(b"<a/>", "no SOAP", id="another document"),
        pytest.param(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type", id="entities"),
        pytest.param(b"x" * (wsman.SERVER_MAX_ENVELOPE_BYTES + 1), "MaxEnvelopeSizekb", id="too large"),
        pytest.param(envelope(resource="http://example.com/wmi"), "only the command shell", id="another resource"),
        pytest.param(envelope(action="http://example.com/Fly"), "not supported", id="another action"),
        pytest.param(envelope(action=wsman.ACTION_COMMAND, shell_id="X"), "does not exist", id="no such shell"),
        pytest.param(envelope(action=wsman.ACTION_DELETE), "does not exist", id="no shell named"),
    ],
)
async def test_faults(request_: bytes, reason: str) -> None:
    answer = await ShellHost(NoCommands()).handle(request_)
    assert answer.status == 500
    assert b"<s:Fault>" in answer.body
    assert reason in answer.body.decode()


def test_limits_of_a_request_are_read() -> None:
    request = wsman.parse_request(envelope())
    assert request.timeout == 60.5
    assert request.max_envelope == 8192, "smaller envelopes could not carry any output"


async def test_input_that_is_no_base64_is_a_fault() -> None:
    host = ShellHost(NoCommands())
    created = await host.handle(envelope())
    shell = created.body.decode().split('Name="ShellId">')[1].split("<")[0]
    line = "<rsp:CommandLine><rsp:Command>x</rsp:Command></rsp:CommandLine>"
    started = await host.handle(envelope(wsman.ACTION_COMMAND, body=line, shell_id=shell))
    command = started.body.decode().split("<rsp:CommandId>")[1].split("<")[0]
    stream = f'<rsp:Send><rsp:Stream Name="stdin" CommandId="{command}">*</rsp:Stream></rsp:Send>'
    answer = await host.handle(envelope(wsman.ACTION_SEND, body=stream, shell_id=shell))
    assert b"not base64" in answer.body
    await host.stop()


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async def echo(request: Request) -> Response:
        return Response(200, f"{request.method} {request.path} {len(request.body)}".encode())

    running = HttpServer(echo, max_body_bytes=1000)
    await running.start("127.0.0.1", 0)
    yield running
    await running.stop()


async def talk(server: HttpServer, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    writer.write_eof()
    received = await asyncio.wait_for(reader.read(), HANG_SECONDS)
    writer.close()
    return received


async def test_requests_follow_one_another_on_a_connection(server: HttpServer) -> None:
    one = b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    answers = await talk(server, one + one)
    assert answers.count(b"POST /a 2") == 2


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01 this is TLS\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001, b"413"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
    ],
)
async def test_broken_requests_are_answered_and_the_connection_ends(
    server: HttpServer, sent: bytes, status: bytes
) -> None:
    assert (await talk(server, sent)).startswith(b"HTTP/1.1 " + status)


async def test_a_half_request_does_no_harm(server: HttpServer) -> None:
    await talk(server, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
    assert (await talk(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"GET / 0")


def test_only_present_tls_is_spoken(tmp_path: Path) -> None:
    certificate = ensure_certificate(tmp_path, "chatglm", datetime.datetime.now(datetime.UTC))
    assert certificate.server_context().minimum_version == ssl.TLSVersion.TLSv1_2
