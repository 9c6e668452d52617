"""What a key must be allowed: every action of Tencent's API that the life of a stack needs. One table for everything.

It makes the CAM policy with the least rights, the checks of `chatglm doctor`, and the table in docs/permissions.md. A
test holds it against the calls that a whole life really makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from guest.unattended.names import TAG_OWNER, TAG_PARKER
from words import later


class Half(Enum):
    """Who calls: the Pulumi plug-in, or the program and the command line through the SDK."""

    PLUGIN = "plug-in"
    SDK = "SDK"
    BOTH = "both"


class Trial(Enum):
    """How a permission can be checked without changing anything."""

    READ = later("a read")
    DRY_RUN = later("a dry run")
    NONE = later("nothing harmless")


@dataclass(frozen=True)
class Permission:
    """One action. `purpose` says what for, in English and in Chinese; `trial_parameters` make a harmless call of it.

    `sometimes`: only some lives need it, as the purpose says; a key without it can do all the rest.
    """

    service: str
    action: str
    half: Half
    trial: Trial
    purpose: tuple[str, str]
    trial_parameters: Mapping[str, Any] = field(default_factory=dict)
    sometimes: bool = False

    @property
    def name(self) -> str:
        """As CAM writes it: cvm:RunInstances."""
        return f"{self.service}:{self.action}"


#: Ids that name nothing. Whether a call of them is refused as unknown or answered with nothing, it was allowed.
_NO_MACHINE, _NO_GROUP = "ins-00000000", "sg-00000000"
_ONE = {"Limit": 1}
_ONE_AS_TEXT = {"Limit": "1", "Offset": "0"}

PERMISSIONS = (
    Permission("cvm", "DescribeRegions", Half.SDK, Trial.READ, ("what lies in other regions", "其他地域的遗留资源")),
    Permission("cvm", "DescribeZones", Half.SDK, Trial.READ, ("zones of the region", "地域的可用区")),
    Permission(
        "cvm",
        "DescribeZoneInstanceConfigInfos",
        Half.SDK,
        Trial.READ,
        ("stock and prices", "库存与价格"),
        {"Filters": [{"Name": "instance-charge-type", "Values": ["SPOTPAID"]}]},
    ),
    Permission("cvm", "DescribeAccountQuota", Half.SDK, Trial.READ, ("quota of spot vCPUs", "竞价实例 vCPU 配额")),
    Permission("cvm", "DescribeInstances", Half.BOTH, Trial.READ, ("find the machine", "查询机器"), _ONE),
    Permission(
        "cvm",
        "DescribeInstancesAttributes",
        Half.PLUGIN,
        Trial.READ,
        ("read the machine back", "读取机器属性"),
        {"InstanceIds": [_NO_MACHINE], "Attributes": ["UserData"]},
    ),
    Permission(
        "cvm",
        "DescribeImages",
        Half.BOTH,
        Trial.READ,
        ("find Windows and the captures", "查询系统镜像与自定义镜像"),
        {"Filters": [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}], **_ONE},
    ),
    Permission("cvm", "DescribeImageQuota", Half.SDK, Trial.READ, ("room for one more image", "镜像配额")),
    Permission("cvm", "RunInstances", Half.BOTH, Trial.DRY_RUN, ("launch and restore", "创建与恢复机器")),
    Permission("cvm", "CreateImage", Half.PLUGIN, Trial.DRY_RUN, ("capture at a park", "停放时制作镜像")),
    Permission("cvm", "TerminateInstances", Half.SDK, Trial.NONE, ("end the machine", "销毁机器")),
    Permission("cvm", "DeleteImages", Half.SDK, Trial.NONE, ("delete older images", "删除旧镜像")),
    Permission(
        "cvm",
        "ModifyInstancesAttribute",
        Half.PLUGIN,
        Trial.NONE,
        ("rename a living machine, change its groups", "修改机器名称与安全组"),
        sometimes=True,
    ),
    Permission(
        "cvm",
        "ResetInstancesInternetMaxBandwidth",
        Half.PLUGIN,
        Trial.NONE,
        ("change bandwidthMbps of a living machine", "调整运行中机器的带宽"),
        sometimes=True,
    ),
    Permission(
        "cvm",
        "StartInstances",
        Half.SDK,
        Trial.NONE,
        ("start a machine that stands stopped", "启动已关机的机器"),
        sometimes=True,
    ),
    Permission("cbs", "DescribeDisks", Half.BOTH, Trial.READ, ("disks that cost money", "计费的云硬盘"), _ONE),
    Permission(
        "cbs",
        "DescribeDiskConfigQuota",
        Half.SDK,
        Trial.READ,
        ("kinds and sizes of disks", "云硬盘类型与大小"),
        {"InquiryType": "INQUIRY_CVM_CONFIG", "DiskChargeType": "POSTPAID_BY_HOUR"},
    ),
    Permission(
        "cbs",
        "InquiryPriceCreateDisks",
        Half.SDK,
        Trial.READ,
        ("price of the disk", "云硬盘价格"),
        {"DiskChargeType": "POSTPAID_BY_HOUR", "DiskType": "CLOUD_SSD", "DiskSize": 60},
    ),
    Permission("cbs", "DescribeSnapshots", Half.BOTH, Trial.READ, ("what images are stored in", "镜像的快照"), _ONE),
    Permission("cbs", "DescribeSnapshotOverview", Half.SDK, Trial.READ, ("what snapshots cost", "快照用量")),
    Permission(
        "cbs",
        "DeleteSnapshots",
        Half.SDK,
        Trial.NONE,
        ("delete snapshots that an image left behind", "删除镜像遗留的快照"),
        sometimes=True,
    ),
    Permission("vpc", "DescribeVpcs", Half.BOTH, Trial.READ, ("find the network", "查询私有网络"), _ONE_AS_TEXT),
    Permission("vpc", "CreateVpc", Half.PLUGIN, Trial.NONE, ("make the network", "创建私有网络")),
    Permission("vpc", "DeleteVpc", Half.PLUGIN, Trial.NONE, ("destroy", "销毁栈")),
    Permission(
        "vpc", "DescribeRouteTables", Half.PLUGIN, Trial.READ, ("read the network back", "读取路由表"), _ONE_AS_TEXT
    ),
    Permission("vpc", "DescribeSubnets", Half.BOTH, Trial.READ, ("find the subnet", "查询子网"), _ONE_AS_TEXT),
    Permission("vpc", "CreateSubnet", Half.PLUGIN, Trial.NONE, ("make the subnet", "创建子网")),
    Permission("vpc", "ModifySubnetAttribute", Half.PLUGIN, Trial.NONE, ("set the subnet up", "设置子网")),
    Permission("vpc", "DeleteSubnet", Half.BOTH, Trial.NONE, ("destroy, or another zone", "销毁栈或更换可用区")),
    Permission(
        "vpc", "DescribeSecurityGroups", Half.BOTH, Trial.READ, ("find the firewall", "查询安全组"), _ONE_AS_TEXT
    ),
    Permission("vpc", "CreateSecurityGroup", Half.PLUGIN, Trial.NONE, ("make the firewall", "创建安全组")),
    Permission(
        "vpc",
        "DescribeSecurityGroupPolicies",
        Half.BOTH,
        Trial.READ,
        ("read its rules", "读取安全组规则"),
        {"SecurityGroupId": _NO_GROUP},
    ),
    Permission("vpc", "ModifySecurityGroupPolicies", Half.PLUGIN, Trial.NONE, ("set its rules", "设置安全组规则")),
    Permission("vpc", "DeleteSecurityGroup", Half.SDK, Trial.NONE, ("destroy", "销毁栈")),
    Permission(
        "tag",
        "DescribeResourceTagsByResourceIds",
        Half.PLUGIN,
        Trial.READ,
        ("read tags back", "读取标签"),
        {
            "ServiceType": "cvm",
            "ResourcePrefix": "instance",
            "ResourceIds": [_NO_MACHINE],
            "ResourceRegion": "ap-guangzhou",
        },
    ),
    Permission("tag", "ModifyResourceTags", Half.BOTH, Trial.NONE, ("mark what the stack owns", "为资源打标签")),
    Permission(
        "tat",
        "DescribeAutomationAgentStatus",
        Half.SDK,
        Trial.READ,
        ("look inside a machine whose WinRM is silent", "WinRM 无响应时查看机器"),
        {"Limit": 1},
        sometimes=True,
    ),
    Permission("tat", "RunCommand", Half.SDK, Trial.NONE, ("the same", "同上"), sometimes=True),
    Permission("tat", "DescribeInvocationTasks", Half.SDK, Trial.READ, ("the same", "同上"), _ONE, sometimes=True),
    Permission(
        "sts",
        "AssumeRole",
        Half.BOTH,
        Trial.NONE,
        ("act as a role that the settings name", "扮演配置指定的角色"),
        sometimes=True,
    ),
    Permission(
        "cam",
        "ListAttachedUserAllPolicies",
        Half.SDK,
        Trial.NONE,
        ("doctor reads the key's own policies", "doctor 读取密钥自身的策略"),
        sometimes=True,
    ),
    Permission("cam", "GetPolicy", Half.SDK, Trial.NONE, ("the same", "同上"), sometimes=True),
    Permission(
        "cam",
        "GetRole",
        Half.SDK,
        Trial.NONE,
        ("doctor looks at the role that chatglm:camRole names", "doctor 检查 chatglm:camRole 指定的角色"),
        sometimes=True,
    ),
    Permission("cam", "ListAttachedRolePolicies", Half.SDK, Trial.NONE, ("the same", "同上"), sometimes=True),
    Permission(
        "cam",
        "PassRole",
        Half.PLUGIN,
        Trial.NONE,
        ("give the machine the role that chatglm:camRole names", "把 chatglm:camRole 指定的角色交给机器"),
        sometimes=True,
    ),
)

#: Every key may ask who it is, whatever its policies say.
ALWAYS_ALLOWED = ("sts:GetCallerIdentity",)


class Reach(Enum):
    """On what the machine's own role may act."""

    READ = "everything, as these reads know no single resources"
    MACHINE = "machines that carry the stack's mark"
    NEW_IMAGE = "the image that it makes, which must be given the stack's mark"
    SELF_MADE = "images that a machine of the stack made of itself"


@dataclass(frozen=True)
class RolePermission:
    """An action that the machine itself needs to park itself, by the role that it carries."""

    action: str
    reaches: tuple[Reach, ...]
    purpose: tuple[str, str]

    @property
    def name(self) -> str:
        return f"cvm:{self.action}"


#: What guest/unattended/park.py calls. The machine may end itself and take an image of itself, and nothing else.
ROLE_PERMISSIONS = (
    RolePermission("DescribeInstances", (Reach.READ,), ("read its own marks and state", "读取自身的标签与状态")),
    RolePermission("DescribeImages", (Reach.READ,), ("wait for its image", "等待自身的镜像")),
    RolePermission("CreateImage", (Reach.MACHINE, Reach.NEW_IMAGE), ("take an image of itself", "为自身制作镜像")),
    RolePermission("TerminateInstances", (Reach.MACHINE,), ("end itself", "销毁自身")),
    RolePermission("DeleteImages", (Reach.SELF_MADE,), ("drop the image of a park that failed", "删除失败停放的镜像")),
)


def role_policy(identity: str, region: str = "") -> dict[str, Any]:
    """The policy of the role that a stack's machine carries (`chatglm:camRole`), in CAM's syntax version 2.0.

    `identity` is the stack's (its output of that name). An empty `region` is any.
    """
    conditions = {
        Reach.MACHINE: ("instance", "qcs:resource_tag", TAG_OWNER),
        Reach.NEW_IMAGE: ("image", "qcs:request_tag", TAG_PARKER),
        Reach.SELF_MADE: ("image", "qcs:resource_tag", TAG_PARKER),
    }
    reads = [one.name for one in ROLE_PERMISSIONS if Reach.READ in one.reaches]
    statements: list[dict[str, Any]] = [{"effect": "allow", "action": reads, "resource": ["*"]}]
    for reach, (kind, key, tag) in conditions.items():
        statements.append(
            {
                "effect": "allow",
                "action": [one.name for one in ROLE_PERMISSIONS if reach in one.reaches],
                "resource": [f"qcs::cvm:{region}::{kind}/*"],
                "condition": {"for_any_value:string_equal": {key: [f"{tag}&{identity}"]}},
            }
        )
    return {"version": "2.0", "statement": statements}


_MACHINES = "cvm.qcloud.com"
#: Who may carry the role: machines.
ROLE_TRUST = {
    "version": "2.0",
    "statement": [
        {"effect": "allow", "action": "name/sts:AssumeRole", "principal": {"service": [_MACHINES]}},
    ],
}


def role_table() -> str:
    """What the machine's role may do, as a table in Markdown, in both languages."""
    head = "| Action 接口 | On 作用于 | What for | 用途 |"
    reaches = {one: ", and ".join(reach.value for reach in one.reaches) for one in ROLE_PERMISSIONS}
    rows = [f"| `{one.name}` | {reach} | {one.purpose[0]} | {one.purpose[1]} |" for one, reach in reaches.items()]
    return "\n".join((head, "| --- | --- | --- | --- |", *rows))


def policy_document() -> dict[str, Any]:
    """The CAM policy with the least rights, in CAM's syntax version 2.0.

    Every resource: what does not exist yet has no name, and reads and prices know no single resources.
    """
    actions = [one.name for one in PERMISSIONS]
    return {"version": "2.0", "statement": [{"effect": "allow", "action": actions, "resource": ["*"]}]}


def table() -> str:
    """The permissions as a table in Markdown, in both languages."""
    head = "| Action 接口 | Who calls 调用方 | doctor tries it by 检查方式 | What for | 用途 |"
    rows = [
        f"| `{one.name}`{' *' if one.sometimes else ''} | {one.half.value} | {one.trial.value} "
        f"| {one.purpose[0]} | {one.purpose[1]} |"
        for one in PERMISSIONS
    ]
    return "\n".join((head, "| --- | --- | --- | --- | --- |", *rows))


class Judgement(Enum):
    """What policies say of one action."""

    ALLOWED = "allowed"
    PARTLY = "allowed or denied for some resources only"
    DENIED = "denied"
    SILENT = "not allowed by any"


def judge(documents: Iterable[Mapping[str, Any]], name: str) -> Judgement:
    """Read policy documents of CAM for one action, such as cvm:RunInstances. A denial wins over what is allowed.

    Conditions are passed over: a statement that has any counts for some resources only.
    """
    found: set[tuple[str, bool]] = set()
    for document in documents:
        for statement in _statements(document):
            if _covers(statement, name):
                whole = "*" in _listed(statement.get("resource", "*")) and not statement.get("condition")
                found.add((str(statement.get("effect")), whole))
    if ("deny", True) in found:
        return Judgement.DENIED
    if ("deny", False) in found:
        return Judgement.PARTLY
    if ("allow", True) in found:
        return Judgement.ALLOWED
    return Judgement.PARTLY if ("allow", False) in found else Judgement.SILENT


@dataclass(frozen=True)
class RoleJudgement:
    """What the policies of a machine's role say: actions that they lack, that reach too far, or another stack only."""

    missing: tuple[str, ...] = ()
    too_wide: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def judge_role(documents: Iterable[Mapping[str, Any]], identity: str) -> RoleJudgement:
    """Hold a role's policies against the table, for the stack of this identity (empty before the first update).

    Conditions are looked through for the identity alone: CAM itself decides what they let through.
    """
    documents = list(documents)
    missing, too_wide, foreign = [], [], []
    for one in ROLE_PERMISSIONS:
        judgement = judge(documents, one.name)
        if judgement in (Judgement.DENIED, Judgement.SILENT):
            missing.append(one.name)
        elif Reach.READ not in one.reaches:
            if judgement is Judgement.ALLOWED:
                too_wide.append(one.name)
            elif identity and not any(identity in str(each.get("condition")) for each in _speaking(documents, one)):
                foreign.append(one.name)
    return RoleJudgement(tuple(missing), tuple(too_wide), tuple(foreign))


def is_carried_by_machines(trust: Mapping[str, Any]) -> bool:
    """Whether a role's own document (its trust policy) lets machines carry it."""
    return any(
        statement.get("effect") == "allow"
        and _covers(statement, "sts:AssumeRole")
        and _MACHINES in _listed((statement.get("principal") or {}).get("service", []))
        for statement in _statements(trust)
    )


def _speaking(documents: Iterable[Mapping[str, Any]], permission: RolePermission) -> list[Mapping[str, Any]]:
    """The statements that allow an action of the role."""
    every = [one for document in documents for one in _statements(document)]
    return [one for one in every if one.get("effect") == "allow" and _covers(one, permission.name)]


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    statements = document.get("statement") or []
    return [statements] if isinstance(statements, Mapping) else list(statements)


def _covers(statement: Mapping[str, Any], name: str) -> bool:
    patterns = [str(one).removeprefix("name/").lower() for one in _listed(statement.get("action", []))]
    return any(fnmatchcase(name.lower(), pattern if ":" in pattern else f"*:{pattern}") for pattern in patterns)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
