"""Every action of the service for users, roles and policies, called through the official SDK's models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.identity import deny

from .uses import actions_of, check_use, use

_PAGE = {"Page": 1, "Rp": 20}


@use("cam", "ListAttachedUserAllPolicies")
def list_attached_user_all_policies(cloud: Any) -> dict[str, Any]:
    cloud.control.add_policy(deny("cvm:RunInstances"))
    answer: dict[str, Any] = cloud.call(
        "cam", "ListAttachedUserAllPolicies", TargetUin=100000000001, AttachType=0, **_PAGE
    )
    assert [row["PolicyName"] for row in answer["PolicyList"]] == ["AdministratorAccess", "policy-2"]
    return answer


@use("cam", "GetPolicy")
def get_policy(cloud: Any) -> dict[str, Any]:
    cloud.control.add_policy(deny("cvm:RunInstances"))
    answer: dict[str, Any] = cloud.call("cam", "GetPolicy", PolicyId=2)
    assert json.loads(answer["PolicyDocument"])["statement"][0]["action"] == ["cvm:RunInstances"]
    return answer


@use("cam", "GetRole")
def get_role(cloud: Any) -> dict[str, Any]:
    cloud.control.add_role("operator")
    answer: dict[str, Any] = cloud.call("cam", "GetRole", RoleName="operator")
    trust = json.loads(answer["RoleInfo"]["PolicyDocument"])
    assert {"service": ["cvm.qcloud.com"]} in [one["principal"] for one in trust["statement"]]
    return answer


@use("cam", "ListAttachedRolePolicies")
def list_attached_role_policies(cloud: Any) -> dict[str, Any]:
    cloud.control.add_role("operator")
    cloud.control.add_policy(deny("cvm:RunInstances"), principal="operator")
    cloud.control.add_policy(deny("cvm:DeleteImages"))
    answer: dict[str, Any] = cloud.call("cam", "ListAttachedRolePolicies", RoleName="operator", **_PAGE)
    assert [row["PolicyId"] for row in answer["List"]] == [2]
    return answer


@pytest.mark.parametrize(("service", "action"), actions_of("cam"))
def test_action(cloud: Any, service: str, action: str) -> None:
    check_use(cloud, service, action)
