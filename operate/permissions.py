"""Which of the permissions that the life needs a key has: tried by reads and dry runs, else read from its policies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from operate.errors import OperateError
from operate.stacks import Stack
from tencent.cloud import Cloud, ask
from tencent.errors import CloudError
from tencent.permissions import PERMISSIONS, Judgement, Permission, Trial, judge, role_policy
from words import LANGUAGES, language, phrase

DENIED_CODES = ("AuthFailure.UnauthorizedOperation", "UnauthorizedOperation")
#: The API refuses these before it looks at permissions.
_UNDECIDED = ("RequestLimitExceeded", "ClientNetworkError", "InternalError", "ServerNetworkError", "AuthFailure")
_PAGE = 200
_EVERYTHING = {"statement": [{"effect": "allow", "action": ["*"], "resource": ["*"]}]}


class Having(Enum):
    """Whether the key may call an action."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Checked:
    """What is known of one permission, and `how`: by a read, by a dry run, from the policies, or why it is not."""

    permission: Permission
    having: Having
    how: str

    def as_dict(self) -> dict[str, Any]:
        permission = self.permission
        return {
            "action": permission.name,
            "half": permission.half.value,
            "having": self.having.value,
            "how": self.how,
            "needed": "sometimes" if permission.sometimes else "always",
            "purpose": permission.purpose[LANGUAGES.index(language())],
        }


@dataclass(frozen=True)
class Policies:
    """The documents of a key's policies; None where they cannot be read. `source` says whence, or why not."""

    documents: tuple[Mapping[str, Any], ...] | None
    source: str


def machine_policy(stack: Stack) -> dict[str, Any]:
    """The policy of the role that the stack's machine carries. Raises OperateError before the first update."""
    identity = str(stack.outputs.get("identity") or "")
    if not identity:
        raise OperateError(
            phrase("This stack has no identity yet, and the role's policy reaches only what carries it."),
            phrase("Run pulumi up once without chatglm:camRole, then attach the policy to the role and set it."),
        )
    return role_policy(identity, stack.region)


def check(cloud: Cloud, dry_runs: Mapping[str, CloudError | None]) -> list[Checked]:
    """Every permission of the table. `dry_runs` has the refusals of the dry runs that were made, by action's name."""
    answers = _put({one.name: _trial(cloud, one) for one in PERMISSIONS if one.trial is Trial.READ})
    tried = {**answers, **dry_runs}
    policies = read_policies(cloud)
    return [_judge(one, tried, policies) for one in PERMISSIONS]


def _trial(cloud: Cloud, permission: Permission) -> Callable[[], Any]:
    return partial(cloud.call, permission.service, permission.action, **permission.trial_parameters)


def _put(questions: Mapping[str, Callable[[], Any]]) -> dict[str, CloudError | None]:
    """Put all questions at once; the refusal of each, None where there was none."""

    def put(question: Callable[[], Any]) -> CloudError | None:
        try:
            question()
        except CloudError as error:
            return error
        return None

    answers, _ = ask({name: partial(put, question) for name, question in questions.items()})
    return answers


def _judge(permission: Permission, tried: Mapping[str, CloudError | None], policies: Policies) -> Checked:
    why = phrase("it has no harmless trial") if permission.trial is Trial.NONE else phrase("no dry run was possible")
    if permission.name in tried:
        refusal = tried[permission.name]
        how = phrase("by {trial}", trial=phrase(permission.trial.value))
        if refusal is None:
            return Checked(permission, Having.ALLOWED, how)
        if refusal.code.startswith(DENIED_CODES):
            return Checked(permission, Having.DENIED, how)
        if not refusal.code.startswith(_UNDECIDED):
            # Refused for what was asked, so asking was allowed.
            return Checked(permission, Having.ALLOWED, how)
        return Checked(permission, Having.UNKNOWN, phrase("its trial failed ({code})", code=refusal.code))
    if policies.documents is None:
        return Checked(
            permission,
            Having.UNKNOWN,
            phrase("{why}, and the policies cannot be read: {source}", why=why, source=policies.source),
        )
    judgement = judge(policies.documents, permission.name)
    match judgement:
        case Judgement.ALLOWED:
            return Checked(permission, Having.ALLOWED, policies.source)
        case Judgement.PARTLY:
            return Checked(
                permission, Having.UNKNOWN, phrase("{why}, and the policies speak of some resources only", why=why)
            )
    return Checked(permission, Having.DENIED, policies.source)


def read_policies(cloud: Cloud) -> Policies:
    """The policies of the user to whom the keys belong. An account's owner may do everything."""
    try:
        who = cloud.call("sts", "GetCallerIdentity")
        if who.get("UserId") == who.get("AccountId"):
            return Policies((_EVERYTHING,), phrase("as the account's owner"))
        if who.get("Type") != "CAMUser" or not str(who.get("UserId")).isdecimal():
            return Policies(None, phrase("these are temporary keys of a role"))
        # Of the user and of its groups.
        whose = {"TargetUin": int(who["UserId"]), "AttachType": 0}
        documents = attached_documents(cloud, "ListAttachedUserAllPolicies", "PolicyList", **whose)
        return Policies(tuple(json.loads(document) for document in documents), phrase("from the key's policies"))
    except CloudError as error:
        return Policies(None, phrase("{action} was refused ({code})", action=error.action, code=error.code))
    except ValueError:
        return Policies(None, phrase("one of them is not JSON"))


def attached_documents(cloud: Cloud, action: str, rows_in: str, **whose: Any) -> list[str]:
    """The policies in force that CAM's `action` lists, as it tells them. Raises CloudError.

    `rows_in` is where the answer has its rows; `whose` are the parameters that name the user or the role.
    """
    numbers: list[int] = []
    page = 1
    while True:
        rows = cloud.call("cam", action, Rp=_PAGE, Page=page, **whose).get(rows_in) or []
        numbers += [int(row["PolicyId"]) for row in rows if not row.get("Deactived")]
        if len(rows) < _PAGE:
            return [cloud.call("cam", "GetPolicy", PolicyId=number)["PolicyDocument"] for number in numbers]
        page += 1


def by_service(names: Iterable[str]) -> str:
    """Actions in few words: cvm DescribeZones, RunInstances; vpc CreateVpc."""
    services: dict[str, list[str]] = {}
    for name in names:
        service, _, action = name.partition(":")
        services.setdefault(service, []).append(action)
    return "; ".join(f"{service} {', '.join(actions)}" for service, actions in services.items())
