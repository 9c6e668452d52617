"""Every action of the service for identities, called through the official SDK's own client and models."""

from __future__ import annotations

from typing import Any

import pytest

from .uses import actions_of, check_use, use


@use("sts", "GetCallerIdentity")
def get_caller_identity(cloud: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.call("sts", "GetCallerIdentity")
    assert answer["AccountId"] == answer["UserId"] == "100000000001"
    return answer


@use("sts", "AssumeRole")
def assume_role(cloud: Any) -> dict[str, Any]:
    arn = cloud.control.add_role("operator")
    answer: dict[str, Any] = cloud.call("sts", "AssumeRole", RoleArn=arn, RoleSessionName="session")
    assert answer["ExpiredTime"] == pytest.approx(cloud.control.now() + 7200, abs=60)
    return answer


@pytest.mark.parametrize(("service", "action"), actions_of("sts"))
def test_action(cloud: Any, service: str, action: str) -> None:
    check_use(cloud, service, action)
