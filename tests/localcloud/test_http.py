"""What is refused before any rule is asked: unsigned, replayed, oversized and malformed requests."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from localcloud.api import Api
from localcloud.http import MAX_BODY, Worker
from localcloud.server import Switch
from localcloud.signature import Keys, sign

HOST = "cvm.tencentcloudapi.com"


def signed_headers(
    keys: Keys, body: bytes, *, timestamp: int | None = None, service: str = "cvm", action: str = "DescribeZones"
) -> dict[str, str]:
    moment = int(time.time()) if timestamp is None else timestamp
    host = f"{service}.tencentcloudapi.com"
    signed = {"content-type": "application/json", "host": host}
    signature = sign(keys.secret_key, service, moment, "POST", "", signed, body)
    date = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
    return {
        "Content-Type": "application/json",
        "Host": host,
        "X-TC-Action": action,
        "X-TC-Version": "2017-03-12",
        "X-TC-Region": "ap-guangzhou",
        "X-TC-Timestamp": str(moment),
        "Authorization": f"TC3-HMAC-SHA256 Credential={keys.secret_id}/{date}/{service}/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={signature}",
    }


@pytest.fixture
def http(cloud: Any) -> Any:
    with httpx.Client(base_url=cloud.server.url, trust_env=False) as client:
        yield client


def code_of(response: httpx.Response) -> str:
    assert response.status_code == 200
    return str(response.json()["Response"]["Error"]["Code"])


def test_a_signed_request_is_answered(cloud: Any, http: httpx.Client) -> None:
    response = http.post("/", content=b"{}", headers=signed_headers(cloud.server.keys, b"{}"))
    assert response.json()["Response"]["TotalCount"] == 3


def test_an_empty_body_is_no_parameters(cloud: Any, http: httpx.Client) -> None:
    response = http.post("/", content=b"", headers=signed_headers(cloud.server.keys, b""))
    assert response.json()["Response"]["TotalCount"] == 3


@pytest.mark.parametrize("age", [301, 86400, -301])
def test_a_request_signed_long_ago_is_refused_whatever_the_clouds_clock_shows(
    cloud: Any, http: httpx.Client, age: int
) -> None:
    cloud.control.advance(age if age > 0 else 0)
    headers = signed_headers(cloud.server.keys, b"{}", timestamp=int(time.time()) - age)
    assert code_of(http.post("/", content=b"{}", headers=headers)) == "AuthFailure.SignatureExpire"


async def _ends_in_the_middle(cloud: Any) -> list[Any]:
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(parts)

    async def send(part: Any) -> None:
        sent.append(part)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"host", HOST.encode()), (b"content-length", b"100")],
    }
    await Switch(Api(cloud.server.cloud, Worker()), Starlette())(scope, receive, send)
    return sent


def test_a_client_that_ends_in_the_middle_of_its_request_asked_for_nothing(cloud: Any) -> None:
    before = len(cloud.control.journal())
    assert asyncio.run(_ends_in_the_middle(cloud)) == []
    assert len(cloud.control.journal()) == before


def test_a_changed_body_is_refused(cloud: Any, http: httpx.Client) -> None:
    headers = signed_headers(cloud.server.keys, b"{}")
    assert code_of(http.post("/", content=b'{"Limit":1}', headers=headers)) == "AuthFailure.SignatureFailure"


def test_a_changed_host_is_refused(cloud: Any, http: httpx.Client) -> None:
    headers = {**signed_headers(cloud.server.keys, b"{}"), "Host": "cvm.ap-guangzhou.tencentcloudapi.com"}
    assert code_of(http.post("/", content=b"{}", headers=headers)) == "AuthFailure.SignatureFailure"


def test_a_signature_for_another_service_is_refused(cloud: Any, http: httpx.Client) -> None:
    headers = {**signed_headers(cloud.server.keys, b"{}", service="cbs"), "Host": HOST}
    assert code_of(http.post("/", content=b"{}", headers=headers)) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "TC3-HMAC-SHA256 Credential=x"])
def test_an_unsigned_request_is_refused(cloud: Any, http: httpx.Client, authorization: str | None) -> None:
    headers = signed_headers(cloud.server.keys, b"{}")
    del headers["Authorization"]
    if authorization is not None:
        headers["Authorization"] = authorization
    assert code_of(http.post("/", content=b"{}", headers=headers)) == "AuthFailure.InvalidAuthorization"


@pytest.mark.parametrize("missing", ["X-TC-Action", "X-TC-Version", "X-TC-Region", "X-TC-Timestamp"])
def test_a_missing_header_is_named(cloud: Any, http: httpx.Client, missing: str) -> None:
    headers = signed_headers(cloud.server.keys, b"{}")
    del headers[missing]
    answer = http.post("/", content=b"{}", headers=headers).json()["Response"]["Error"]
    assert answer["Code"] == "MissingParameter"
    assert missing in answer["Message"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1, 2",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'"text"',
        b"[]",
        b"null",
        b'{"InstanceIds": ["\\ud800"]}',
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"1" * 5000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(cloud: Any, http: httpx.Client, body: bytes) -> None:
    assert code_of(http.post("/", content=body, headers=signed_headers(cloud.server.keys, body))) == "InvalidParameter"


def test_a_body_over_the_limit_is_refused(cloud: Any, http: httpx.Client) -> None:
    body = b" " * (MAX_BODY + 1)
    headers = signed_headers(cloud.server.keys, body)
    assert code_of(http.post("/", content=body, headers=headers)) == "RequestSizeLimitExceeded"


def test_a_body_over_the_limit_that_does_not_tell_its_size_is_refused(cloud: Any, http: httpx.Client) -> None:
    headers = signed_headers(cloud.server.keys, b"")
    chunks = (b" " * 1024 * 1024 for _ in range(11))
    assert code_of(http.post("/", content=chunks, headers=headers)) == "RequestSizeLimitExceeded"


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/control/meter", "/%2e%2e/keys.json", "/x", "/?a=1"])
def test_the_api_has_one_path(cloud: Any, http: httpx.Client, path: str) -> None:
    response = http.post(path, content=b"{}", headers=signed_headers(cloud.server.keys, b"{}"))
    assert code_of(response) in ("InvalidRequest", "AuthFailure.SignatureFailure")


@pytest.mark.parametrize("path", ["/metadata/../../keys.json", "/metadata/%2e%2e/%2e%2e/keys.json", "/keys.json"])
def test_no_path_leads_to_files(http: httpx.Client, path: str) -> None:
    response = http.get(path)
    assert response.status_code == 404
    assert "secretKey" not in response.text


def test_other_methods_and_content_types_are_refused(cloud: Any, http: httpx.Client) -> None:
    headers = signed_headers(cloud.server.keys, b"")
    assert code_of(http.get("/", headers=headers)) == "UnsupportedProtocol"
    signed = {"content-type": "text/plain", "host": HOST}
    headers["Content-Type"] = "text/plain"
    signature = sign(cloud.server.keys.secret_key, "cvm", int(headers["X-TC-Timestamp"]), "POST", "", signed, b"{}")
    headers["Authorization"] = headers["Authorization"][:-64] + signature
    assert code_of(http.post("/", content=b"{}", headers=headers)) == "UnsupportedProtocol"


def test_a_proxied_request_names_its_host_in_the_target(cloud: Any) -> None:
    """What the official plug-in sends with HTTP_PROXY set: a whole URL as the target."""
    headers = signed_headers(cloud.server.keys, b"{}")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    text = f"POST http://{HOST}/ HTTP/1.1\r\n{lines}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    with socket.create_connection(("127.0.0.1", cloud.server.port)) as connection:
        connection.sendall(text.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["Response"]["TotalCount"] == 3


def test_a_domain_with_a_port_is_served_too(cloud: Any, http: httpx.Client) -> None:
    host = f"cvm.localhost:{cloud.server.port}"
    headers = signed_headers(cloud.server.keys, b"{}")
    signed = {"content-type": "application/json", "host": host}
    signature = sign(cloud.server.keys.secret_key, "cvm", int(headers["X-TC-Timestamp"]), "POST", "", signed, b"{}")
    headers.update(Host=host, Authorization=headers["Authorization"][:-64] + signature)
    assert http.post("/", content=b"{}", headers=headers).json()["Response"]["TotalCount"] == 3


@pytest.mark.parametrize("host", ["evil.example", "cos.tencentcloudapi.com", "cvm", ""])
def test_other_hosts_get_neither_the_api_nor_the_control_interface(http: httpx.Client, host: str) -> None:
    assert http.get("/control/meter", headers={"Host": host}).status_code == 421


def test_only_this_machine_can_connect(cloud: Any) -> None:
    assert cloud.server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("garbage", [b"\x00" * 100, b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"])
def test_garbage_does_not_stop_the_server(cloud: Any, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", cloud.server.port)) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)
    assert cloud.call("cvm", "DescribeZones")["TotalCount"] == 3
