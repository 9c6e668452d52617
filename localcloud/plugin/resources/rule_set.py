"""`tencentcloud.security.GroupRuleSet`: all rules of one security group, in order."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from localcloud.plugin import rules
from localcloud.plugin.api import Api, ApiError, OperationError
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.resources.vpc import NOT_FOUND
from localcloud.plugin.schema import Traits, resource_schema

_RULE = Traits(
    computed=frozenset({"protocol", "port", "policyIndex"}),
    rules={"action": rules.one_of(("ACCEPT", "DROP"), ignore_case=True)},
)
_SOURCES = ("cidrBlock", "ipv6CidrBlock", "sourceSecurityId", "addressTemplateId", "addressTemplateGroup")


class RuleSet(Resource):
    rolls_back_failed_update = False
    schema = resource_schema(
        "tencentcloud:Security/groupRuleSet:GroupRuleSet",
        Traits(
            renamed={"ingresses": "ingress", "egresses": "egress"},
            nested={"ingresses": _RULE, "egresses": _RULE},
        ),
    )

    @override
    def create(self, api: Api, wanted: Properties) -> str:
        identifier = str(wanted["securityGroupId"])
        api.write(
            "vpc",
            "ModifySecurityGroupPolicies",
            SecurityGroupId=identifier,
            SecurityGroupPolicySet=_policies(wanted),
        )
        return identifier

    @override
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        try:
            answer = api.read("vpc", "DescribeSecurityGroupPolicies", SecurityGroupId=identifier)
        except ApiError as error:
            if error.is_one_of([NOT_FOUND]):
                text = f"resource `tencentcloud_security_group_rule_set` {identifier} does not exist"
                raise OperationError(text) from error
            raise
        policies = answer["SecurityGroupPolicySet"]
        read: Properties = {"securityGroupId": identifier, "version": policies["Version"]}
        for name, key in (("ingresses", "Ingress"), ("egresses", "Egress")):
            if policies.get(key) is not None:
                read[name] = [_rule(policy) for policy in policies[key]]
        return read

    @override
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        if not changed & {"ingresses", "egresses"}:
            return
        version = int(old.get("version") or 0) + 1
        if not new["ingresses"] and not new["egresses"]:
            version = 0
        for name, direction in (("egresses", "Egress"), ("ingresses", "Ingress")):
            # The policies call leaves a side alone that is empty, so a side that became empty is deleted first.
            if old.get(name) and not new[name] and version:
                emptied = {direction: [{"PolicyIndex": rule["policyIndex"]} for rule in old[name]]}
                api.write(
                    "vpc",
                    "DeleteSecurityGroupPolicies",
                    SecurityGroupId=identifier,
                    SecurityGroupPolicySet=emptied,
                )
                version += 1
        api.write(
            "vpc",
            "ModifySecurityGroupPolicies",
            SecurityGroupId=identifier,
            SecurityGroupPolicySet={"Version": str(version), **_policies(new)},
            SortPolicys=True,
        )

    @override
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        api.write(
            "vpc", "ModifySecurityGroupPolicies", SecurityGroupId=identifier, SecurityGroupPolicySet={"Version": "0"}
        )


def _policies(wanted: Properties) -> dict[str, Any]:
    sides = {"Egress": wanted["egresses"], "Ingress": wanted["ingresses"]}
    return {side: [_policy(i, rule) for i, rule in enumerate(listed)] for side, listed in sides.items() if listed}


def _policy(index: int, rule: Properties) -> dict[str, Any]:
    sources = [RESOURCE_NAMES[name] for name in _SOURCES if rule.get(name)]
    services = [RESOURCE_NAMES[name] for name in ("serviceTemplateId", "serviceTemplateGroup") if rule.get(name)]
    if rule.get("protocol") or rule.get("port"):
        services.append("protocol + port")
    for rivals in (sources, services):
        if len(rivals) > 1:
            raise OperationError(f"conflict at rule.{index}, cannot set {','.join(rivals)} in time")
    policy = {
        "Protocol": rule.get("protocol"),
        "Port": rule.get("port"),
        "CidrBlock": rule.get("cidrBlock"),
        "Ipv6CidrBlock": rule.get("ipv6CidrBlock"),
        "SecurityGroupId": rule.get("sourceSecurityId"),
        "AddressTemplate": _template(rule, "addressTemplateId", "AddressId", "addressTemplateGroup", "AddressGroupId"),
        "ServiceTemplate": _template(rule, "serviceTemplateId", "ServiceId", "serviceTemplateGroup", "ServiceGroupId"),
        "Action": rule["action"],
        "PolicyDescription": rule.get("description"),
    }
    return {name: value for name, value in policy.items() if value}


def _template(rule: Properties, one: str, one_key: str, group: str, group_key: str) -> dict[str, str]:
    both = {one_key: rule.get(one), group_key: rule.get(group)}
    return {key: value for key, value in both.items() if value}


def _rule(policy: dict[str, Any]) -> Properties:
    address, service = policy.get("AddressTemplate") or {}, policy.get("ServiceTemplate") or {}
    return {
        "action": policy["Action"],
        "addressTemplateGroup": address.get("AddressGroupId") or "",
        "addressTemplateId": address.get("AddressId") or "",
        "cidrBlock": policy.get("CidrBlock") or "",
        "description": policy.get("PolicyDescription") or "",
        "ipv6CidrBlock": policy.get("Ipv6CidrBlock") or "",
        "policyIndex": policy.get("PolicyIndex") or 0,
        "port": policy.get("Port") or "",
        "protocol": (policy.get("Protocol") or "").upper(),
        "serviceTemplateGroup": service.get("ServiceGroupId") or "",
        "serviceTemplateId": service.get("ServiceId") or "",
        "sourceSecurityId": policy.get("SecurityGroupId") or "",
    }


RESOURCE = RuleSet()
RESOURCE_NAMES = {
    name: item.terraform_name for name, item in (RESOURCE.schema.properties["ingresses"].fields or {}).items()
}
