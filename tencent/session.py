"""The keys that sign a call: lasting ones, or those of roles that are taken on when the first call needs them."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tencent.access import Access, AssumedRole
from tencent.errors import CloudError
from words import phrase

#: The meta-data service of a machine; 169.254.0.23 in numbers (product document 213/4934).
ROLE_URL = "http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials/"
_METADATA_SECONDS = 5


@dataclass(frozen=True)
class Keys:
    """Keys, with their token where they are temporary."""

    secret_id: str
    secret_key: str
    token: str = ""


Assume = Callable[[Keys, AssumedRole], Mapping[str, Any]]


class Session:
    """The caller's keys. Any thread may ask; roles are taken on once, and again after `renew`.

    `assume` calls AssumeRole with the keys that it is given and answers its fields; `proxy` is the way to the
    meta-data service where it is not the environment's. Raises what `assume` raises, and CloudError where the machine
    has no such CAM role.
    """

    def __init__(self, access: Access, assume: Assume, proxy: str | None = None) -> None:
        self._access = access
        self._assume = assume
        self._proxy = proxy
        self._keys: Keys | None = None
        self._lock = threading.Lock()

    @property
    def is_temporary(self) -> bool:
        """Whether the keys can be had anew when their time is over."""
        return bool(self._access.cam_role or self._access.roles)

    def keys(self) -> Keys:
        with self._lock:
            if self._keys is None:
                self._keys = self._log_in()
            return self._keys

    def renew(self, expired: Keys) -> None:
        """Forget keys whose time is over; another thread may have done so already."""
        with self._lock:
            if self._keys == expired:
                self._keys = None

    def _log_in(self) -> Keys:
        access = self._access
        keys = Keys(access.secret_id, access.secret_key, access.token)
        if access.cam_role:
            keys = _keys(self._machine_role(access.cam_role))
        for role in access.roles:
            keys = _keys(self._assume(keys, role)["Credentials"])
        return keys

    def _machine_role(self, name: str) -> Mapping[str, Any]:
        handlers = [] if self._proxy is None else [urllib.request.ProxyHandler({"http": self._proxy})]
        try:
            with urllib.request.build_opener(*handlers).open(ROLE_URL + name, timeout=_METADATA_SECONDS) as response:
                answer: Mapping[str, Any] = json.loads(response.read())
        except (OSError, ValueError) as error:
            told = phrase(
                "the machine's meta-data service gives no keys of the CAM role {name}: {error}", name=name, error=error
            )
            raise CloudError(phrase("CAM role"), "ClientError.MetadataError", told) from error
        return answer


def _keys(answer: Mapping[str, Any]) -> Keys:
    return Keys(answer["TmpSecretId"], answer["TmpSecretKey"], answer["Token"])
