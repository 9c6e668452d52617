"""Tencent's codes in plain words."""

from __future__ import annotations

import pytest
from requests.exceptions import InvalidSchema

from operate.errors import ExitCode, from_cloud
from tencent.access import Access
from tencent.cloud import Cloud
from tencent.errors import ADVICE, CloudError, explain


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ResourcesSoldOut.SpecifiedInstanceType", "no stock"),
        ("InvalidImageId.Malformed", "does not fit or is gone"),
        ("UnsupportedOperation.InstanceStateStopped", "wrong state"),
        ("UnauthorizedOperation.MFAExpired", "CAM policy"),
        ("InvalidAccount.InsufficientBalance", "balance"),
    ],
)
def test_a_code_or_the_family_before_its_dot_is_explained(code: str, said: str) -> None:
    assert said in explain(code)[0]


def test_the_longer_match_wins() -> None:
    assert "real-name" not in explain("InvalidParameterValue.InvalidImageId")[0]
    assert explain("InvalidParameterValue.InvalidImageForGivenInstanceType") == ADVICE["InvalidImageId"]


def test_an_unknown_code_keeps_tencents_own_words() -> None:
    error = CloudError("RunInstances", "NeverSeen.Before", "Something odd.", "req-1")
    assert explain("NeverSeen.Before") == ("", "")
    assert str(error) == "RunInstances: Something odd (NeverSeen.Before: Something odd, request req-1)."


def test_every_code_has_a_meaning_and_an_advice() -> None:
    assert all(meaning and advice for meaning, advice in ADVICE.values())


def no_socks(*_: object, **__: object) -> None:
    raise InvalidSchema("Missing dependencies for SOCKS support.")


@pytest.mark.parametrize(
    ("proxy", "code"),
    [
        ("socks5://127.0.0.1:9", "ClientNetworkError.SocksProxy"),
        ("socks5h://127.0.0.1:9", "ClientNetworkError.SocksProxy"),
        ("http://127.0.0.1:9", "ClientNetworkError.Proxy"),
        ("http://", "ClientNetworkError.ProxyAddress"),
        ("ftp://127.0.0.1:9", "ClientNetworkError.ProxyAddress"),
    ],
)
def test_what_is_wrong_with_a_proxy_is_named(monkeypatch: pytest.MonkeyPatch, proxy: str, code: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    # As without PySocks, which nobody who only uses the project has.
    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", no_socks)
    access = Access("id", "key", "", "ap-guangzhou", "HTTP", "tencentcloudapi.com")
    with pytest.raises(CloudError) as caught:
        Cloud(access, patience_seconds=0.1).call("cvm", "DescribeZones")
    assert caught.value.code == code
    assert "PROXY" in caught.value.reason
    assert from_cloud(caught.value).code is ExitCode.NO_CONNECTION
