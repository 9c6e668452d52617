"""What a run starts from: every mistake is told before any call, and keys are found or known to be missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pulumi
import pytest

from components.context import Context, LoginError, read_context, render_bootstrap
from components.errors import SettingsError

KEYS = {"TENCENTCLOUD_SECRET_ID": "AKIDexample", "TENCENTCLOUD_SECRET_KEY": "secret-of-nobody"}
CONFIG = {
    "tencentcloud:region": "ap-nanjing",
    "chatglm:adminPassword": "Correct-Horse-7",
    "chatglm:operatorCidrs": '["203.0.113.7/32"]',
}
Read = Callable[..., Context]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    def run(keys: dict[str, str] = KEYS, **changes: str) -> Context:
        for name in KEYS:
            monkeypatch.delenv(name, raising=False)
        for name, value in keys.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("TENCENTCLOUD_REGION", raising=False)
        given = CONFIG | {key.replace("_", ":", 1): value for key, value in changes.items()}
        monkeypatch.setattr(pulumi.runtime, "get_config_env", lambda: given)
        monkeypatch.setattr(pulumi.runtime, "get_config_secret_keys_env", lambda: ["chatglm:adminPassword"])
        pulumi.runtime.set_mocks(_Nothing(), project="chatglm", stack="dev", organization="acme")
        return read_context()

    return run


class _Nothing(pulumi.runtime.Mocks):
    def new_resource(self, args):  # type: ignore[no-untyped-def]
        raise AssertionError("a context makes nothing")

    def call(self, args):  # type: ignore[no-untyped-def]
        raise AssertionError("a context asks nothing")


def test_it_knows_who_the_stack_is_and_where_it_looks(read: Read) -> None:
    context = read()
    assert (context.stack, context.stack_id, context.region) == ("dev", "acme/chatglm/dev", "ap-nanjing")
    assert context.cloud is not None
    assert context.cloud.region == "ap-nanjing"


def test_without_keys_there_is_no_cloud_and_the_region_is_known_all_the_same(read: Read) -> None:
    context = read(keys={})
    assert (context.cloud, context.region) == (None, "ap-nanjing")


def test_all_mistakes_of_the_settings_are_told_at_once(read: Read) -> None:
    with pytest.raises(SettingsError) as caught:
        read(chatglm_keepImages="0", chatglm_state="sleeping")
    assert {mistake.key for mistake in caught.value.mistakes} >= {"chatglm:keepImages", "chatglm:state"}


def test_a_login_that_only_one_half_understands_is_refused_by_name(read: Read) -> None:
    with pytest.raises(LoginError, match="Nothing was changed and no cloud call was made"):
        read(tencentcloud_assumeRole='{"roleArn": "qcs::cam::uin/1:roleName/x"}')


def test_windows_firewall_is_left_open_where_the_own_address_is_a_word_and_narrow_else(read: Read) -> None:
    for networks, expected in (('["203.0.113.7/32"]', ["203.0.113.7/32"]), ('["MY_PUBLIC_IP"]', ["Any"])):
        rendered = render_bootstrap(read(chatglm_operatorCidrs=networks))
        assert json.loads(rendered.manifest_text)["settings"]["operatorCidrs"] == expected


def test_the_demos_login_is_the_stacks_own(read: Read) -> None:
    context = read()
    one, other = render_bootstrap(context), render_bootstrap(replace(context, stack="other", stack_id="acme/chatglm/o"))
    told = [json.loads(each.manifest_text)["settings"]["demoPasswordHash"] for each in (one, other)]
    assert told[0] != told[1]
