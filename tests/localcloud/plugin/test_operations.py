"""What the stand-in does when things go wrong: retries, failures half-way, things gone, imports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2, status_pb2

from localcloud.plugin.api import _as_in_go
from tests.localcloud.plugin.conftest import CONFIGURATION, FakeClock, Plugin
from tests.localcloud.plugin.machines import ID, INPUTS, READING, URN, described, found
from tests.localcloud.plugin.small_cloud import ScriptedCloud, refusal

IMAGE_URN = "urn:pulumi:dev::chatglm::tencentcloud:Image/instance:Instance::capture-1"
GROUP_URN = "urn:pulumi:dev::chatglm::tencentcloud:Security/group:Group::sg"
RULES_URN = "urn:pulumi:dev::chatglm::tencentcloud:Security/groupRuleSet:GroupRuleSet::rules"
STATE: dict[str, Any] = {
    **INPUTS,
    "id": ID,
    "dataDisks": [],
    "keyIds": [],
    "securityGroups": ["sg-1"],
    "tags": {},
    "systemDiskId": "disk-1",
    "__meta": "{}",
}

Connect = Callable[..., tuple[Plugin, ScriptedCloud]]


@pytest.fixture
def connect(start_plugin: Callable[[str], Plugin]) -> Iterator[Connect]:
    """A configured plug-in, and the scripted cloud that it talks to."""
    clouds: list[ScriptedCloud] = []

    def start(**script: Any) -> tuple[Plugin, ScriptedCloud]:
        cloud = ScriptedCloud(**script)
        cloud.__enter__()
        clouds.append(cloud)
        plugin = start_plugin(cloud.url)
        plugin.call("Configure", CONFIGURATION)
        return plugin, cloud

    yield start
    for cloud in clouds:
        cloud.__exit__(None, None, None)


def half_made(error: Any) -> Any:
    """The details of a failure after which the engine keeps the resource."""
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(packed).details[0].Unpack(detail)
    return detail


def test_a_reclaimed_machine_drops_out_of_the_state(connect: Connect) -> None:
    plugin, cloud = connect(DescribeInstances=found())
    assert plugin.call("Read", {"urn": URN, "id": ID, "properties": STATE, "inputs": INPUTS}) == {}
    assert cloud.actions() == ["DescribeInstances"]


def test_deleting_a_reclaimed_machine_fails_as_with_the_official_plugin(connect: Connect) -> None:
    plugin, _ = connect(DescribeInstances=found(), TerminateInstances=refusal("InvalidInstanceId.NotFound"))
    error = plugin.failure("Delete", {"urn": URN, "id": ID, "properties": STATE})
    assert error.details() == (
        f"deleting {URN}: 1 error occurred:\n\t* [TencentCloudSDKError] Code=InvalidInstanceId.NotFound, "
        "Message=InvalidInstanceId.NotFound, RequestId=r-1\n\n"
    )


def test_updating_a_reclaimed_machine_fails_and_says_to_refresh(connect: Connect) -> None:
    plugin, cloud = connect(DescribeInstances=found())
    news = {**INPUTS, "instanceName": "other"}
    error = plugin.failure("Update", {"urn": URN, "id": ID, "olds": STATE, "news": news})
    assert "pulumi refresh" in error.details()
    assert cloud.actions() == ["DescribeInstances"]


@pytest.mark.parametrize(
    "change", [{"imageId": "img-2"}, {"disableSecurityService": True}, {"disableAutomationService": True}]
)
def test_a_changed_image_or_agent_reinstalls_the_living_machine(connect: Connect, change: dict[str, Any]) -> None:
    plugin, cloud = connect(DescribeInstances=found(described()), **READING)
    plugin.call("Update", {"urn": URN, "id": ID, "olds": STATE, "news": {**INPUTS, **change}})
    resets = [request for action, request in cloud.calls if action == "ResetInstance"]
    assert len(resets) == 1
    assert resets[0]["ImageId"] == change.get("imageId", "img-1")
    assert resets[0]["LoginSettings"] == {"Password": INPUTS["password"]}


def test_an_update_that_failed_keeps_the_state_of_before(connect: Connect) -> None:
    plugin, _ = connect(DescribeInstances=found(described()), ResetInstance=refusal("UnsupportedOperation"))
    news = {**INPUTS, "imageId": "img-2"}
    detail = half_made(plugin.failure("Update", {"urn": URN, "id": ID, "olds": STATE, "news": news}))
    assert detail.properties["imageId"] == "img-1"
    assert detail.reasons[0].startswith(f"updating {URN}: 1 error occurred:")


def test_an_update_whose_change_is_ignored_calls_nothing_that_changes(connect: Connect) -> None:
    plugin, cloud = connect(DescribeInstances=found(described()), **READING)
    news = {**INPUTS, "imageId": "img-2"}
    plugin.call("Update", {"urn": URN, "id": ID, "olds": STATE, "news": news, "ignoreChanges": ["imageId"]})
    assert all(action.startswith("Describe") for action in cloud.actions())


def test_a_launch_is_tried_again_while_the_cloud_is_busy(connect: Connect, clock: FakeClock) -> None:
    plugin, cloud = connect(
        RunInstances=[
            refusal("RequestLimitExceeded"),
            refusal("ResourceUnavailable.InstanceType"),
            {"InstanceIdSet": [ID]},
        ],
        DescribeInstances=found(described()),
        **READING,
    )
    assert plugin.call("Create", {"urn": URN, "properties": INPUTS})["id"] == ID
    launches = [request for action, request in cloud.calls if action == "RunInstances"]
    assert len(launches) == 3
    assert len({request["ClientToken"] for request in launches}) == 1  # so that only one machine is launched


@pytest.mark.parametrize("code", ["ResourceInsufficient.SpecifiedInstanceType", "AuthFailure.SignatureFailure"])
def test_other_refusals_of_a_launch_end_it_at_once(connect: Connect, clock: FakeClock, code: str) -> None:
    plugin, cloud = connect(RunInstances=refusal(code))
    assert code in plugin.failure("Create", {"urn": URN, "properties": INPUTS}).details()
    assert cloud.actions() == ["RunInstances"]
    assert clock.pauses == 0


def test_a_machine_that_did_not_start_stays_in_the_state(connect: Connect) -> None:
    broken = described(InstanceState="LAUNCH_FAILED", LatestOperationErrorMsg="no such luck")
    plugin, _ = connect(RunInstances={"InstanceIdSet": [ID]}, DescribeInstances=found(broken))
    detail = half_made(plugin.failure("Create", {"urn": URN, "properties": INPUTS}))
    assert detail.id == ID
    assert "no such luck" in detail.reasons[0]
    assert detail.properties["imageId"] == "img-1"


def test_a_program_may_set_how_long_a_machine_may_take(connect: Connect, clock: FakeClock) -> None:
    pending = described(InstanceState="PENDING")
    plugin, _ = connect(RunInstances={"InstanceIdSet": [ID]}, DescribeInstances=found(pending))
    half_made(plugin.failure("Create", {"urn": URN, "properties": INPUTS, "timeout": 60}))
    assert 60 <= clock.now < 80


def test_a_password_comes_back_secret_and_user_data_does_not(connect: Connect) -> None:
    plugin, _ = connect(RunInstances={"InstanceIdSet": [ID]}, DescribeInstances=found(described()), **READING)
    properties = plugin.call("Create", {"urn": URN, "properties": INPUTS})["properties"]
    assert properties["password"]["value"] == INPUTS["password"]
    assert properties["userDataRaw"] == "hi"


def test_a_preview_makes_no_call_and_leaves_open_what_the_cloud_will_say(connect: Connect) -> None:
    plugin, cloud = connect()
    properties = plugin.call("Create", {"urn": URN, "properties": INPUTS, "preview": True})["properties"]
    assert cloud.calls == []
    assert properties["imageId"] == "img-1"
    assert properties["publicIp"] == properties["id"] == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    assert properties["stopType"] is None


def test_a_machine_with_force_delete_is_terminated_twice(connect: Connect) -> None:
    binned = described(InstanceState="SHUTDOWN")
    plugin, cloud = connect(
        DescribeInstances=[found(described()), found(binned), found()],
        TerminateInstances=[{}, refusal("InvalidInstanceState.Terminating")],
    )
    plugin.call("Delete", {"urn": URN, "id": ID, "properties": {**STATE, "forceDelete": True}})
    assert cloud.actions().count("TerminateInstances") == 2
    assert cloud.actions()[-1] == "DescribeUsedIpAddress"


def test_a_machine_is_imported_by_its_id_alone(connect: Connect) -> None:
    plugin, _ = connect(DescribeInstances=found(described()), **READING)
    read = plugin.call("Read", {"urn": URN, "id": ID})
    assert read["id"] == ID
    assert read["properties"]["allocatePublicIp"] is True
    inputs = read["inputs"]
    assert inputs["imageId"] == "img-1"
    assert inputs["__defaults"] == []
    assert "password" not in inputs
    assert ("userData" in inputs) != ("userDataRaw" in inputs)
    assert ("securityGroups" in inputs) != ("orderlySecurityGroups" in inputs)


def test_an_image_that_was_deleted_by_hand_is_looked_for_for_an_hour(connect: Connect, clock: FakeClock) -> None:
    plugin, _ = connect(DescribeImages={"TotalCount": 0, "ImageSet": []})
    properties = {"imageName": "i", "instanceId": ID, "dataDiskIds": []}
    error = plugin.failure("Read", {"urn": IMAGE_URN, "id": "img-1", "properties": properties})
    assert error.details().startswith(f"refreshing {IMAGE_URN}: ")
    assert 3600 <= clock.now < 3620


def test_a_capture_that_failed_stays_in_the_state_with_the_reason(connect: Connect) -> None:
    failed = {"ImageId": "img-1", "ImageState": "CREATEFAILED"}
    plugin, _ = connect(CreateImage={"ImageId": "img-1"}, DescribeImages={"ImageSet": [failed]})
    detail = half_made(plugin.failure("Create", {"urn": IMAGE_URN, "properties": {"imageName": "i", "instanceId": ID}}))
    assert detail.id == "img-1"
    assert "creating failed" in detail.reasons[0]


def test_an_images_snapshots_are_left_behind(connect: Connect) -> None:
    plugin, cloud = connect(DescribeImages={"ImageSet": []})
    plugin.call("Delete", {"urn": IMAGE_URN, "id": "img-1", "properties": {"imageName": "i"}})
    assert cloud.calls == [("DeleteImages", {"ImageIds": ["img-1"]}), ("DescribeImages", {"ImageIds": ["img-1"]})]


def test_an_imported_image_says_snapshots_and_no_machine(connect: Connect) -> None:
    image = {"ImageId": "img-1", "ImageName": "i", "ImageState": "NORMAL", "SnapshotSet": [{"SnapshotId": "snap-1"}]}
    plugin, _ = connect(DescribeImages={"ImageSet": [image]}, DescribeResourceTagsByResourceIds={"Tags": []})
    read = plugin.call("Read", {"urn": IMAGE_URN, "id": "img-1"})
    assert read["properties"]["snapshotIds"] == ["snap-1"]
    assert read["properties"]["dataDiskIds"] is None
    assert read["inputs"] == {"__defaults": [], "imageName": "i", "snapshotIds": ["snap-1"]}


def test_a_group_in_use_is_waited_for(connect: Connect, clock: FakeClock) -> None:
    def used(machines: int) -> dict[str, Any]:
        return {"SecurityGroupAssociationStatisticsSet": [{"CVM": machines, "CLB": 0, "CDB": 0, "ENI": 0, "SG": 0}]}

    plugin, cloud = connect(DescribeSecurityGroupAssociationStatistics=[used(1), used(1), used(0)])
    plugin.call("Delete", {"urn": GROUP_URN, "id": "sg-1", "properties": {"name": "g"}})
    assert clock.pauses == 2
    assert cloud.actions()[-1] == "DeleteSecurityGroup"


def test_a_side_of_the_rules_that_becomes_empty_is_deleted_first(connect: Connect) -> None:
    rule = {"action": "ACCEPT", "policyIndex": 0}
    plugin, cloud = connect(DescribeSecurityGroupPolicies={"SecurityGroupPolicySet": {"Version": "9"}})
    olds = {"securityGroupId": "sg-1", "version": "7", "ingresses": [rule], "egresses": [rule]}
    news = {"securityGroupId": "sg-1", "egresses": [{"action": "ACCEPT"}]}
    plugin.call("Update", {"urn": RULES_URN, "id": "sg-1", "olds": olds, "news": news})
    assert cloud.calls[0] == (
        "DeleteSecurityGroupPolicies",
        {"SecurityGroupId": "sg-1", "SecurityGroupPolicySet": {"Ingress": [{"PolicyIndex": 0}]}},
    )
    assert cloud.calls[1][1]["SecurityGroupPolicySet"]["Version"] == "9"


def test_rivals_in_one_rule_are_refused(connect: Connect) -> None:
    plugin, cloud = connect()
    rule = {"action": "ACCEPT", "cidrBlock": "0.0.0.0/0", "ipv6CidrBlock": "::/0"}
    error = plugin.failure("Create", {"urn": RULES_URN, "properties": {"securityGroupId": "sg-1", "ingresses": [rule]}})
    assert "conflict at rule.0, cannot set cidr_block,ipv6_cidr_block in time" in error.details()
    assert cloud.calls == []


def test_no_answer_at_all_is_a_network_error_that_is_tried_again(
    start_plugin: Callable[[str], Plugin], clock: FakeClock
) -> None:
    plugin = start_plugin("http://127.0.0.1:9")  # the discard port: nothing listens there
    plugin.call("Configure", CONFIGURATION)
    error = plugin.failure("Read", {"urn": URN, "id": ID, "properties": STATE})
    assert "Code=ClientError.NetworkError" in error.details()
    assert clock.now >= 180


def test_what_the_stand_in_does_not_have_is_named(connect: Connect) -> None:
    plugin, _ = connect()
    urn = "urn:pulumi:dev::chatglm::tencentcloud:Key/pair:Pair::key"
    assert (
        "unrecognized resource type (Check): tencentcloud:Key/pair:Pair"
        in plugin.failure("Check", {"urn": urn}).details()
    )
    error = plugin.failure("Invoke", {"tok": "tencentcloud:Vpc/getInstances:getInstances"})
    assert "unrecognized data function (Invoke): tencentcloud:Vpc/getInstances:getInstances" in error.details()


def test_the_schema_and_the_version_are_the_official_ones(connect: Connect) -> None:
    plugin, _ = connect()
    assert plugin.call("GetPluginInfo") == {"version": "0.2.3"}
    assert '"tencentcloud:Instance/instance:Instance"' in plugin.call("GetSchema")["schema"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "ClientError.ParseJsonError"),
        ("b'Internal Server Error'", "ClientError.ParseJsonError"),
        ("[]", "ClientError.ParseJsonError"),
        ('{"Response": {"Error": {"Code": "LimitExceeded", "Message": "m"}}}', "LimitExceeded"),
        ('{"Response": {"RequestId": "r"}}', "ClientError.HttpStatusCodeError"),
    ],
)
def test_a_broken_answer_has_the_code_that_gos_sdk_gives_it(body: str, code: str) -> None:
    """Only the last is tried again; a body without JSON is not, whatever its status."""
    assert _as_in_go("ServerNetworkError", body)[0] == code
    assert _as_in_go("ClientNetworkError", body)[0] == "ClientError.NetworkError"
    assert _as_in_go("InvalidParameter", body) == ("InvalidParameter", body)
