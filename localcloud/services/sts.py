"""STS: who calls, and temporary keys of a role."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from localcloud.call import Call
from localcloud.clock import iso_time
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.identity import document_of, read_policy
from localcloud.records import Role
from localcloud.registry import action

DEFAULT_SECONDS = 7200
MAX_SECONDS = 43200
_ROLE_ARN = re.compile(r"qcs::cam::uin/(\d+):(role|roleName)/([\w.-]+)")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,128}", re.ASCII)


@action("sts", "GetCallerIdentity")
def get_caller_identity(cloud: Cloud, call: Call) -> dict[str, Any]:  # noqa: ARG001
    caller = call.caller
    return {
        "Arn": caller.arn,
        "AccountId": caller.account,
        "UserId": caller.user_id,
        "PrincipalId": caller.uin,
        "Type": caller.kind,
    }


@action("sts", "AssumeRole", "RoleArn", "RoleSessionName")
def assume_role(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    role = _role(cloud, call, params["RoleArn"])
    session = params["RoleSessionName"]
    if not _SESSION_NAME.fullmatch(session):
        raise ApiError("InvalidParameter.ParamError", "`RoleSessionName` has 2 to 128 letters, digits and +=,.@_-.")
    seconds = params.get("DurationSeconds", DEFAULT_SECONDS)
    if not 1 <= seconds <= MAX_SECONDS:
        raise ApiError(
            "InvalidParameter.OverTimeError", f"`DurationSeconds` must be 1 to {MAX_SECONDS}, not {seconds}."
        )
    key = cloud.identities.assume(role, session, call.caller.uin, call.time + seconds)
    if params.get("Policy"):
        try:
            for statement in read_policy(document_of(unquote(params["Policy"])), role.account, key.secret_id):
                cloud.db.statements.put(statement)
        except ValueError as error:
            raise ApiError("InvalidParameter.StrategyFormatError", f"`Policy`: {error}.") from None
    return {
        "Credentials": {"Token": key.token, "TmpSecretId": key.secret_id, "TmpSecretKey": key.secret_key},
        "ExpiredTime": int(key.expires),
        "Expiration": iso_time(key.expires),
    }


def _role(cloud: Cloud, call: Call, arn: str) -> Role:
    match = _ROLE_ARN.fullmatch(arn)
    if match is None:
        raise ApiError(
            "InvalidParameter.ParamError", f"`RoleArn` {arn[:80]!r} is not like qcs::cam::uin/1:roleName/name."
        )
    role = cloud.identities.role(match[1], match[3])
    if role is None:
        raise ApiError("ResourceNotFound.RoleNotFound", f"There is no role {arn[:80]}.")
    if call.caller.account not in role.trusted:
        raise ApiError(
            "UnauthorizedOperation", f"The role {arn[:80]} does not trust the account {call.caller.account}."
        )
    return role
