"""Several accounts on one cloud: what belongs to another is not there, and policies deny."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import httpx
import pytest
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from localcloud.control_client import ControlError
from localcloud.errors import ApiError
from localcloud.identity import Caller, check_policies, read_policy
from localcloud.records import DEFAULT_ACCOUNT
from localcloud.sdk import Sdk
from localcloud.signature import Keys
from localcloud.views import KeyView
from tests.localcloud.conftest import Served, launch_request

ROOT = Caller(DEFAULT_ACCOUNT, DEFAULT_ACCOUNT, "", "", principals=(DEFAULT_ACCOUNT,))


def client(cloud: Served, key: KeyView | dict[str, Any], region: str = "ap-guangzhou") -> Sdk:
    """The SDK with lasting keys, or with an answer of AssumeRole."""
    if isinstance(key, KeyView):
        return Sdk(cloud.server.url, Keys(key.secret_id, key.secret_key), region)
    found = key["Credentials"]
    keys = Keys(found["TmpSecretId"], found["TmpSecretKey"])
    return Sdk(cloud.server.url, keys, region, token=found["Token"])


def refused(sdk: Sdk, service: str, action: str, **params: Any) -> str:
    with pytest.raises(TencentCloudSDKException) as caught:
        sdk.call(service, action, **params)
    return str(caught.value.code)


def everything(sdk: Sdk) -> dict[str, int]:
    """How many things of each kind a caller sees."""
    private = {"Filters": [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}]}
    return {
        action: len(sdk.call(service, action, **params)[rows])
        for service, action, rows, params in (
            ("cvm", "DescribeInstances", "InstanceSet", {}),
            ("cvm", "DescribeInstancesStatus", "InstanceStatusSet", {}),
            ("cvm", "DescribeImages", "ImageSet", private),
            ("cbs", "DescribeDisks", "DiskSet", {}),
            ("cbs", "DescribeSnapshots", "SnapshotSet", {}),
            ("vpc", "DescribeVpcs", "VpcSet", {}),
            ("vpc", "DescribeSubnets", "SubnetSet", {}),
            ("vpc", "DescribeRouteTables", "RouteTableSet", {}),
            ("vpc", "DescribeSecurityGroups", "SecurityGroupSet", {}),
            ("tat", "DescribeInvocationTasks", "InvocationTaskSet", {}),
            ("tat", "DescribeAutomationAgentStatus", "AutomationAgentSet", {}),
        )
    }


def fill(cloud: Served) -> tuple[str, str]:
    """One of everything, in the default account in Guangzhou: the machine and its image."""
    machine = cloud.running(VirtualPrivateCloud=cloud.network())
    cloud.call("tat", "RunCommand", Content="ZGly", CommandType="BAT", InstanceIds=[machine])
    return machine, cloud.image(machine)


def test_the_caller_is_told_who_it_is(cloud: Served) -> None:
    other = cloud.control.add_account("colleague")
    user = cloud.control.add_user("intern", "colleague")
    own = cloud.call("sts", "GetCallerIdentity")
    assert (own["AccountId"], own["Type"]) == (DEFAULT_ACCOUNT, "CAMUser")
    assert client(cloud, other).call("sts", "GetCallerIdentity")["AccountId"] == other.account != DEFAULT_ACCOUNT
    told = client(cloud, user).call("sts", "GetCallerIdentity")
    assert (told["AccountId"], told["UserId"]) == (other.account, user.uin)
    assert told["Arn"] == f"qcs::cam::uin/{other.account}:uin/{user.uin}"


def test_nothing_of_another_account_is_there(cloud: Served) -> None:
    machine, image = fill(cloud)
    other = client(cloud, cloud.control.add_account("colleague"))
    assert all(everything(cloud.sdk).values())
    assert not any(everything(other).values())
    assert refused(other, "cvm", "TerminateInstances", InstanceIds=[machine]) == "InvalidInstanceId.NotFound"
    assert refused(other, "cvm", "DeleteImages", ImageIds=[image]) == "InvalidImageId.NotFound"
    assert refused(other, "cvm", "RunInstances", **{**launch_request(), "ImageId": image}) == "InvalidImageId.NotFound"
    tags = {"ServiceType": "cvm", "ResourcePrefix": "instance", "ResourceIds": [machine]}
    found = other.call("tag", "DescribeResourceTagsByResourceIds", **tags, ResourceRegion="ap-guangzhou")
    assert found["Tags"] == []
    assert cloud.state(machine) == "RUNNING"


def test_nothing_of_another_region_is_there(cloud: Served) -> None:
    machine, image = fill(cloud)
    keys = cloud.control.keys()
    elsewhere = client(cloud, keys, "ap-shanghai")
    assert not any(everything(elsewhere).values())
    assert refused(elsewhere, "cvm", "TerminateInstances", InstanceIds=[machine]) == "InvalidInstanceId.NotFound"
    assert refused(elsewhere, "cvm", "DeleteImages", ImageIds=[image]) == "InvalidImageId.NotFound"


def test_a_snapshot_of_another_region_fills_no_disk(cloud: Served) -> None:
    _, image = fill(cloud)
    [snapshot] = cloud.call("cvm", "DescribeImages", ImageIds=[image])["ImageSet"][0]["SnapshotSet"]
    disk = {"DiskSize": 100, "DiskType": "CLOUD_PREMIUM", "SnapshotId": snapshot["SnapshotId"]}
    request = {**launch_request(), "DataDisks": [disk], "Placement": {"Zone": "ap-shanghai-2"}}
    elsewhere = client(cloud, cloud.control.keys(), "ap-shanghai")
    assert refused(elsewhere, "cvm", "RunInstances", **request) == "InvalidParameter.SnapshotNotFound"


def test_a_user_of_the_account_sees_the_same_things(cloud: Served) -> None:
    fill(cloud)
    assert everything(client(cloud, cloud.control.add_user("intern"))) == everything(cloud.sdk)


def test_machines_of_two_accounts_never_share_an_address(cloud: Served) -> None:
    other = client(cloud, cloud.control.add_account("colleague"))
    other.call("cvm", "RunInstances", **launch_request())
    cloud.running()
    addresses = [machine.public_ip for machine in cloud.control.instances()]
    assert len(set(addresses)) == 2


def test_what_time_does_to_a_thing_stays_in_its_account(cloud: Served) -> None:
    key = cloud.control.add_account("colleague")
    other = client(cloud, key)
    [machine] = other.call("cvm", "RunInstances", **launch_request())["InstanceIdSet"]
    cloud.pass_time(30)
    other.call("cvm", "CreateImage", InstanceId=machine, ImageName="kept")
    cloud.pass_time(600)
    assert everything(other)["DescribeSnapshots"] == 1
    assert {image.account for image in cloud.control.images()} == {key.account}
    cloud.control.reclaim(machine, 1)
    cloud.pass_time(20)
    assert everything(other)["DescribeInstances"] == 0
    assert not any(everything(cloud.sdk).values())


def test_a_role_is_assumed_until_its_time_is_over(cloud: Served) -> None:
    machine = cloud.running()
    user = cloud.control.add_user("intern")
    arn = cloud.control.add_role("operator")
    ask = {"RoleArn": arn, "RoleSessionName": "night", "DurationSeconds": 1800}
    answer = client(cloud, user).call("sts", "AssumeRole", **ask)
    session = client(cloud, answer)
    assert session.call("cvm", "DescribeInstances")["InstanceSet"][0]["InstanceId"] == machine
    told = session.call("sts", "GetCallerIdentity")
    assert (told["AccountId"], told["Type"], told["PrincipalId"]) == (DEFAULT_ACCOUNT, "CAMRole", user.uin)
    assert told["UserId"].endswith(":night")
    cloud.control.advance(1801)
    assert refused(session, "cvm", "DescribeInstances") == "AuthFailure.TokenFailure"


def test_tokens_are_checked(cloud: Served) -> None:
    arn = cloud.control.add_role("operator")
    answer = cloud.call("sts", "AssumeRole", RoleArn=arn, RoleSessionName="night")["Credentials"]
    temporary = Keys(answer["TmpSecretId"], answer["TmpSecretKey"])
    assert refused(Sdk(cloud.server.url, temporary), "cvm", "DescribeZones") == "AuthFailure.TokenFailure"
    with_a_token = Sdk(cloud.server.url, cloud.server.keys, token=answer["Token"])
    assert refused(with_a_token, "cvm", "DescribeZones") == "AuthFailure.TokenFailure"


def test_a_role_of_another_account_needs_its_trust(cloud: Served) -> None:
    key = cloud.control.add_account("colleague")
    closed = cloud.control.add_role("closed")
    opened = cloud.control.add_role("opened", trusted=["colleague"])
    other = client(cloud, key)
    assert refused(other, "sts", "AssumeRole", RoleArn=closed, RoleSessionName="me") == "UnauthorizedOperation"
    answer = other.call("sts", "AssumeRole", RoleArn=opened, RoleSessionName="me")
    assert client(cloud, answer).call("sts", "GetCallerIdentity")["AccountId"] == DEFAULT_ACCOUNT
    unknown = opened.replace("opened", "unknown")
    assert refused(other, "sts", "AssumeRole", RoleArn=unknown, RoleSessionName="me") == "ResourceNotFound.RoleNotFound"
    assert (
        refused(other, "sts", "AssumeRole", RoleArn="operator", RoleSessionName="me") == "InvalidParameter.ParamError"
    )


def test_a_session_can_be_narrowed_by_a_policy(cloud: Served) -> None:
    arn = cloud.control.add_role("operator")
    allowed = {"version": "2.0", "statement": [{"effect": "allow", "action": "cvm:Describe*", "resource": "*"}]}
    ask = {"RoleArn": arn, "RoleSessionName": "me", "Policy": json.dumps(allowed)}
    session = client(cloud, cloud.call("sts", "AssumeRole", **ask))
    session.call("cvm", "DescribeZones")
    assert refused(session, "vpc", "DescribeVpcs") == "AuthFailure.UnauthorizedOperation"


def test_what_a_policy_denies_is_refused_and_named(cloud: Served) -> None:
    first, second = cloud.running(), cloud.running()
    cloud.control.deny("cvm:TerminateInstances", first)
    with pytest.raises(TencentCloudSDKException) as caught:
        cloud.call("cvm", "TerminateInstances", InstanceIds=[second, first])
    assert caught.value.code == "AuthFailure.UnauthorizedOperation"
    assert "cvm:TerminateInstances" in caught.value.message
    assert f"instance/{first}" in caught.value.message
    assert cloud.state(second) == "RUNNING"
    cloud.call("cvm", "TerminateInstances", InstanceIds=[second])
    cloud.control.clear_policies()
    cloud.call("cvm", "TerminateInstances", InstanceIds=[first])


def test_a_denial_can_be_for_one_user_and_with_another_code(cloud: Served) -> None:
    user = client(cloud, cloud.control.add_user("intern"))
    cloud.control.deny("tag:*", principal="intern", code="UnauthorizedOperation.PermissionDenied")
    tag = {"Resource": "qcs::cvm:ap-guangzhou:uin/:instance/ins-1", "ReplaceTags": [{"TagKey": "a", "TagValue": "b"}]}
    assert refused(user, "tag", "ModifyResourceTags", **tag) == "UnauthorizedOperation.PermissionDenied"
    assert cloud.error("tag", "ModifyResourceTags", **tag) == "InvalidParameterValue.ResourceIdInvalid"


def test_who_has_something_allowed_may_do_nothing_else(cloud: Served) -> None:
    user = client(cloud, cloud.control.add_user("intern"))
    statement = {"effect": "allow", "action": ["name/cvm:Describe*"], "resource": ["*"]}
    cloud.control.add_policy({"version": "2.0", "statement": [statement]}, "intern")
    user.call("cvm", "DescribeZones")
    assert refused(user, "cvm", "DeleteImages", ImageIds=["img-1"]) == "AuthFailure.UnauthorizedOperation"
    user.call("sts", "GetCallerIdentity")


@pytest.mark.parametrize(
    ("resource", "denied"),
    [
        ("*", True),
        ("img-1a", True),
        ("img-2b", False),
        ("qcs::cvm:ap-guangzhou:uin/100000000001:image/img-1a", True),
        ("qcs::cvm::uin/:image/*", True),
        ("qcs::cvm:ap-shanghai:uin/:image/*", False),
        ("qcs::cvm::uin/:instance/*", False),
    ],
)
def test_a_statement_means_the_things_that_its_resource_names(resource: str, denied: bool) -> None:
    document = {"statement": {"effect": "deny", "action": "DeleteImages", "resource": resource}}
    statements = read_policy(document, DEFAULT_ACCOUNT, "")
    expected = pytest.raises(ApiError, match="no permission") if denied else contextlib.nullcontext()
    with expected:
        check_policies(statements, ROOT, "cvm", "DeleteImages", "ap-guangzhou", {"ImageIds": ["img-1a"]})


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"statement": []},
        {"statement": [{"effect": "maybe", "action": "*"}]},
        {"statement": [{"effect": "deny"}]},
        {"statement": [{"effect": "deny", "action": [1]}]},
    ],
)
def test_a_policy_that_says_nothing_is_refused(cloud: Served, document: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match="policy:"):
        cloud.control.add_policy(document)


def test_a_machine_hands_out_the_keys_of_its_role(cloud: Served) -> None:
    cloud.control.add_role("operator")
    cloud.control.add_role("another")
    assert cloud.error("cvm", "RunInstances", **{**launch_request(), "CamRoleName": "nobody"}) == (
        "AuthFailure.CamRoleNameAuthenticateFailed"
    )
    machine = cloud.running(CamRoleName="operator")
    found = cloud.instance(machine)
    assert found is not None
    assert found["CamRoleName"] == "operator"
    roles = f"{cloud.server.url}/metadata/{machine}/latest/meta-data/cam/security-credentials/"
    assert httpx.get(roles, trust_env=False).text == "operator"
    assert httpx.get(roles + "another", trust_env=False).status_code == 404
    told = httpx.get(roles + "operator", trust_env=False).json()
    assert told["Code"] == "Success"
    session = client(cloud, {"Credentials": told})
    assert session.call("sts", "GetCallerIdentity")["Type"] == "CAMRole"


def test_a_computer_can_pass_for_a_machine_with_a_role(cloud: Served) -> None:
    cloud.control.add_role("operator")
    url = "http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials/operator"
    with httpx.Client(proxy=cloud.server.url, trust_env=False) as through:
        told = through.get(url).json()
        assert through.get(url.replace("operator", "nobody")).status_code == 404
    assert client(cloud, {"Credentials": told}).call("cvm", "DescribeInstances")["TotalCount"] == 0


def test_the_journal_says_who_called_and_where(cloud: Served) -> None:
    user = cloud.control.add_user("intern")
    client(cloud, user, "ap-shanghai").call("cvm", "DescribeZones")
    last = cloud.control.journal()[-1]
    assert (last.region, last.caller) == ("ap-shanghai", user.uin)


def test_secrets_of_sessions_are_not_in_the_journal(cloud: Served) -> None:
    arn = cloud.control.add_role("operator")
    cloud.call("sts", "AssumeRole", RoleArn=arn, RoleSessionName="me", TokenCode="canary-code")
    assert "canary-code" not in str(cloud.control.journal())


def test_a_search_that_lags_behind_does_not_see_what_was_just_made(cloud: Served) -> None:
    machine = cloud.running()
    cloud.control.advance(61)
    younger = cloud.launch()
    cloud.control.fault("DescribeInstances", "unseen")
    assert [row["InstanceId"] for row in cloud.call("cvm", "DescribeInstances")["InstanceSet"]] == [machine]
    assert len(cloud.call("cvm", "DescribeInstances")["InstanceSet"]) == 2, "once only"
    cloud.control.fault("DescribeInstances", "unseen", times=-1)
    assert cloud.state(younger) == "gone"
    cloud.control.advance(61)
    assert cloud.state(younger) == "RUNNING"


def test_the_word_for_ones_own_address_is_kept_as_an_address(cloud: Served) -> None:
    group = cloud.call("vpc", "CreateSecurityGroup", GroupName="g", GroupDescription="d")["SecurityGroup"]
    rule = {"Protocol": "TCP", "Port": "22", "CidrBlock": "MY_PUBLIC_IP", "Action": "ACCEPT"}
    add = {"SecurityGroupId": group["SecurityGroupId"], "SecurityGroupPolicySet": {"Ingress": [rule]}}
    cloud.control.set_address("203.0.113.7")
    cloud.call("vpc", "CreateSecurityGroupPolicies", **add)
    cloud.control.set_address("203.0.113.8")
    cloud.call("vpc", "CreateSecurityGroupPolicies", **add)
    found = cloud.call("vpc", "DescribeSecurityGroupPolicies", SecurityGroupId=group["SecurityGroupId"])
    kept = [one["CidrBlock"] for one in found["SecurityGroupPolicySet"]["Ingress"]]
    assert kept == ["203.0.113.8", "203.0.113.7"]


def test_unserved_hosts_answer_in_the_apis_own_form(cloud: Served) -> None:
    with httpx.Client(proxy=cloud.server.url, trust_env=False) as through:
        response = through.post("http://cos.tencentcloudapi.com/", json={})
    assert response.status_code == 421
    assert "not for 'cos.tencentcloudapi.com'" in response.json()["Response"]["Error"]["Message"]


def test_no_way_leads_out_by_https(cloud: Served) -> None:
    with httpx.Client(proxy=cloud.server.url, trust_env=False) as through, pytest.raises(httpx.ProxyError):
        through.post("https://cvm.tencentcloudapi.com/", json={})
