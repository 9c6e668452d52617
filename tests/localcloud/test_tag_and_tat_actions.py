"""Every action of the services for tags and commands, called through the official SDK's own client and models."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from .uses import actions_of, check_use, use


def tags(cloud: Any, instance_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.call(
        "tag",
        "DescribeResourceTagsByResourceIds",
        ServiceType="cvm",
        ResourcePrefix="instance",
        ResourceIds=[instance_id],
        ResourceRegion="ap-guangzhou",
    )
    return answer


@use("tag", "DescribeResourceTagsByResourceIds")
def describe_resource_tags_by_resource_ids(cloud: Any) -> dict[str, Any]:
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "project", "Value": "chatglm"}]}]
    answer = tags(cloud, cloud.launch(TagSpecification=specification))
    assert (answer["Tags"][0]["TagKey"], answer["Tags"][0]["TagValue"]) == ("project", "chatglm")
    return answer


@use("tag", "DescribeResourcesByTags")
def describe_resources_by_tags(cloud: Any) -> dict[str, Any]:
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "project", "Value": "chatglm"}]}]
    machine = cloud.launch(TagSpecification=specification)
    wanted = [{"TagKey": "project", "TagValue": ["chatglm", "other"]}]
    answer: dict[str, Any] = cloud.call("tag", "DescribeResourcesByTags", TagFilters=wanted)
    assert [(row["ResourcePrefix"], row["ResourceId"]) for row in answer["Rows"]] == [("instance", machine)]
    none = cloud.call("tag", "DescribeResourcesByTags", TagFilters=[{"TagKey": "project", "TagValue": ["another"]}])
    assert none["TotalCount"] == 0
    return answer


@use("tag", "GetResources")
def get_resources(cloud: Any) -> dict[str, Any]:
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "project", "Value": "chatglm"}]}]
    machines = {cloud.launch(TagSpecification=specification) for _ in range(2)}
    first: dict[str, Any] = cloud.call("tag", "GetResources", MaxResults=1)
    rest = cloud.call("tag", "GetResources", MaxResults=1, PaginationToken=first["PaginationToken"])
    found = [one["Resource"] for one in (*first["ResourceTagMappingList"], *rest["ResourceTagMappingList"])]
    assert {name.rpartition("/")[2] for name in found} == machines
    assert found[0].startswith("qcs::cvm:ap-guangzhou:uin/100000000001:instance/")
    assert rest["PaginationToken"] == ""
    return first


@use("tag", "ModifyResourceTags")
def modify_resource_tags(cloud: Any) -> dict[str, Any]:
    specification = [
        {"ResourceType": "instance", "Tags": [{"Key": "old", "Value": "1"}, {"Key": "stays", "Value": "2"}]}
    ]
    instance_id = cloud.launch(TagSpecification=specification)
    answer = cloud.call(
        "tag",
        "ModifyResourceTags",
        Resource=f"qcs::cvm:ap-guangzhou:uin/:instance/{instance_id}",
        ReplaceTags=[{"TagKey": "new", "TagValue": "3"}],
        DeleteTags=[{"TagKey": "old"}],
    )
    found = {tag["TagKey"]: tag["TagValue"] for tag in tags(cloud, instance_id)["Tags"]}
    assert found == {"stays": "2", "new": "3"}
    return answer


@use("tat", "RunCommand")
def run_command(cloud: Any) -> dict[str, Any]:
    content = base64.b64encode(b"Get-Date").decode()
    answer = cloud.call("tat", "RunCommand", Content=content, InstanceIds=[cloud.running()], CommandType="POWERSHELL")
    assert answer["InvocationId"].startswith("inv-")
    return answer


@use("tat", "DescribeInvocationTasks")
def describe_invocation_tasks(cloud: Any) -> dict[str, Any]:
    run_command(cloud)
    answer = cloud.call("tat", "DescribeInvocationTasks")
    task = answer["InvocationTaskSet"][0]
    assert task["TaskStatus"] == "START_FAILED"
    assert "--no-guests" in task["ErrorInfo"]
    return answer


@use("tat", "DescribeAutomationAgentStatus")
def describe_automation_agent_status(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    answer = cloud.call("tat", "DescribeAutomationAgentStatus", InstanceIds=[instance_id])
    assert answer["AutomationAgentSet"][0]["AgentStatus"] == "Online"
    return answer


@pytest.mark.parametrize(("service", "action"), actions_of("tag", "tat"))
def test_action(cloud: Any, service: str, action: str) -> None:
    check_use(cloud, service, action)
