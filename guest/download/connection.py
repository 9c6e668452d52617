"""One GET request: redirects on every version of Python, bounded headers, and an end that comes from outside.

`urllib` of Python 3.10 does not follow a 308, and reads the body of a redirect to its end, which need not come.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urljoin, urlsplit

from guest.download.limits import SourceError
from guest.phrases import phrase

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 10
#: What may stand in an address as it is; the rest of it is encoded, as browsers do with a redirect's address.
_PLAIN = "%/:=&?~#+!$,;'@()*[]"


def tls_context() -> ssl.SSLContext:
    """Windows fetches rarer root certificates only when its own programs ask, so pip's bundle is added."""
    context = ssl.create_default_context()
    try:
        from pip._vendor import certifi

        context.load_verify_locations(certifi.where())
    except (ImportError, OSError):
        pass
    return context


class Request:
    """A GET request that `cut` ends from another thread. No proxies: a machine in the cloud has none."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float, context: ssl.SSLContext) -> None:
        self._url, self._headers, self._timeout, self._context = url, dict(headers), timeout, context
        self._connection: http.client.HTTPConnection | None = None
        # Held apart: the connection forgets it when the server says that it will close.
        self._socket: socket.socket | None = None
        self.cut_off = False
        #: The headers of each answer, those of redirects among them.
        self.answers: list[http.client.HTTPMessage] = []

    def __enter__(self) -> Request:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def open(self) -> http.client.HTTPResponse:
        """The response with its headers read, whatever its status.

        Raises SourceError for redirects that lead nowhere, and what `http.client` raises (ValueError among it).
        """
        url = self._url
        for _ in range(_MAX_REDIRECTS):
            response = self._get(url)
            self.answers.append(response.headers)
            if response.status not in _REDIRECTS:
                return response
            target = response.getheader("Location")
            if not target:
                raise SourceError(phrase("HTTP {status} without an address", status=response.status))
            following = urljoin(url, target)
            if url.startswith("https:") and not following.startswith("https:"):
                raise SourceError(phrase("leads from https to {following}", following=following[:60]))
            url = following
        raise SourceError(phrase("redirects without an end"))

    def cut(self) -> None:
        """End the request now; what reads from it gets an error or the end."""
        self.cut_off = True
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _get(self, url: str) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(phrase("leads to {url}, which is no web address", url=url[:60]))
        if self._connection is not None:
            self._connection.close()
        port = parts.port  # raises ValueError for a number that is none
        if parts.scheme == "https":
            self._connection = http.client.HTTPSConnection(
                parts.hostname, port, timeout=self._timeout, context=self._context
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, port, timeout=self._timeout)
        path = quote(parts.path or "/", _PLAIN) + (f"?{quote(parts.query, _PLAIN)}" if parts.query else "")
        self._connection.connect()
        self._socket = self._connection.sock
        self._connection.request("GET", path, headers=self._headers)
        return self._connection.getresponse()
