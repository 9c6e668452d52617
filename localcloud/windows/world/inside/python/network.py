"""Names and pauses of the machine's Python: every name leads to the local internet; long pauses are shortened."""

from __future__ import annotations

import ipaddress
import os
import posix
import socket
import time
from typing import Any

from localcloud.windows.world.inside.where import RUN

_look_up = socket.getaddrinfo
_sleep = time.sleep
_plain_bind = socket.socket.bind
#: Pauses up to this many seconds last as long as they say.
SHORT_SECONDS = 5.0


def install() -> None:
    """Replace the lookup of names and `time.sleep`."""
    socket.getaddrinfo = _getaddrinfo
    socket.socket.bind = _bind  # type: ignore[method-assign,assignment]
    time.sleep = _shortened  # type: ignore[assignment]
    os.environ["SSL_CERT_FILE"] = os.environ["WORLD_CA"]


def _bind(self: socket.socket, address: Any) -> None:
    """Windows lets a port be taken whose last connections have just ended; a living listener is in the way."""
    self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _plain_bind(self, address)


def _getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
    if host is None or _is_here(str(host)):
        return _look_up(host, port, *rest, **options)
    if posix.access(f"{RUN}/no-names", os.F_OK):
        raise socket.gaierror(11001, "getaddrinfo failed")
    http, https = os.environ["WORLD_INTERNET"].split(":")
    where = {80: http, "80": http, "http": http, 443: https, "443": https, "https": https}.get(port)
    if where is None:
        raise socket.gaierror(11001, "getaddrinfo failed")
    return _look_up("127.0.0.1", int(where), *rest, **options)


def _is_here(host: str) -> bool:
    if host in {"", "localhost", os.environ.get("COMPUTERNAME", "")}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback or host == "0.0.0.0"  # noqa: S104
    except ValueError:
        return False


def _shortened(seconds: float) -> None:
    scale = float(os.environ.get("WORLD_HASTE", "1"))
    _sleep(seconds / scale if seconds > SHORT_SECONDS else seconds)
