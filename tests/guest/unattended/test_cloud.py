"""Calls that the machine signs itself: the same signature as the official SDK's."""

from __future__ import annotations

from typing import Any

import pytest

from guest.unattended.cloud import Keys, sign

KEYS = Keys("AKIDmachine", "a secret of the role", "a token")


@pytest.mark.parametrize("parameters", [{}, {"InstanceIds": ["ins-1"]}, {"ImageName": "停放 of dev", "DryRun": True}])
def test_a_call_bears_the_signature_that_the_official_sdk_gives_it(parameters: dict[str, Any]) -> None:
    sdk = pytest.importorskip("tencentcloud.common.abstract_client")
    credential = pytest.importorskip("tencentcloud.common.credential")
    http = pytest.importorskip("tencentcloud.common.http.request")
    client = sdk.AbstractClient(credential.Credential(KEYS.secret_id, KEYS.secret_key, KEYS.token), "ap-guangzhou")
    client._service, client._endpoint, client._apiVersion = "cvm", "cvm.tencentcloudapi.com", "2017-03-12"
    request = http.RequestInternal("cvm.tencentcloudapi.com", "POST", "/", {})
    client._build_req_with_tc3_signature("CreateImage", parameters, request)
    timestamp = int(request.header["X-TC-Timestamp"])
    assert sign(KEYS, request.header["Host"], request.data.encode(), timestamp) == request.header["Authorization"]


def test_keys_are_in_nothing_that_is_printed() -> None:
    assert "secret of the role" not in repr(KEYS)
    assert "a token" not in repr(KEYS)
