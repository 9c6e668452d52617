"""The hash that the Hub names for a file whose publisher names none: what arrives is held to it.

It is worth as much as the connection to who said it, and an own hash would be worth more; but a cut, a mixture and
another file are found out. Files in git's large file storage have their SHA-256 in `X-Linked-ETag`, beside the size;
for those that lie in git itself `ETag` is git's own hash. A copy of the Hub hands both on, or leads to the Hub.
"""

from __future__ import annotations

import re
import ssl

from guest.download.connection import Request
from guest.download.limits import SourceError
from guest.phrases import phrase

_HEADERS = {
    "User-Agent": "chatglm-bootstrap",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "Range": "bytes=0-0",
}
_DIGESTS = re.compile(r'(?:W/)?"?([0-9a-f]{64}|[0-9a-f]{40})"?')


def named_hash(url: str, timeout: float, context: ssl.SSLContext) -> tuple[str, int | None]:
    """Hash and size of the file behind an address; the size may be unknown.

    Raises SourceError where no hash is named, OSError, `http.client.HTTPException` or ValueError.
    """
    with Request(url, _HEADERS, timeout, context) as request:
        response = request.open()
        for headers in request.answers:
            # Whoever stores the bytes in the end has ETags of its own; the Hub's answers name the commit.
            tag = headers.get("X-Linked-ETag") or (headers.get("ETag") if headers.get("X-Repo-Commit") else None)
            told = _DIGESTS.fullmatch((tag or "").strip())
            if told:
                size = headers.get("X-Linked-Size", "").strip()
                return told[1], int(size) if size.isascii() and size.isdecimal() else None
        if response.status not in (200, 206):
            raise SourceError(phrase("HTTP {status}", status=response.status))
    raise SourceError(phrase("names no hash of the file"))
