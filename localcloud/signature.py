"""TC3-HMAC-SHA256 as Tencent documents it (API 3.0 signature v3), checked for real."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from localcloud.errors import ApiError, missing

ALGORITHM = "TC3-HMAC-SHA256"
MAX_CLOCK_DIFFERENCE = 300

_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256\s+Credential=([^/\s]+)/(\d{4}-\d{2}-\d{2})/(\w+)/tc3_request,\s*"
    r"SignedHeaders=([\w;-]+),\s*Signature=([0-9a-f]{64})"
)


Signer = TypeVar("Signer")


@dataclass(frozen=True)
class Keys:
    """A pair of keys."""

    secret_id: str
    secret_key: str


def check_signature(
    find_key: Callable[[str, str], tuple[str, Signer]],
    service: str,
    method: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Signer:
    """Who signed the request. Raises ApiError (AuthFailure.*, MissingParameter) unless it was signed just now.

    `find_key` gives the secret key for a SecretId and a token, and whose it is; it raises ApiError for unknown ones.
    The time is the computer's, whatever the cloud's clock shows: it guards against replayed requests.
    """
    authorization = headers.get("authorization")
    if authorization is None:
        raise ApiError("AuthFailure.InvalidAuthorization", "The request has no `Authorization` header.")
    match = _AUTHORIZATION.fullmatch(authorization.strip())
    if match is None:
        raise ApiError(
            "AuthFailure.InvalidAuthorization",
            f"The `Authorization` header is not of the form that {ALGORITHM} prescribes.",
        )
    secret_id, date, signed_service, names, signature = match.groups()
    timestamp = _timestamp(headers)
    if abs(time.time() - timestamp) > MAX_CLOCK_DIFFERENCE:
        raise ApiError(
            "AuthFailure.SignatureExpire",
            f"The request's time differs by {abs(int(time.time()) - timestamp)} seconds; "
            f"{MAX_CLOCK_DIFFERENCE} are allowed. Set the computer's clock.",
        )
    secret_key, signer = find_key(secret_id, headers.get("x-tc-token", ""))
    if signed_service != service or date != _date(timestamp):
        raise ApiError("AuthFailure.SignatureFailure", "The credential's scope is for another service or day.")
    signed = names.split(";")
    if not {"content-type", "host"} <= set(signed):
        raise ApiError("AuthFailure.SignatureFailure", "`content-type` and `host` must be among the signed headers.")
    if any(name not in headers for name in signed):
        raise ApiError("AuthFailure.SignatureFailure", "A signed header is not in the request.")
    expected = sign(secret_key, service, timestamp, method, query, {n: headers[n] for n in signed}, body)
    if not hmac.compare_digest(expected, signature):
        raise ApiError(
            "AuthFailure.SignatureFailure",
            "The provided credentials could not be validated. Please check your signature is correct.",
        )
    return signer


def sign(
    secret_key: str,
    service: str,
    timestamp: int,
    method: str,
    query: str,
    signed_headers: Mapping[str, str],
    body: bytes,
) -> str:
    """The signature, in hex, of a request with path / and these headers (names in lower case, in order)."""
    lines = "".join(f"{name}:{value.strip().lower()}\n" for name, value in signed_headers.items())
    names = ";".join(signed_headers)
    canonical = "\n".join((method, "/", query, lines, names, hashlib.sha256(body).hexdigest()))
    date = _date(timestamp)
    digest = hashlib.sha256(canonical.encode("utf-8")).hexdigest()
    text = "\n".join((ALGORITHM, str(timestamp), f"{date}/{service}/tc3_request", digest))
    key = f"TC3{secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode("utf-8"), hashlib.sha256).hexdigest()


def _timestamp(headers: Mapping[str, str]) -> int:
    text = headers.get("x-tc-timestamp")
    if text is None:
        raise missing("X-TC-Timestamp")
    if not re.fullmatch(r"\d{1,12}", text, re.ASCII):
        raise ApiError("InvalidParameter", "`X-TC-Timestamp` must be seconds since 1970.")
    return int(text)


def _date(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
