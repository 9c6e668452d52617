"""Security groups and their ordered rules under an optimistic lock."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from localcloud.call import Call
from localcloud.clock import china_time
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.query import page, select
from localcloud.records import SecurityGroup
from localcloud.registry import action
from localcloud.rules import check_id, check_length
from localcloud.services.tags import read_tags, tag_list

MAX_RULES = 100
PROTOCOLS = ("TCP", "UDP", "ICMP", "ICMPV6", "GRE", "ALL")
# The word that stands for the caller's own public address.
MY_ADDRESS = "MY_PUBLIC_IP"
_SOURCES = ("CidrBlock", "Ipv6CidrBlock", "SecurityGroupId", "AddressTemplate")


def default_security_group(cloud: Cloud, call: Call) -> SecurityGroup:
    """The region's default group, which lets everything in; made when it is missing."""
    for group in cloud.db.security_groups:
        if group.region == call.region and group.is_default:
            return group
    everything = {
        "Protocol": "ALL",
        "Port": "ALL",
        "CidrBlock": "0.0.0.0/0",
        "Action": "ACCEPT",
        "ModifyTime": china_time(call.time),
    }
    group = _add(cloud, call, "default", "System created security group", {}, is_default=True)
    return cloud.db.security_groups.change(group.group_id, version=1, ingress=(everything,), egress=(everything,))


def _add(cloud: Cloud, call: Call, name: str, text: str, tags: dict[str, str], **more: Any) -> SecurityGroup:
    mine = sum(1 for group in cloud.db.security_groups if group.region == call.region)
    if mine >= cloud.db.settings.security_group_quota:
        raise ApiError("LimitExceeded", f"At most {cloud.db.settings.security_group_quota} security groups.")
    return cloud.db.security_groups.put(
        SecurityGroup(cloud.new_id("sg"), call.region, name, text, call.time, call.time, tags=tags, **more)
    )


def _own(cloud: Cloud, call: Call, group_id: str) -> SecurityGroup:
    check_id("SecurityGroupId", group_id, "sg", "InvalidSecurityGroupID.Malformed")
    group = cloud.db.security_groups.get(group_id)
    if group is None or group.region != call.region:
        raise ApiError("InvalidSecurityGroupID.NotFound", f"The security group {group_id} does not exist.")
    return group


def _answer(group: SecurityGroup) -> dict[str, Any]:
    return {
        "SecurityGroupId": group.group_id,
        "SecurityGroupName": group.name,
        "SecurityGroupDesc": group.description,
        "ProjectId": group.project_id,
        "IsDefault": group.is_default,
        "CreatedTime": china_time(group.created),
        "TagSet": tag_list(group.tags),
        "UpdateTime": china_time(group.updated),
    }


def _users(cloud: Cloud, group_id: str) -> list[str]:
    return [item.instance_id for item in cloud.db.instances if group_id in item.security_group_ids]


def _naming(cloud: Cloud, group_id: str) -> list[str]:
    """Other groups whose rules name this one."""
    return [
        group.group_id
        for group in cloud.db.security_groups
        if group.group_id != group_id
        and any(rule.get("SecurityGroupId") == group_id for rule in group.ingress + group.egress)
    ]


@action("vpc", "CreateSecurityGroup", "GroupName", "GroupDescription")
def create_security_group(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    check_length("GroupName", params["GroupName"], 60, "InvalidParameterValue.TooLong")
    check_length("GroupDescription", params["GroupDescription"], 100, "InvalidParameterValue.TooLong")
    group = _add(
        cloud,
        call,
        params["GroupName"],
        params["GroupDescription"],
        read_tags(params.get("Tags")),
        project_id=params.get("ProjectId", "0"),
    )
    return {"SecurityGroup": _answer(group)}


@action("vpc", "DescribeSecurityGroups")
def describe_security_groups(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = select(
        call.params,
        [group for group in cloud.db.security_groups if group.region == call.region],
        {
            "security-group-id": lambda g: g.group_id,
            "security-group-name": lambda g: g.name,
            "project-id": lambda g: g.project_id,
        },
        ids="SecurityGroupIds",
        read_id=lambda g: g.group_id,
        tags=lambda g: g.tags,
        fuzzy=frozenset({"security-group-name"}),
    )
    return {"TotalCount": len(found), "SecurityGroupSet": [_answer(group) for group in page(call.params, found)]}


@action("vpc", "ModifySecurityGroupAttribute", "SecurityGroupId")
def modify_security_group_attribute(cloud: Cloud, call: Call) -> dict[str, Any]:
    group = _own(cloud, call, call.params["SecurityGroupId"])
    name = call.params.get("GroupName", group.name)
    description = call.params.get("GroupDescription", group.description)
    check_length("GroupName", name, 60, "InvalidParameterValue.TooLong")
    check_length("GroupDescription", description, 100, "InvalidParameterValue.TooLong")
    cloud.db.security_groups.change(group.group_id, name=name, description=description, updated=call.time)
    return {}


@action("vpc", "DeleteSecurityGroup", "SecurityGroupId")
def delete_security_group(cloud: Cloud, call: Call) -> dict[str, Any]:
    group = _own(cloud, call, call.params["SecurityGroupId"])
    users = _users(cloud, group.group_id) + _naming(cloud, group.group_id)
    if users:
        raise ApiError("ResourceInUse", f"{group.group_id} is used by {', '.join(users[:5])}.")
    cloud.db.security_groups.delete(group.group_id)
    return {}


@action("vpc", "DescribeSecurityGroupAssociationStatistics", "SecurityGroupIds")
def describe_security_group_association_statistics(cloud: Cloud, call: Call) -> dict[str, Any]:
    statistics = []
    for group_id in call.params["SecurityGroupIds"]:
        group = _own(cloud, call, group_id)
        machines, groups = len(_users(cloud, group.group_id)), len(_naming(cloud, group.group_id))
        statistics.append(
            {
                "SecurityGroupId": group.group_id,
                "CVM": machines,
                "CDB": 0,
                "ENI": 0,
                "SG": groups,
                "CLB": 0,
                "InstanceStatistics": [
                    {"InstanceType": kind, "InstanceCount": count}
                    for kind, count in (("CVM", machines), ("SG", groups))
                    if count
                ],
                "TotalCount": machines + groups,
            }
        )
    return {"SecurityGroupAssociationStatisticsSet": statistics}


@action("vpc", "DescribeSecurityGroupPolicies", "SecurityGroupId")
def describe_security_group_policies(cloud: Cloud, call: Call) -> dict[str, Any]:
    group = _own(cloud, call, call.params["SecurityGroupId"])
    return {
        "SecurityGroupPolicySet": {
            "Version": str(group.version),
            "Egress": [_rule_answer(index, rule) for index, rule in enumerate(group.egress)],
            "Ingress": [_rule_answer(index, rule) for index, rule in enumerate(group.ingress)],
        }
    }


def _rule_answer(index: int, rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "PolicyIndex": index,
        "Protocol": rule.get("Protocol", "ALL"),
        "Port": rule.get("Port", "ALL"),
        "ServiceTemplate": {"ServiceId": "", "ServiceGroupId": ""},
        "CidrBlock": rule.get("CidrBlock", ""),
        "Ipv6CidrBlock": rule.get("Ipv6CidrBlock", ""),
        "SecurityGroupId": rule.get("SecurityGroupId", ""),
        "AddressTemplate": {"AddressId": "", "AddressGroupId": ""},
        "Action": rule["Action"],
        "PolicyDescription": rule.get("PolicyDescription", ""),
        "ModifyTime": rule["ModifyTime"],
    }


@action("vpc", "ModifySecurityGroupPolicies", "SecurityGroupId", "SecurityGroupPolicySet")
def modify_security_group_policies(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Put a whole new set of rules in place; version "0" clears them.

    A version is the number that the set will have: the official plug-in sends the one it knows plus one, and a
    change made meanwhile by somebody else makes that number wrong.
    """
    group = _own(cloud, call, call.params["SecurityGroupId"])
    rules = call.params["SecurityGroupPolicySet"]
    version = rules.get("Version")
    if version == "0":
        _store(cloud, call, group, (), ())
        return {}
    _check_version(group, version, group.version + 1)
    _store(cloud, call, group, _read_rules(cloud, call, rules, "Ingress"), _read_rules(cloud, call, rules, "Egress"))
    return {}


@action("vpc", "CreateSecurityGroupPolicies", "SecurityGroupId", "SecurityGroupPolicySet")
def create_security_group_policies(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Add rules of one direction: before the rule whose place `PolicyIndex` names, else at the top."""
    group = _own(cloud, call, call.params["SecurityGroupId"])
    rules = call.params["SecurityGroupPolicySet"]
    _check_version(group, rules.get("Version"), group.version)
    direction = _one_direction(rules)
    new = _read_rules(cloud, call, rules, direction)
    place = rules[direction][0].get("PolicyIndex", 0)
    old = group.ingress if direction == "Ingress" else group.egress
    if not 0 <= place <= len(old):
        raise ApiError("InvalidParameterValue.Range", f"`PolicyIndex` must be from 0 to {len(old)}.")
    _replace(cloud, call, group, direction, (*old[:place], *new, *old[place:]))
    return {}


@action("vpc", "DeleteSecurityGroupPolicies", "SecurityGroupId", "SecurityGroupPolicySet")
def delete_security_group_policies(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Remove rules of one direction, by their places or by what they say."""
    group = _own(cloud, call, call.params["SecurityGroupId"])
    rules = call.params["SecurityGroupPolicySet"]
    _check_version(group, rules.get("Version"), group.version)
    direction = _one_direction(rules)
    old = list(group.ingress if direction == "Ingress" else group.egress)
    gone: set[int] = set()
    for wanted in rules[direction]:
        if "PolicyIndex" in wanted:
            found = [wanted["PolicyIndex"]] if 0 <= wanted["PolicyIndex"] < len(old) else []
        else:
            found = [index for index, rule in enumerate(old) if _same(rule, wanted)]
        if not found:
            raise ApiError("ResourceNotFound", "No such rule in the security group.")
        gone.update(found)
    left = tuple(rule for index, rule in enumerate(old) if index not in gone)
    _replace(cloud, call, group, direction, left)
    return {}


def _same(rule: dict[str, Any], wanted: dict[str, Any]) -> bool:
    names = [name for name in wanted if name not in ("PolicyIndex", "ModifyTime", "PolicyDescription")]
    return all(str(rule.get(name, "")).upper() == str(wanted[name]).upper() for name in names)


def _one_direction(rules: dict[str, Any]) -> str:
    given = [name for name in ("Ingress", "Egress") if rules.get(name)]
    if len(given) != 1:
        raise ApiError("InvalidParameter", "Give `Ingress` or `Egress` rules, one of the two.")
    return given[0]


def _check_version(group: SecurityGroup, version: str | None, expected: int) -> None:
    if version is not None and version != str(expected):
        raise ApiError(
            "UnsupportedOperation.VersionMismatch",
            f"The rules of {group.group_id} are at version {group.version} now; {version[:20]} does not follow it. "
            "Read them again first.",
        )


def _replace(cloud: Cloud, call: Call, group: SecurityGroup, direction: str, rules: tuple[dict[str, Any], ...]) -> None:
    if direction == "Ingress":
        _store(cloud, call, group, rules, group.egress)
    else:
        _store(cloud, call, group, group.ingress, rules)


def _store(
    cloud: Cloud,
    call: Call,
    group: SecurityGroup,
    ingress: Iterable[dict[str, Any]],
    egress: Iterable[dict[str, Any]],
) -> None:
    inward, outward = tuple(ingress), tuple(egress)
    if max(len(inward), len(outward)) > MAX_RULES:
        raise ApiError("LimitExceeded.SecurityGroupPolicySet", f"At most {MAX_RULES} rules in a direction.")
    cloud.db.security_groups.change(
        group.group_id, ingress=inward, egress=outward, version=group.version + 1, updated=call.time
    )


def _read_rules(cloud: Cloud, call: Call, rules: dict[str, Any], direction: str) -> tuple[dict[str, Any], ...]:
    return tuple(
        _read_rule(cloud, call, rule, f"{direction}.{index}") for index, rule in enumerate(rules.get(direction) or [])
    )


def _read_rule(cloud: Cloud, call: Call, rule: dict[str, Any], place: str) -> dict[str, Any]:
    protocol = rule.get("Protocol", "ALL")
    port = rule.get("Port", "ALL")
    if protocol.upper() not in PROTOCOLS:
        raise ApiError("InvalidParameterValue", f"{place}: the protocol is one of {', '.join(PROTOCOLS)}.")
    if rule.get("Action", "").upper() not in ("ACCEPT", "DROP"):
        raise ApiError("InvalidParameterValue", f"{place}: the action is ACCEPT or DROP.")
    if not _port_is_good(protocol.upper(), port):
        raise ApiError(
            "InvalidParameterValue", f"{place}: the port is one number, a-b, a,b,c or ALL; only TCP and UDP have ports."
        )
    sources = [name for name in _SOURCES if rule.get(name)]
    if len(sources) != 1:
        raise ApiError("InvalidParameterValue", f"{place}: give exactly one of {', '.join(_SOURCES)}.")
    cidr = rule.get("CidrBlock")
    if cidr and cidr != MY_ADDRESS:
        try:
            ipaddress.IPv4Network(cidr, strict=False)
        except ValueError:
            raise ApiError("InvalidParameterValue", f"{place}: {cidr[:40]!r} is not an address range.") from None
    if rule.get("SecurityGroupId"):
        _own(cloud, call, rule["SecurityGroupId"])
    kept = {key: value for key, value in rule.items() if key != "PolicyIndex"}
    if cidr == MY_ADDRESS:  # it is the address of this moment that is kept, not the word
        kept["CidrBlock"] = cloud.db.settings.caller_address
    return {"Protocol": protocol, "Port": port, **kept, "ModifyTime": china_time(call.time)}


def _port_is_good(protocol: str, port: str) -> bool:
    if port.upper() == "ALL":
        return True
    if protocol not in ("TCP", "UDP") or not re.fullmatch(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*", port):
        return False
    for part in port.split(","):
        numbers = [int(text) for text in part.split("-")]
        if max(numbers) > 65535 or numbers != sorted(numbers):
            return False
    return True
