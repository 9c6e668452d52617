"""Settings: every rule has a failing case, and all mistakes come at once, with key, value, rule and fix."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import Field

from components.errors import SettingsError
from components.settings import Settings, leaving_notes, load_settings

GOOD_PASSWORD = "Correct-Horse-7"
ENCRYPTED = ["chatglm:adminPassword", "chatglm:demoPassword", "chatglm:webhooks"]


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
        ("camRole", "two words", "match pattern"),
        ("idleMinutes", "-1", "greater than or equal to 0"),
        ("guardUses", ["demo", "demo"], "named twice"),
        ("parkAt", "24:00", "match pattern"),
        ("restoreAt", "8:00", "match pattern"),
        ("budgetPerDay", "free", "positive number"),
        ("budgetPerMonth", "-3", "positive number"),
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


def test_a_stack_is_guarded_by_nobody_unless_it_says_so() -> None:
    assert load().guard_rules.off


def test_the_rules_of_the_guard_are_what_the_settings_say() -> None:
    rules = load(idleMinutes="30", parkAt="22:30", restoreAt="08:05", budgetPerDay="50.5", camRole="own").guard_rules
    assert (rules.idle_seconds, rules.warn_seconds, rules.park_at, rules.restore_at) == (1800, 600, 22 * 60 + 30, 485)
    assert (rules.budget_per_day, rules.budget_per_month, rules.own_guard) == (50.5, 0.0, True)


def test_contradictions_of_the_guard_are_told_all_at_once() -> None:
    told = mistakes(
        idleMinutes="5",
        guardUses=[],
        parkAt="08:00",
        restoreAt="08:00",
        budgetPerDay="50",
        budgetPerMonth="40",
        webhooks="pigeon https://loft.example/KEY-1",
    )
    for key, said in {
        "guardWarnMinutes": "longer than the idleness",
        "guardUses": "nothing would ever count as use",
        "restoreAt": "at the same moment",
        "budgetPerMonth": "less than one of its days",
        "webhooks": "has no kind",
    }.items():
        assert said in told[f"chatglm:{key}"]
    assert "KEY-1" not in "".join(told.values())


def test_a_default_that_breaks_a_rule_is_told_by_its_key() -> None:
    assert list(mistakes(adminPassword="")) == ["chatglm:adminPassword"]
    with pytest.raises(SettingsError, match="chatglm:adminPassword: the machine needs a password"):
        load_settings({}, ENCRYPTED)


class Leaving(Settings):
    """Settings of a release that announces the end of one."""

    bandwidth_mbps: int = Field(default=100, deprecated="Use chatglm:trafficCeiling.")


def test_a_setting_that_goes_is_announced_to_those_who_use_it_and_still_obeyed() -> None:
    used = {"chatglm:bandwidthMbps": "50", "chatglm:zones": "[]", "aws:region": "x"}
    [note] = leaving_notes(used, Leaving)
    assert note == (
        "chatglm:bandwidthMbps will be no setting any more from the next release on. Use chatglm:trafficCeiling."
    )
    obeyed = Leaving.model_validate(
        {"operatorCidrs": ["203.0.113.7/32"], "adminPassword": "Correct-Horse-7", "bandwidthMbps": 50}
    )
    assert obeyed.model_dump()["bandwidth_mbps"] == 50
    assert leaving_notes({"chatglm:zones": "[]"}, Leaving) == []


@pytest.mark.parametrize("written", ["2", "0", "-1", "one", ""])
def test_settings_of_another_version_are_met_with_one_message_alone(written: str) -> None:
    told = mistakes(settingsVersion=written, zones="nowhere", newKey="1")
    assert list(told) == ["chatglm:settingsVersion"]
    assert "knows settings of form 1 to 1" in told["chatglm:settingsVersion"]
    assert "git pull" in told["chatglm:settingsVersion"]


def test_settings_without_a_number_and_of_this_form_are_taken() -> None:
    assert load().settings_version == load(settingsVersion="1").settings_version == 1


def test_a_key_that_is_like_none_may_be_one_of_a_later_version() -> None:
    assert (
        "take that version (git pull). Known keys: adminPassword" in mistakes(quantumMode="on")["chatglm:quantumMode"]
    )
