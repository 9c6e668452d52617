"""The stand-in works with a cloud on this machine only, and says so plainly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localcloud.plugin.configuration import ConfigurationError, load
from tests.localcloud.conftest import Served

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
    assert (loaded.region, loaded.access.secret_id) == ("ap-shanghai", "AKID2")


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


ROLE = {"roleArn": "qcs::cam::uin/1:roleName/operator", "sessionName": "me", "sessionDuration": 600}


def test_an_unknown_way_to_log_in_is_refused() -> None:
    assert "mfaCertification: the stand-in does not have" in complaint({"mfaCertification": "{}"}, LOCAL)


def test_a_list_of_accounts_must_be_one() -> None:
    assert load({"allowedAccountIds": '["1", "2"]'}, LOCAL).allowed_account_ids == ("1", "2")
    assert "allowedAccountIds: '1' is not a list" in complaint({"allowedAccountIds": "1"}, LOCAL)


def configure(cloud: Served, start_plugin: Callable[[str | None], Any], **arguments: str) -> Any:
    """A plug-in that was given the keys of the cloud's first account, where `arguments` give no others."""
    keys = cloud.control.keys()
    given = {"protocol": "HTTP", "secretId": keys.secret_id, "secretKey": keys.secret_key, **arguments}
    plugin = start_plugin(cloud.server.url)
    plugin.call("Configure", {"acceptSecrets": True, "args": given})
    return plugin


def callers(cloud: Served) -> set[str]:
    """Who asked for images."""
    return {call.caller for call in cloud.control.journal() if call.action == "DescribeImages"}


IMAGES = {"tok": "tencentcloud:Images/getInstance:getInstance", "args": {}}


def test_a_role_is_taken_on_before_the_first_call(cloud: Served, start_plugin: Callable[[str | None], Any]) -> None:
    user = cloud.control.add_user("intern")
    arn = cloud.control.add_role("operator")
    cloud.control.deny("cvm:DescribeImages", principal="intern")
    own = {"secretId": user.secret_id, "secretKey": user.secret_key}
    refused = configure(cloud, start_plugin, **own).failure("Invoke", IMAGES)
    assert "AuthFailure.UnauthorizedOperation" in refused.details()
    role = json.dumps({**ROLE, "roleArn": arn})
    configure(cloud, start_plugin, **own, assumeRole=role).call("Invoke", IMAGES)


def test_the_environment_names_a_role_too(
    cloud: Served, start_plugin: Callable[[str | None], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = cloud.control.add_account("colleague")
    arn = cloud.control.add_role("operator", "colleague", trusted=["default"])
    monkeypatch.setenv("TENCENTCLOUD_ASSUME_ROLE_ARN", arn)
    allowed = json.dumps([other.account])
    with pytest.raises(Exception, match="TencentCloud account ID not allowed: 100000000001"):
        configure(cloud, start_plugin, allowedAccountIds=allowed)
    monkeypatch.setenv("TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME", "me")
    configure(cloud, start_plugin, allowedAccountIds=allowed).call("Invoke", IMAGES)


def test_a_role_that_does_not_exist_is_refused(cloud: Served, start_plugin: Callable[[str | None], Any]) -> None:
    with pytest.raises(Exception, match=r"Get auth from assume role failed.*RoleNotFound"):
        configure(cloud, start_plugin, assumeRole=json.dumps(ROLE))


def test_a_forbidden_account_is_refused(cloud: Served, start_plugin: Callable[[str | None], Any]) -> None:
    with pytest.raises(Exception, match="TencentCloud account ID not allowed: 100000000001"):
        configure(cloud, start_plugin, forbiddenAccountIds='["100000000001"]')
    configure(cloud, start_plugin, allowedAccountIds='["100000000001"]', forbiddenAccountIds='["2"]')


def test_a_profile_and_a_machines_role_serve_where_no_keys_are_given(
    cloud: Served, start_plugin: Callable[[str | None], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = cloud.control.add_user("intern")
    profile = {"secretId": user.secret_id, "secretKey": user.secret_key}
    (tmp_path / "night.credential").write_text(json.dumps(profile), encoding="utf-8")
    none = {"secretId": "", "secretKey": ""}
    plugin = start_plugin(cloud.server.url)
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID")
    monkeypatch.delenv("TENCENTCLOUD_SECRET_KEY")
    configure(cloud, start_plugin, **none, profile="night", sharedCredentialsDir=str(tmp_path)).call("Invoke", IMAGES)
    assert callers(cloud) == {user.uin}
    cloud.control.add_role("operator")
    configure(cloud, start_plugin, **none, camRoleName="operator").call("Invoke", IMAGES)
    assert callers(cloud) == {user.uin, "100000000001"}
    refused = plugin.failure("Configure", {"args": {"protocol": "HTTP", "camRoleName": "nobody"}})
    assert "no keys of the CAM role nobody" in refused.details()
