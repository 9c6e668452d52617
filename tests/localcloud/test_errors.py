"""Every error code that the local cloud knows, each brought about through the official SDK's client."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import localcloud
from localcloud.wire import VERSIONS

from .error_cases import Case
from .identity_errors import IDENTITY_ERRORS
from .launch_errors import LAUNCH_ERRORS
from .machine_errors import MACHINE_ERRORS
from .network_errors import NETWORK_ERRORS
from .storage_errors import STORAGE_ERRORS

CASES = LAUNCH_ERRORS + MACHINE_ERRORS + STORAGE_ERRORS + NETWORK_ERRORS + IDENTITY_ERRORS
SOURCE = Path(localcloud.__file__).parent

# These need requests that the SDK cannot send; test_http.py sends them.
ELSEWHERE = {
    "AuthFailure.InvalidAuthorization",
    "AuthFailure.SignatureExpire",
    "InvalidRequest",
    "RequestSizeLimitExceeded",
    "UnsupportedProtocol",
}


@pytest.mark.parametrize(("code", "case"), CASES, ids=[f"{i}-{code}" for i, (code, _) in enumerate(CASES)])
def test_error(cloud: Any, code: str, case: Case) -> None:
    assert case(cloud) == code


def test_no_code_is_left_out() -> None:
    pattern = re.compile(r'"((?:[A-Z][A-Za-z]+\.[A-Z][A-Za-z]+)|InternalError|RequestLimitExceeded|UnknownParameter)"')
    raised: set[str] = set()
    for path in [*SOURCE.glob("*.py"), *(SOURCE / "services").glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        raised |= set(pattern.findall(text))
        raised |= set(re.findall(r'ApiError\(\s*"([\w.]+)"', text))
    dotted_names = {"Placement.Zone", "DataDisks.DiskSize"}
    assert raised - dotted_names - {code for code, _ in CASES} - ELSEWHERE == set()
    assert ELSEWHERE & {code for code, _ in CASES} == set()


# The codes that Tencent documents for all services (API 3.0, "Common error codes").
COMMON = {
    "ActionOffline",
    "AuthFailure.InvalidAuthorization",
    "AuthFailure.InvalidSecretId",
    "AuthFailure.SecretIdNotFound",
    "AuthFailure.SignatureExpire",
    "AuthFailure.SignatureFailure",
    "AuthFailure.TokenFailure",
    "AuthFailure.UnauthorizedOperation",
    "InternalError",
    "InvalidAction",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidRequest",
    "LimitExceeded",
    "MissingParameter",
    "NoSuchVersion",
    "RequestLimitExceeded",
    "RequestSizeLimitExceeded",
    "ResourceInUse",
    "ResourceNotFound",
    "UnknownParameter",
    "UnsupportedOperation",
    "UnsupportedProtocol",
    "UnsupportedRegion",
}


def test_every_code_is_one_of_tencents() -> None:
    known = set(COMMON)
    for service, version in VERSIONS.items():
        module = import_module(f"tencentcloud.{service}.v{version.replace('-', '')}.errorcodes")
        known |= {value for name, value in vars(module).items() if name.isupper()}
    assert {code for code, _ in CASES} | ELSEWHERE <= known
