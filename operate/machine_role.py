"""The role of `chatglm:camRole`: whether it is there, whether machines may carry it, and what it may do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from components.stock import ROLE_REFUSALS
from operate.findings import Finding, failure, ok, refused, warning
from operate.permissions import attached_documents, by_service
from tencent.cloud import Cloud
from tencent.errors import CloudError
from tencent.permissions import RoleJudgement, is_carried_by_machines, judge_role
from words import phrase

#: The name of the check.
CHECK = "CAM role"
_UNKNOWN_ROLE = "RoleNotExist"


@dataclass(frozen=True)
class MachineRole:
    """What CAM tells of a role. `unread` says why its policies could not be read; they are not judged then."""

    exists: bool
    of_machines: bool = True
    judgement: RoleJudgement = field(default_factory=RoleJudgement)
    unread: CloudError | None = None


def read_role(cloud: Cloud, name: str, identity: str) -> MachineRole:
    """Look at a role and its policies, for the stack of this identity. Raises CloudError where it may not be seen."""
    try:
        told = cloud.call("cam", "GetRole", RoleName=name)["RoleInfo"]
    except CloudError as error:
        if _UNKNOWN_ROLE in error.code:
            return MachineRole(exists=False)
        raise
    of_machines = is_carried_by_machines(_document(told.get("PolicyDocument")))
    try:
        documents = [
            _document(text) for text in attached_documents(cloud, "ListAttachedRolePolicies", "List", RoleName=name)
        ]
    except CloudError as error:
        return MachineRole(True, of_machines, unread=error)
    return MachineRole(True, of_machines, judge_role(documents, identity))


def check_machine_role(
    name: str, found: MachineRole | CloudError | None, launches: Iterable[CloudError | None] = ()
) -> list[Finding]:
    """Whether the role lets the machine park itself; nothing where none is named.

    `launches` are the refusals of the dry runs: where CAM tells nothing, one of them may.
    """
    if not name or found is None:
        return []
    if isinstance(found, CloudError):
        for refusal in launches:
            if refusal is not None and refusal.code.startswith(ROLE_REFUSALS):
                return [refused(CHECK, refusal)]
        return [
            warning(
                CHECK,
                phrase("Not known: {action} was refused ({code}).", action=found.action, code=found.code),
                phrase("Compare the role {role} with chatglm policy --machine yourself.", role=name),
            )
        ]
    if not found.exists:
        return [
            failure(
                CHECK,
                phrase("There is no CAM role {role!r}; a launch with it is refused.", role=name),
                phrase("Make one for CVM in CAM, with the policy that chatglm policy --machine prints."),
            )
        ]
    told = [] if found.of_machines else [_uncarried(name)]
    if found.unread is not None:
        return [
            *told,
            warning(
                CHECK,
                phrase("Its policies cannot be read: {action} was refused.", action=found.unread.action),
                phrase("Compare the role {role} with chatglm policy --machine yourself.", role=name),
            ),
        ]
    attach = phrase("Attach what chatglm policy --machine prints to the role {role}, in CAM.", role=name)
    judgement = found.judgement
    if judgement.missing:
        text = phrase("The machine may not call {listed}: it cannot park itself.", listed=by_service(judgement.missing))
        told.append(failure(CHECK, text, attach))
    if judgement.foreign:
        text = phrase("{listed}: allowed for another stack only.", listed=by_service(judgement.foreign))
        told.append(failure(CHECK, text, attach))
    if judgement.too_wide:
        text = phrase(
            "{listed}: whatever runs on the machine may do that to every machine and image of the account.",
            listed=by_service(judgement.too_wide),
        )
        told.append(warning(CHECK, text, attach))
    return told or [ok(CHECK, phrase("{role} lets the machine park itself, and reaches nothing else.", role=name))]


def _uncarried(name: str) -> Finding:
    return failure(
        CHECK,
        phrase("Machines may not carry the role {role}: its trust does not name cvm.qcloud.com.", role=name),
        phrase("Make it for the service CVM."),
    )


def _document(text: object) -> Mapping[str, Any]:
    """A policy document; one that cannot be read allows nothing."""
    try:
        document = json.loads(str(text))
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
