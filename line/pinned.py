"""HTTPS to a server with exactly one certificate, whoever signed it and whatever name it carries."""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter


class PinnedAdapter(HTTPAdapter):
    """For a session that verifies nothing else. A server with another certificate raises requests' SSLError.

    `fingerprint` is the SHA-256 of the certificate in hex, with or without colons.
    """

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, assert_fingerprint=self._fingerprint, **kwargs)
