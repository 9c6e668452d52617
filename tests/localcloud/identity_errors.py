"""Errors about who calls, roles and policies."""

from __future__ import annotations

from typing import Any

from .error_cases import Case, call, launch


def denied(cloud: Any) -> str:
    cloud.control.deny("cvm:DescribeZones")
    return str(cloud.error("cvm", "DescribeZones"))


def assume(role: str = "operator", **changes: Any) -> Case:
    def case(cloud: Any) -> str:
        cloud.control.add_role("operator")
        arn = f"qcs::cam::uin/100000000001:roleName/{role}"
        return str(cloud.error("sts", "AssumeRole", **{"RoleArn": arn, "RoleSessionName": "session", **changes}))

    return case


def role_of_another(cloud: Any) -> str:
    cloud.control.add_account("colleague")
    arn = cloud.control.add_role("operator", "colleague")
    return str(cloud.error("sts", "AssumeRole", RoleArn=arn, RoleSessionName="session"))


IDENTITY_ERRORS: list[tuple[str, Case]] = [
    ("AuthFailure.CamRoleNameAuthenticateFailed", launch(CamRoleName="nobody")),
    ("AuthFailure.UnauthorizedOperation", denied),
    ("InvalidParameter.OverTimeError", assume(DurationSeconds=43201)),
    (
        "ResourceNotFound.UserNotExist",
        call("cam", "ListAttachedUserAllPolicies", TargetUin=1, Rp=200, Page=1, AttachType=0),
    ),
    ("InvalidParameter.RoleNotExist", call("cam", "GetRole", RoleName="nobody")),
    ("InvalidParameter.RoleNotExist", call("cam", "ListAttachedRolePolicies", RoleName="nobody", Page=1, Rp=20)),
    ("ResourceNotFound.PolicyIdNotFound", call("cam", "GetPolicy", PolicyId=99)),
    ("InvalidParameter.ParamError", call("sts", "AssumeRole", RoleArn="operator", RoleSessionName="session")),
    ("InvalidParameter.ParamError", assume(RoleSessionName="no spaces")),
    ("InvalidParameter.StrategyFormatError", assume(Policy="{}")),
    ("ResourceNotFound.RoleNotFound", assume("nobody")),
    ("UnauthorizedOperation", role_of_another),
]
