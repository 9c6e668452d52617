"""The stand-in works with a cloud on this machine only, and says so plainly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localcloud.plugin.configuration import ConfigurationError, load

KEYS = {"TENCENTCLOUD_SECRET_ID": "AKID1", "TENCENTCLOUD_SECRET_KEY": "k3y-never-shown"}
LOCAL = {**KEYS, "TENCENTCLOUD_PROTOCOL": "HTTP", "HTTP_PROXY": "http://127.0.0.1:9001"}


def complaint(settings: dict[str, str], environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(settings, environment)
    return str(caught.value)


def test_a_proxy_on_this_machine_will_do() -> None:
    loaded = load({}, LOCAL)
    assert loaded.gateway == "http://127.0.0.1:9001"
    assert loaded.domain == "tencentcloudapi.com"
    assert loaded.region == "ap-guangzhou"


@pytest.mark.parametrize("domain", ["localhost:9001", "cloud.localhost:9001", "127.0.0.1:9001"])
def test_a_domain_on_this_machine_will_do(domain: str) -> None:
    loaded = load({"domain": domain, "protocol": "HTTP", "region": "ap-beijing"}, KEYS)
    assert loaded.gateway == "http://127.0.0.1:9001"
    assert loaded.domain == domain
    assert loaded.region == "ap-beijing"


def test_settings_come_before_the_environment() -> None:
    loaded = load({"region": "ap-shanghai", "secretId": "AKID2"}, {**LOCAL, "TENCENTCLOUD_REGION": "ap-beijing"})
    assert (loaded.region, loaded.secret_id) == ("ap-shanghai", "AKID2")


@pytest.mark.parametrize(
    "environment",
    [
        {**KEYS, "TENCENTCLOUD_PROTOCOL": "HTTP"},
        {**LOCAL, "HTTP_PROXY": "http://proxy.example.com:3128"},
        {**LOCAL, "HTTP_PROXY": "http://192.168.1.2:9001"},
        {**LOCAL, "HTTP_PROXY": "http://127.0.0.1.example.com:9001"},
        {**LOCAL, "HTTP_PROXY": "https://127.0.0.1:9001"},
        {**KEYS, "TENCENTCLOUD_PROTOCOL": "HTTP", "TENCENTCLOUD_DOMAIN": "notlocalhost:9001"},
        {**KEYS, "TENCENTCLOUD_PROTOCOL": "HTTP", "TENCENTCLOUD_DOMAIN": "internal.tencentcloudapi.com"},
    ],
)
def test_any_other_machine_is_refused(environment: dict[str, str]) -> None:
    assert "which is not this machine" in complaint({}, environment)


def test_encrypted_calls_are_refused_since_no_proxy_could_hold_them_back() -> None:
    assert "protocol is HTTPS, and must be HTTP" in complaint({"protocol": "HTTPS"}, LOCAL)


def test_all_mistakes_are_told_at_once_with_what_to_do() -> None:
    text = complaint({}, {})
    assert "protocol is HTTPS" in text
    assert "which is not this machine" in text
    assert "Please set your `secretId` and `secretKey`." in text
    assert "python -m localcloud start" in text


def test_no_secret_is_shown() -> None:
    shown = complaint({}, {**LOCAL, "HTTP_PROXY": "http://me:proxy-pass@proxy.example.com:3128"}) + repr(
        load({}, LOCAL)
    )
    assert "k3y-never-shown" not in shown
    assert "proxy-pass" not in shown


def test_the_engine_gets_the_refusal(start_plugin: Callable[[str | None], Any]) -> None:
    plugin = start_plugin(None)
    error = plugin.failure("Configure", {"args": {"region": "ap-guangzhou"}})
    assert "works with the local cloud only" in error.details()
