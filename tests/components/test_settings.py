"""Settings: every rule has a failing case, and all mistakes come at once, with key, value, rule and fix."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.mistakes import SettingsError
from components.settings import Settings, load_settings

GOOD_PASSWORD = "Correct-Horse-7"
ENCRYPTED = ["chatglm:adminPassword", "chatglm:demoPassword"]


def load(**given: Any) -> Settings:
    values = {"adminPassword": GOOD_PASSWORD, **given}
    texts = {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in values.items()}
    return load_settings({f"chatglm:{key}": text for key, text in texts.items()}, ENCRYPTED)


def mistakes(**given: Any) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load(**given)
    return {mistake.key: str(mistake) for mistake in caught.value.mistakes}


def test_a_password_is_all_that_a_stack_must_say() -> None:
    settings = load()
    assert (settings.state, settings.instance_type, settings.system_disk_gb) == ("running", "GN7.2XLARGE32", 75)
    assert settings.instance_charge_type == "SPOTPAID"
    assert settings.operator_cidrs == ("MY_PUBLIC_IP",)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("state", "off", "'running' or 'parked'"),
        ("zones", ["guangzhou 3"], "cannot be a zone"),
        ("zones", ["ap-guangzhou-3", "ap-guangzhou-3"], "named twice"),
        ("zones", ["ap-guangzhou-3", "ap-nanjing-1"], "several regions"),
        ("instanceType", "GN7.2XLARGE40", "half a T4"),
        ("instanceType", "GN7.LARGE20", "a quarter of a T4"),
        ("instanceType", "GN7", "FAMILY.SIZE"),
        ("chargeType", "monthly", "'spot' or 'hourly'"),
        ("spotMaxPrice", "cheap", "positive number"),
        ("spotMaxPrice", "-1", "positive number"),
        ("spotMaxPrice", "nan", "positive number"),
        ("systemDiskGb", "50", "greater than or equal to 60"),
        ("systemDiskGb", "much", "valid integer"),
        ("systemDiskType", "LOCAL_SSD", "CLOUD_SSD"),
        ("imageId", "windows", "match pattern"),
        ("imageName", "(", "not a regular expression"),
        ("hostname", "chatglm-the-first", "2 to 15 letters"),
        ("hostname", "12345", "not only digits"),
        ("hostname", "a--b", "single hyphens"),
        ("hostname", "-ab", "no hyphen at either end"),
        ("operatorCidrs", ["0.0.0.0/0"], "whole internet"),
        ("operatorCidrs", ["10.0.0.1/8"], "not an IPv4 network"),
        ("operatorCidrs", [], "nobody could reach"),
        ("bandwidthMbps", "200", "less than or equal to 100"),
        ("demoPort", "3389", "differ from 3389"),
        ("demoPort", "4444", "one that Tencent blocks"),
        ("demoPort", "70000", "1-65535"),
        ("demoUser", "two words", "match pattern"),
        ("keepImages", "0", "greater than or equal to 1"),
        ("keepImage", "maybe", "valid boolean"),
        ("restoreImageId", "capture-1", "match pattern"),
        ("tags", {"chatglm-stack": "x"}, "the stack's own"),
        ("tags", {"": "x"}, "1 to 127"),
        ("gpuToolkit", "none", "'full' or 'minimal'"),
    ],
)
def test_a_broken_rule_is_told_with_key_value_rule_and_fix(key: str, value: Any, said: str) -> None:
    told = mistakes(**{key: value})
    assert list(told) == [f"chatglm:{key}"]
    assert said in told[f"chatglm:{key}"]
    assert (value if isinstance(value, str) else json.dumps(value)) in told[f"chatglm:{key}"]


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "needs a password"),
        ("Short-1", "12 to 30 characters"),
        ("x" * 31 + "A1", "12 to 30 characters"),
        ("alllowercaseletters", "at least three"),
        ("Tab\tInside-1234", "only special characters"),
        ("Pässword-12345", "only special characters"),
        ("/Correct-Horse-7", "not begin with a slash"),
        ("myAdministrator-1", "account's name"),
    ],
)
def test_a_password_breaks_tencents_rules_and_is_never_shown(password: str, said: str) -> None:
    told = mistakes(adminPassword=password)["chatglm:adminPassword"]
    assert said in told
    assert not password or password not in told


def test_a_demo_password_that_is_too_short_is_refused_and_not_shown() -> None:
    told = mistakes(demoPassword="abc-123")["chatglm:demoPassword"]
    assert "8 to 64" in told
    assert "abc-123" not in told


def test_all_mistakes_come_at_once() -> None:
    told = mistakes(state="off", instanceType="GN7.LARGE20", adminPassword="weak", zone="x", demoPort="25")
    assert set(told) == {f"chatglm:{key}" for key in ("state", "instanceType", "adminPassword", "zone", "demoPort")}


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    assert "chatglm:zones" in mistakes(zone="ap-guangzhou-3")["chatglm:zone"]


def test_the_whole_internet_is_let_in_only_by_a_word_of_its_own() -> None:
    assert load(operatorCidrs=["0.0.0.0/0"], openToTheWorld="true").operator_cidrs == ("0.0.0.0/0",)


def test_a_bid_needs_spot() -> None:
    assert "hourly" in mistakes(chargeType="hourly", spotMaxPrice="3")["chatglm:spotMaxPrice"]


def test_other_namespaces_are_not_ours_to_judge() -> None:
    assert (
        load_settings({"tencentcloud:region": "x", "chatglm:adminPassword": GOOD_PASSWORD}, ENCRYPTED).state
        == "running"
    )


def test_the_demo_gets_a_password_of_its_own_that_differs_by_stack_and_stays_the_same() -> None:
    settings = load()
    made = settings.login_password("dev")
    assert made == load().login_password("dev") != settings.login_password("prod")
    assert GOOD_PASSWORD not in made
    assert len(made) == 24
    assert load(demoPassword="chosen-by-me").login_password("dev") == "chosen-by-me"


def test_a_settings_object_never_shows_its_secrets() -> None:
    settings = load(demoPassword="chosen-by-me")
    assert GOOD_PASSWORD not in repr(settings)
    assert "chosen-by-me" not in str(settings)


def test_a_password_that_stands_in_the_clear_is_refused_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match="in the clear") as caught:
        load_settings({"chatglm:adminPassword": GOOD_PASSWORD}, encrypted=[])
    assert GOOD_PASSWORD not in str(caught.value)
