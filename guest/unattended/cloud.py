"""The machine's own way to Tencent Cloud: its metadata, the temporary keys of the role that it carries, signed calls.

Standard library only: the machine has no SDK. Requests are signed by TC3-HMAC-SHA256 (Tencent Cloud, "Signature v3").
"""

from __future__ import annotations

import email.utils
import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from guest.phrases import phrase

METADATA = "http://metadata.tencentyun.com/latest/meta-data"
#: Another place of the metadata and of the API: the local cloud's machines reach theirs by it.
METADATA_VARIABLE, API_VARIABLE = "CHATGLM_METADATA", "CHATGLM_API"
_DOMAIN = "tencentcloudapi.com"
_VERSIONS = {"cvm": "2017-03-12"}
_CONTENT_TYPE = "application/json"
_SIGNED = "content-type;host"
_METADATA_SECONDS, _CALL_SECONDS = 5.0, 30.0
#: What keys answer whose time is over: they are taken anew, once.
_EXPIRED = ("AuthFailure.TokenFailure", "AuthFailure.SecretIdNotFound", "AuthFailure.InvalidSecretId")
#: What a machine answers whose wall clock is wrong: the cloud's own time is taken instead, once.
_LATE = "AuthFailure.SignatureExpire"
_THROTTLED = "RequestLimitExceeded"
_THROTTLE_PAUSES = (0.5, 1.0, 2.0, 4.0)


class CloudError(Exception):
    """The cloud refused, or gave no answer: then `code` is empty, and nobody knows whether the call arrived."""

    def __init__(self, action: str, code: str, message: str) -> None:
        super().__init__(
            f"{action}: {code} ({message})"
            if code
            else phrase("{action}: no answer ({message})", action=action, message=message)
        )
        self.action, self.code, self.message = action, code, message

    @property
    def is_unsure(self) -> bool:
        """Whether the call may have been carried out all the same."""
        return not self.code or self.code.startswith(("InternalError", "ServerNetworkError"))


class NoRoleError(Exception):
    """The machine carries no role, or another one than it was told."""


@dataclass(frozen=True)
class Keys:
    """Temporary keys of a role."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)


def sign(keys: Keys, host: str, body: bytes, timestamp: int) -> str:
    """The Authorization header of one call (TC3-HMAC-SHA256); `host` names the service by its first part."""
    service = host.partition(".")[0]
    headers = f"content-type:{_CONTENT_TYPE}\nhost:{host}\n"
    canonical = "\n".join(("POST", "/", "", headers, _SIGNED, hashlib.sha256(body).hexdigest()))
    date = datetime.fromtimestamp(timestamp, timezone.utc).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"TC3{keys.secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}".encode(), hashlib.sha256).hexdigest()
    return f"TC3-HMAC-SHA256 Credential={keys.secret_id}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"


class Metadata:
    """What the metadata service tells this machine. Every verb gives None where it is silent or knows nothing."""

    def __init__(self, url: str | None = None) -> None:
        self._url = (url or os.environ.get(METADATA_VARIABLE) or METADATA).rstrip("/")
        # Never through a proxy: it would tell of the proxy's own machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def read(self, path: str) -> str | None:
        try:
            with self._opener.open(f"{self._url}/{path}", timeout=_METADATA_SECONDS) as response:
                return str(response.read(65536).decode("utf-8").strip()) or None
        except (OSError, ValueError):
            return None

    def instance_id(self) -> str | None:
        found = self.read("instance-id")
        return found if found and found.startswith("ins-") else None

    def keys(self, role: str) -> Keys:
        """Raises NoRoleError where the machine does not carry the role, CloudError where the service is silent."""
        told = self.read(f"cam/security-credentials/{role}")
        try:
            row = json.loads(told or "")
            return Keys(str(row["TmpSecretId"]), str(row["TmpSecretKey"]), str(row["Token"]))
        except (ValueError, KeyError, TypeError):
            if self.instance_id() is None:
                raise CloudError("metadata", "", phrase("the metadata service is silent")) from None
            carried = self.read("cam/security-credentials/") or "none"
            raise NoRoleError(
                phrase(
                    "The metadata service gives no keys of the role {role}; it knows: {carried}.",
                    role=role,
                    carried=carried,
                )
            ) from None


class Client:
    """Calls the cvm API as the role `role`, in one region."""

    def __init__(
        self,
        metadata: Metadata,
        role: str,
        region: str,
        *,
        api: str | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._metadata, self._role, self._region = metadata, role, region
        self._api = (api or os.environ.get(API_VARIABLE) or "").rstrip("/")
        self._now, self._sleep = now, sleep
        self._keys: Keys | None = None
        self._ahead = 0.0  # how far the cloud's clock is ahead of this machine's
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """One call. Keys whose time is over are taken anew, a wrong wall clock is made up for, each once.

        Raises CloudError, and NoRoleError where there are no keys.
        """
        may_renew = may_set_clock = True
        pauses = iter(_THROTTLE_PAUSES)
        while True:
            if self._keys is None:
                self._keys = self._metadata.keys(self._role)
            try:
                return self._once(self._keys, action, parameters)
            except CloudError as error:
                if error.code.startswith(_EXPIRED) and may_renew:
                    may_renew, self._keys = False, None
                elif error.code.startswith(_LATE) and may_set_clock:
                    may_set_clock = False
                elif error.code.startswith(_THROTTLED) and (pause := next(pauses, None)) is not None:
                    self._sleep(pause)
                else:
                    raise

    def _once(self, keys: Keys, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        host = f"cvm.{_DOMAIN}"
        body = json.dumps(parameters).encode()
        timestamp = int(self._now() + self._ahead)
        request = urllib.request.Request(  # noqa: S310 - Tencent's own address, or the local cloud's
            f"{self._api or f'https://{host}'}/",
            body,
            {
                "Authorization": sign(keys, host, body, timestamp),
                "Content-Type": _CONTENT_TYPE,
                "Host": host,
                "X-TC-Action": action,
                "X-TC-Timestamp": str(timestamp),
                "X-TC-Version": _VERSIONS["cvm"],
                "X-TC-Region": self._region,
                "X-TC-Token": keys.token,
                "X-TC-Language": "en-US",
            },
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=_CALL_SECONDS) as response:
                told, date = json.load(response), response.headers.get("Date")
            answer: dict[str, Any] = told["Response"]
        except urllib.error.HTTPError as error:
            error.close()
            raise CloudError(action, "", f"HTTP {error.code}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CloudError(action, "", str(error) or type(error).__name__) from None
        refusal = answer.get("Error")
        if refusal:
            self._note_time(date)
            raise CloudError(action, str(refusal.get("Code")), str(refusal.get("Message")))
        return answer

    def _note_time(self, date: str | None) -> None:
        try:
            self._ahead = email.utils.parsedate_to_datetime(date or "").timestamp() - self._now()
        except (ValueError, TypeError):
            return
