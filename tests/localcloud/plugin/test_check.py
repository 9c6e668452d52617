"""Bad inputs are told before any call, all at once, in the official plug-in's words."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.plugin import resources
from localcloud.plugin.check import Naming, Verdict, check
from localcloud.plugin.encoding import UNKNOWN
from tests.localcloud.plugin.machines import INPUTS

VPC = "tencentcloud:Vpc/instance:Instance"
GROUP = "tencentcloud:Security/group:Group"
RULES = "tencentcloud:Security/groupRuleSet:GroupRuleSet"
INSTANCE = "tencentcloud:Instance/instance:Instance"
IMAGE = "tencentcloud:Image/instance:Instance"
STORAGE = "tencentcloud:Cbs/storage:Storage"


def verdict(token: str, olds: dict[str, Any] | None = None, /, **news: Any) -> Verdict:
    return check(resources.resource(token).schema, news, olds or {}, Naming("data", b"seed"))


def instance(**changes: Any) -> Verdict:
    return verdict(INSTANCE, **{**INPUTS, **changes})


def test_good_inputs_pass_and_say_which_of_them_were_filled_in() -> None:
    good = verdict(VPC, name="net", cidrBlock="10.0.0.0/16")
    assert good.failures == []
    assert good.inputs == {
        "__defaults": ["isMulticast"],
        "cidrBlock": "10.0.0.0/16",
        "isMulticast": True,
        "name": "net",
    }


def test_an_unknown_property_is_refused() -> None:
    assert verdict(GROUP, name="g", colour="red").failures == [
        "Invalid or unknown key. Examine values at 'data.colour'."
    ]


def test_a_property_that_only_the_cloud_sets_is_refused() -> None:
    assert instance(uuid="u-1").failures == ["Invalid or unknown key. Examine values at 'data.uuid'."]


def test_every_missing_property_is_named() -> None:
    failures = verdict(STORAGE, storageName="data").failures
    assert failures == [
        f'Missing required argument. The argument "{terraform}" is required, but no definition was found.. '
        f"Examine values at 'data.{name}'."
        for name, terraform in (
            ("availabilityZone", "availability_zone"),
            ("storageSize", "storage_size"),
            ("storageType", "storage_type"),
        )
    ]


def test_all_mistakes_come_at_once() -> None:
    failures = instance(instanceName="x", instanceType="big", spotMaxPrice="cheap", spotInstanceType="FOREVER").failures
    assert failures == [
        "length of \"instance_name\" cannot be lower than 2: 1. Examine values at 'data.instanceName'.",
        "the format of instance_type is invalid: big, it should be like S1.SMALL1. "
        "Examine values at 'data.instanceType'.",
        '"spot_instance_type" must contain a valid string value must in array []string{"ONE-TIME"}, got "FOREVER". '
        "Examine values at 'data.spotInstanceType'.",
        "spot_max_price must be a number: cheap. Examine values at 'data.spotMaxPrice'.",
    ]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"securityGroups": ["sg-2"]}, '"orderly_security_groups": conflicts with security_groups'),
        ({"userData": "aGk=", "userDataRaw": "hi"}, '"user_data": conflicts with user_data_raw'),
        ({"keepImageLogin": True}, '"keep_image_login": conflicts with password'),
        ({"imageId": None}, '"image_id": one of `image_id,launch_template_id` must be specified'),
        ({"systemDiskSize": "seventy"}, "expected number type, got string type"),
        ({"systemDiskSize": 7.5}, "expected integer type, got number type (7.5)"),
        ({"allocatePublicIp": "perhaps"}, "expected boolean type, got string type"),
        ({"orderlySecurityGroups": "sg-1"}, "expected array type, got string type"),
        ({"tags": ["a"]}, "expected object type, got array type"),
        ({"instanceChargeTypePrepaidPeriod": 13}, "must contain a valid int value in array []int{1, 2, "),
    ],
)
def test_each_rule_of_a_machine_has_a_complaint(changes: dict[str, Any], complaint: str) -> None:
    assert any(complaint in failure for failure in instance(**changes).failures)


def test_a_number_in_quotes_is_a_number() -> None:
    good = instance(systemDiskSize="75")
    assert good.failures == []
    assert good.inputs["systemDiskSize"] == 75


def test_a_password_of_the_wrong_type_is_not_repeated() -> None:
    failures = instance(password=["Hunter2!Hunter2!"]).failures
    assert failures
    assert "Hunter2" not in "".join(failures)


def test_a_value_that_is_not_known_yet_is_not_judged() -> None:
    assert instance(instanceType=UNKNOWN, systemDiskSize=UNKNOWN, orderlySecurityGroups=UNKNOWN).failures == []


@pytest.mark.parametrize(
    ("cidr", "complaint"),
    [
        ("10.0.0.1/16", '"cidr_block" must contain a valid network CIDR, expected "10.0.0.0/16", got "10.0.0.1/16"'),
        ("10.0.0.0", '"cidr_block" must contain a valid CIDR, got error parsing: invalid CIDR address: 10.0.0.0'),
    ],
)
def test_a_network_is_given_by_its_own_address(cidr: str, complaint: str) -> None:
    assert verdict(VPC, name="net", cidrBlock=cidr).failures == [f"{complaint}. Examine values at 'data.cidrBlock'."]


def test_the_rules_of_a_group_are_judged_one_by_one() -> None:
    rules = [{"action": "ACCEPT"}, {"action": "PERHAPS"}, {"cidr": "1.2.3.4/32"}]
    failures = verdict(RULES, securityGroupId="sg-1", ingresses=rules).failures
    assert [failure.split("Examine values at ")[1] for failure in failures] == [
        "'data.ingresses[2].cidr'.",
        "'data.ingresses[1].action'.",
        "'data.ingresses[2].action'.",
    ]


def test_an_image_is_made_of_a_machine_or_of_snapshots() -> None:
    neither = verdict(IMAGE, imageName="i").failures
    both = verdict(IMAGE, imageName="i", instanceId="ins-1", snapshotIds=["snap-1"]).failures
    assert "one of `instance_id,snapshot_ids` must be specified" in neither[0]
    assert "only one of `instance_id,snapshot_ids` can be specified" in both[0]


def test_a_resource_without_a_name_gets_one_and_keeps_it() -> None:
    first = verdict(GROUP).inputs
    assert first["name"].startswith("data-")
    assert "name" in first["__defaults"]
    assert verdict(GROUP, {**first, "name": "data-1234567"}).inputs["name"] == "data-1234567"


def test_a_name_that_the_program_gave_once_is_not_kept_for_it() -> None:
    assert verdict(GROUP, {"__defaults": [], "name": "mine"}).inputs["name"] != "mine"
