"""Keys, roles and region, taken from where the official plug-in takes them; and what is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tencent.access import Access, AccessError, AssumedRole
from tencent.cloud import Cloud
from tencent.errors import CloudError
from tests.localcloud.conftest import Served

KEYS = {"TENCENTCLOUD_SECRET_ID": "AKID1", "TENCENTCLOUD_SECRET_KEY": "k3y-never-shown"}
ARN = "qcs::cam::uin/1:roleName/operator"
ENVIRONMENT_ROLE = {"TENCENTCLOUD_ASSUME_ROLE_ARN": ARN, "TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME": "env"}


def role(**changes: object) -> dict[str, str]:
    given = {"roleArn": ARN, "sessionName": "config", "sessionDuration": 600, **changes}
    return {"tencentcloud:assumeRole": json.dumps(given)}


def find(config: dict[str, str], environment: dict[str, str]) -> Access:
    access = Access.find(config, environment)
    assert access is not None
    return access


def test_roles_are_taken_on_one_after_the_other_the_configured_one_last() -> None:
    found = find(role(externalId="x"), {**KEYS, **ENVIRONMENT_ROLE, "TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION": "900"})
    assert found.roles == (AssumedRole(ARN, "env", 900), AssumedRole(ARN, "config", 600, external_id="x"))


def test_the_profile_is_asked_where_no_keys_are_given_and_its_role_counts_there_alone(tmp_path: Path) -> None:
    profile = {"secretId": "p", "secretKey": "k", "role-arn": ARN, "role-session-name": "profile"}
    (tmp_path / "night.credential").write_text(json.dumps(profile), encoding="utf-8")
    config = {"tencentcloud:profile": "night", "tencentcloud:sharedCredentialsDir": str(tmp_path)}
    found = find(config, {})
    assert (found.secret_id, found.roles) == ("p", (AssumedRole(ARN, "profile"),))
    assert find(config, KEYS).roles == ()
    by_environment = {
        "TENCENTCLOUD_PROFILE": "night",
        "TENCENTCLOUD_SHARED_CREDENTIALS_DIR": str(tmp_path),
    }
    assert find({}, by_environment).secret_id == "p"


def test_a_machines_role_needs_no_keys(tmp_path: Path) -> None:
    nowhere = {"TENCENTCLOUD_SHARED_CREDENTIALS_DIR": str(tmp_path)}
    assert find({"tencentcloud:camRoleName": "operator"}, nowhere).cam_role == "operator"
    assert find({}, {**nowhere, "TENCENTCLOUD_CAM_ROLE_NAME": "operator"}).cam_role == "operator"
    assert Access.find(role(), nowhere) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tencentcloud:assumeRoleWithSaml", "{}"),
        ("tencentcloud:assumeRoleWithWebIdentity", "{}"),
        ("tencentcloud:mfaCertification", "{}"),
        ("tencentcloud:enablePodOidc", "true"),
    ],
)
def test_what_only_the_plugin_can_do_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(AccessError, match=f"^{name}: the plug-in takes it"):
        Access.find({name: value}, KEYS)


@pytest.mark.parametrize(
    "variable",
    ["TENCENTCLOUD_ASSUME_ROLE_WEB_IDENTITY_TOKEN", "TENCENTCLOUD_MFA_CERTIFICATION_SERIAL_NUMBER"],
)
def test_so_are_variables(variable: str) -> None:
    with pytest.raises(AccessError, match=variable):
        Access.find({}, {**KEYS, variable: "x"})


def test_half_a_role_which_the_plugin_would_pass_over_is_refused() -> None:
    with pytest.raises(AccessError, match="Set both"):
        Access.find({}, {**KEYS, "TENCENTCLOUD_ASSUME_ROLE_ARN": ARN})


@pytest.mark.parametrize("text", ["x", "[]", "{}", '{"roleArn": 1, "sessionName": "s"}'])
def test_a_role_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(AccessError, match="it needs roleArn, sessionName and sessionDuration"):
        Access.find({"tencentcloud:assumeRole": text}, KEYS)


def test_a_duration_is_a_number() -> None:
    with pytest.raises(AccessError, match="sessionDuration is 'long'"):
        Access.find(role(sessionDuration="long"), KEYS)


def test_a_broken_profile_is_named(tmp_path: Path) -> None:
    (tmp_path / "default.credential").write_text("not json", encoding="utf-8")
    with pytest.raises(AccessError, match=r"default\.credential cannot be read"):
        Access.find({}, {"TENCENTCLOUD_SHARED_CREDENTIALS_DIR": str(tmp_path)})


def test_no_secret_is_shown() -> None:
    assert "k3y-never-shown" not in repr(find({}, {**KEYS, "TENCENTCLOUD_SECURITY_TOKEN": "k3y-never-shown"}))


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    served = Served.start(tmp_path / "cloud")
    monkeypatch.setenv("HTTP_PROXY", served.server.url)
    yield served
    served.stop()


def caller(config: dict[str, str], environment: dict[str, str]) -> Cloud:
    return Cloud(find({"tencentcloud:protocol": "HTTP", **config}, environment), patience_seconds=2)


def lasting(local: Served, account: str = "", user: str = "") -> dict[str, str]:
    keys = local.control.keys(account, user)
    return {"TENCENTCLOUD_SECRET_ID": keys.secret_id, "TENCENTCLOUD_SECRET_KEY": keys.secret_key}


def test_a_colleagues_user_is_of_the_same_account_and_another_account_is_not(local: Served) -> None:
    local.control.add_user("intern")
    other = local.control.add_account("colleague")
    assert caller({}, lasting(local)).account_id() == "100000000001"
    assert caller({}, lasting(local, user="intern")).account_id() == "100000000001"
    assert caller({}, lasting(local, "colleague")).account_id() == other.account


def test_a_role_is_taken_on_at_the_first_call_and_again_when_its_time_is_over(local: Served) -> None:
    local.control.add_account("colleague")
    arn = local.control.add_role("operator", "colleague", ["default"])
    cloud = caller(role(roleArn=arn), lasting(local))
    assert cloud.account_id() == "100000000002"
    assert cloud.image_quota() == 10
    local.control.advance(601)
    assert cloud.image_quota() == 10
    assert [call.action for call in local.control.journal() if call.action == "AssumeRole"] == ["AssumeRole"] * 2


def test_an_expired_lasting_token_is_told(local: Served) -> None:
    with pytest.raises(CloudError, match="temporary keys have expired"):
        caller({}, {**lasting(local), "TENCENTCLOUD_SECURITY_TOKEN": "old"}).account_id()


def test_a_machines_role_is_asked_of_its_meta_data(local: Served, tmp_path: Path) -> None:
    local.control.add_role("operator")
    nowhere = {"TENCENTCLOUD_SHARED_CREDENTIALS_DIR": str(tmp_path)}
    assert caller({"tencentcloud:camRoleName": "operator"}, nowhere).account_id() == "100000000001"
    with pytest.raises(CloudError, match="this computer has no such CAM role"):
        caller({"tencentcloud:camRoleName": "nobody"}, nowhere).account_id()


def test_a_role_that_does_not_exist_is_told(local: Served) -> None:
    with pytest.raises(CloudError, match="there is no such role to assume"):
        caller(role(roleArn="qcs::cam::uin/100000000001:roleName/nobody"), lasting(local)).account_id()
