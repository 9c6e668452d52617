"""What counts as a change, and which changes replace a resource."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.plugin import resources
from localcloud.plugin.diff import Difference, difference
from localcloud.plugin.encoding import UNKNOWN
from tests.localcloud.plugin.machines import INPUTS

INSTANCE = resources.resource("tencentcloud:Instance/instance:Instance")
IMAGE = resources.resource("tencentcloud:Image/instance:Instance")
GROUP = resources.resource("tencentcloud:Security/group:Group")
RULES = resources.resource("tencentcloud:Security/groupRuleSet:GroupRuleSet")
VPC = resources.resource("tencentcloud:Vpc/instance:Instance")

STATE = {**INPUTS, "dataDisks": [], "keyIds": [], "securityGroups": ["sg-1"], "tags": {"a": "1"}, "userDataRaw": "hi"}


def machine_diff(ignored: tuple[str, ...] = (), **changes: Any) -> Difference:
    new = {**INPUTS, "tags": {"a": "1"}, "userDataRaw": "hi", **changes}
    new = {name: value for name, value in new.items() if value is not None}
    return difference(INSTANCE.schema, STATE, new, ignored, lambda name: INSTANCE.forces_replacement(name, new))


def paths(found: Difference) -> dict[str, str]:
    return {change.path: change.kind + ("_REPLACE" if change.replaces else "") for change in found.changes}


def test_nothing_changed() -> None:
    assert paths(machine_diff()) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"imageId": "img-2"}, {"imageId": "UPDATE"}),
        ({"password": "Abcdef12345!b"}, {"password": "UPDATE"}),
        ({"hostname": "other"}, {"hostname": "UPDATE"}),
        ({"spotMaxPrice": "6.0"}, {"spotMaxPrice": "UPDATE_REPLACE"}),
        ({"availabilityZone": "ap-guangzhou-7"}, {"availabilityZone": "UPDATE_REPLACE"}),
        ({"allocatePublicIp": None}, {"allocatePublicIp": "DELETE_REPLACE"}),
        ({"imageId": UNKNOWN}, {"imageId": "UPDATE"}),
        ({"orderlySecurityGroups": ["sg-1", "sg-2"]}, {"orderlySecurityGroups[1]": "ADD"}),
        ({"tags": {"a": "2", "b c": "3"}}, {"tags.a": "UPDATE", 'tags["b c"]': "ADD"}),
        ({"userDataRaw": "ho"}, {"userDataRaw": "UPDATE"}),
        (
            {"userDataRaw": "ho", "userDataReplaceOnChange": True},
            {"userDataRaw": "UPDATE_REPLACE", "userDataReplaceOnChange": "UPDATE"},
        ),
    ],
)
def test_changes_of_a_machine(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert paths(machine_diff(**changes)) == expected


def test_an_input_that_the_cloud_fills_in_may_be_left_out() -> None:
    assert paths(machine_diff(hostname=None, systemDiskSize=None, tags=None)) == {}


def test_ignored_changes_are_no_changes() -> None:
    assert paths(machine_diff(("imageId", "tags"), imageId="img-2", tags={"a": "2"})) == {}
    assert paths(machine_diff(("*",), imageId="img-2", spotMaxPrice="7")) == {}
    assert paths(machine_diff(("image",), imageId="img-2")) == {"imageId": "UPDATE"}


def test_a_replaced_property_is_not_stable() -> None:
    found = machine_diff(spotMaxPrice="6.0")
    assert found.replaces == ["spotMaxPrice"]
    assert "spotMaxPrice" not in found.stables
    assert "availabilityZone" in found.stables


def test_absent_and_empty_are_the_same() -> None:
    old = {"name": "g", "description": "", "tags": {}, "projectId": 0}
    assert paths(difference(GROUP.schema, old, {"name": "g"})) == {}
    assert paths(difference(GROUP.schema, {"name": "g"}, {"name": "g", "description": "", "tags": {}})) == {}


def test_dropped_tags_are_deleted() -> None:
    old = {"name": "g", "tags": {"a": "1"}}
    assert paths(difference(GROUP.schema, old, {"name": "g"})) == {"tags": "DELETE"}
    assert paths(difference(GROUP.schema, old, {"name": "g", "tags": {"b": "2"}})) == {
        "tags.a": "DELETE",
        "tags.b": "ADD",
    }


def test_the_order_of_a_set_means_nothing() -> None:
    old = {"name": "n", "cidrBlock": "10.0.0.0/16", "assistantCidrs": [], "dnsServers": ["1.1.1.1", "8.8.8.8"]}
    new = {"name": "n", "cidrBlock": "10.0.0.0/16", "dnsServers": ["8.8.8.8", "1.1.1.1"]}
    assert paths(difference(VPC.schema, old, new)) == {}
    assert paths(difference(VPC.schema, old, {**new, "dnsServers": ["8.8.8.8"]})) == {"dnsServers[0]": "DELETE"}


def test_rules_that_were_read_back_with_empty_fields_do_not_differ() -> None:
    read = {"action": "ACCEPT", "port": "ALL", "protocol": "ALL", "cidrBlock": "", "description": "", "policyIndex": 3}
    old = {"securityGroupId": "sg-1", "egresses": [read], "ingresses": []}
    new = {"securityGroupId": "sg-1", "egresses": [{"action": "ACCEPT"}]}
    assert paths(difference(RULES.schema, old, new)) == {}
    extra = [{"action": "ACCEPT"}, {"action": "DROP"}]
    assert paths(difference(RULES.schema, old, {**new, "egresses": extra})) == {"egresses[1]": "ADD"}


def test_a_capture_whose_machine_is_gone_stays_only_when_that_is_ignored() -> None:
    old = {"imageName": "i", "instanceId": "ins-1", "forcePoweroff": True, "dataDiskIds": []}
    new = {"imageName": "i", "instanceId": "ins-2", "forcePoweroff": True}
    assert paths(difference(IMAGE.schema, old, new)) == {"instanceId": "UPDATE_REPLACE"}
    assert paths(difference(IMAGE.schema, old, new, ["instanceId"])) == {}


def test_an_imported_image_always_wants_to_be_replaced() -> None:
    imported = {"imageName": "i", "snapshotIds": ["snap-1"]}
    found = difference(IMAGE.schema, imported, {"imageName": "i", "snapshotIds": ["snap-1"]}, ["dataDiskIds"])
    assert paths(found) == {"dataDiskIds": "ADD_REPLACE"}
