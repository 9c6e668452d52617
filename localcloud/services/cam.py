"""CAM: policies of users and roles, for those who want to read what they may do; and who may carry a role."""

from __future__ import annotations

import json
from typing import Any

from localcloud.call import Call
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.identity import check_policies, condition_of
from localcloud.records import Role, Statement
from localcloud.registry import action

#: Tencent's preset policy; here it stands for a user to whom nothing was allowed in words: such a user may do all.
ADMINISTRATOR = 1
_ALL = {"effect": "allow", "action": ["*"], "resource": ["*"]}


@action("cam", "ListAttachedUserAllPolicies", "TargetUin", "Rp", "Page", "AttachType")
def list_attached_user_all_policies(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    uin = str(params["TargetUin"])
    known = {user.uin for user in cloud.db.users if user.account == call.caller.account} | {call.caller.account}
    if uin not in known:
        raise ApiError("ResourceNotFound.UserNotExist", f"There is no user {uin}.")
    own = {number: each for number, each in _numbered(cloud, call).items() if each.principal in ("", uin)}
    rows = [_row(str(number), f"policy-{number}", "1") for number in own]
    if not any(each.effect == "allow" for each in own.values()):
        rows.insert(0, _row(str(ADMINISTRATOR), "AdministratorAccess", "2"))
    first = (params["Page"] - 1) * params["Rp"]
    return {"TotalNum": len(rows), "PolicyList": rows[first : first + params["Rp"]]}


@action("cam", "GetPolicy", "PolicyId")
def get_policy(cloud: Cloud, call: Call) -> dict[str, Any]:
    number = call.params["PolicyId"]
    statement = _numbered(cloud, call).get(number)
    if number == ADMINISTRATOR:
        entry: dict[str, Any] = _ALL
    elif statement is not None:
        entry = {
            "effect": statement.effect,
            "action": list(statement.actions),
            "resource": list(statement.resources),
            **condition_of(statement),
        }
    else:
        raise ApiError("ResourceNotFound.PolicyIdNotFound", f"There is no policy {number}.")
    document = json.dumps({"version": "2.0", "statement": [entry]})
    name = "AdministratorAccess" if number == ADMINISTRATOR else f"policy-{number}"
    return {"PolicyName": name, "Type": 2 if number == ADMINISTRATOR else 1, "PolicyDocument": document}


@action("cam", "GetRole")
def get_role(cloud: Cloud, call: Call) -> dict[str, Any]:
    role = _role(cloud, call)
    entry = {"effect": "allow", "action": "name/sts:AssumeRole"}
    users = {"qcs": [f"qcs::cam::uin/{account}:root" for account in role.trusted]}
    statements: list[dict[str, Any]] = [{**entry, "principal": users}]
    if role.of_machines:
        statements.append({**entry, "principal": {"service": ["cvm.qcloud.com"]}})
    return {
        "RoleInfo": {
            "RoleId": role.role_id,
            "RoleName": role.name,
            "PolicyDocument": json.dumps({"version": "2.0", "statement": statements}),
            "RoleType": "user",
            "RoleArn": f"qcs::cam::uin/{role.account}:roleName/{role.name}",
        }
    }


@action("cam", "ListAttachedRolePolicies", "Page", "Rp")
def list_attached_role_policies(cloud: Cloud, call: Call) -> dict[str, Any]:
    role, params = _role(cloud, call), call.params
    own = [number for number, each in _numbered(cloud, call).items() if each.principal == role.role_id]
    rows = [
        {"PolicyId": number, "PolicyName": f"policy-{number}", "PolicyType": "User", "Deactived": 0} for number in own
    ]
    first = (params["Page"] - 1) * params["Rp"]
    return {"TotalNum": len(rows), "List": rows[first : first + params["Rp"]]}


def _role(cloud: Cloud, call: Call) -> Role:
    """The role that a request names, by name or id."""
    name = str(call.params.get("RoleName") or call.params.get("RoleId") or "")
    role = cloud.identities.role(call.caller.account, name)
    if role is None:
        raise ApiError("InvalidParameter.RoleNotExist", f"There is no role {name[:60]!r}.")
    return role


def check_role(cloud: Cloud, call: Call) -> str:
    """The role that a request gives to a machine. Raises ApiError unless it exists and the caller may hand it on."""
    name = str(call.params.get("CamRoleName") or "")
    if not name:
        return ""
    role = cloud.identities.role(call.caller.account, name)
    if role is None or not role.of_machines:
        raise ApiError("AuthFailure.CamRoleNameAuthenticateFailed", f"No machine may carry a role {name[:60]!r}.")
    check_policies(cloud.db.statements, call.caller, "cam", "PassRole", call.region, {})
    return name


def _numbered(cloud: Cloud, call: Call) -> dict[int, Statement]:
    """Each statement of the account is a policy of its own; numbers follow the order in which they were made."""
    own = [each for each in cloud.db.statements if each.account == call.caller.account]
    return {ADMINISTRATOR + 1 + index: each for index, each in enumerate(own)}


def _row(number: str, name: str, kind: str) -> dict[str, Any]:
    return {"PolicyId": number, "PolicyName": name, "StrategyType": kind, "Deactived": 0}
