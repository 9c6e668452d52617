"""A small signed client for benchmarks: one kept-open connection, one request at a time, no library in between.

The official SDK needs longer to make a request than the local cloud to answer it: it cannot show the latter's limits.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localcloud.signature import Keys, sign
from localcloud.wire import VERSIONS


def signed_request(
    keys: Keys, service: str, action: str, body: bytes, changes: Mapping[str, str] | None = None
) -> bytes:
    """A whole HTTP request; `changes` replace headers after the signing."""
    now = int(time.time())
    host = f"{service}.tencentcloudapi.com"
    signed = {"content-type": "application/json", "host": host}
    signature = sign(keys.secret_key, service, now, "POST", "", signed, body)
    date = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    headers = {
        "Host": host,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-TC-Action": action,
        "X-TC-Version": VERSIONS[service],
        "X-TC-Region": "ap-guangzhou",
        "X-TC-Timestamp": str(now),
        "Authorization": f"TC3-HMAC-SHA256 Credential={keys.secret_id}/{date}/{service}/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={signature}",
        **(changes or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST http://{host}/ HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + body


class Connection:
    """One connection to a local cloud; it is opened anew when the server has closed it."""

    def __init__(self, port: int, keys: Keys) -> None:
        self._port = port
        self._keys = keys
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, service: str, action: str, **params: Any) -> dict[str, Any]:
        """The content of the answer's envelope. Raises OSError or ValueError when there is no proper answer."""
        body = json.dumps(params).encode("utf-8")
        status, content = await self.send(signed_request(self._keys, service, action, body))
        if status != 200:
            raise ValueError(f"HTTP status {status}")
        answer: dict[str, Any] = json.loads(content)["Response"]
        return answer

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to these bytes. Raises OSError when the connection ends without one."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
        assert self._reader is not None
        try:
            self._writer.write(request)
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0]) if "content-length:" in head else 0
            content = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.close()
            raise OSError(str(error)) from error
        if "connection: close" in head:
            self.close()
        return status, content

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
