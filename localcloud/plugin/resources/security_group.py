"""`tencentcloud.security.Group`: a firewall that machines share; its rules are a `GroupRuleSet`."""

from __future__ import annotations

from typing_extensions import override

from localcloud.plugin import rules, tags
from localcloud.plugin.api import Api, ApiError, NotYet
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.resources.vpc import NOT_FOUND
from localcloud.plugin.schema import Traits, resource_schema

_USERS = ("CVM", "CLB", "CDB", "ENI", "SG")


class SecurityGroup(Resource):
    schema = resource_schema(
        "tencentcloud:Security/group:Group",
        Traits(
            computed=frozenset({"projectId"}),
            defaults={"description": ""},
            rules={"name": rules.length(1, 60), "description": rules.length(1, 100)},
            auto_name=True,
        ),
    )

    @override
    def create(self, api: Api, wanted: Properties) -> str:
        answer = api.write(
            "vpc",
            "CreateSecurityGroup",
            GroupName=wanted["name"],
            GroupDescription=wanted["description"],
            ProjectId=str(wanted["projectId"]) if wanted["projectId"] else None,
            Tags=tags.key_values(wanted["tags"]),
        )
        return str(answer["SecurityGroup"]["SecurityGroupId"])

    @override
    def finish_creation(self, api: Api, identifier: str, wanted: Properties, timeout_seconds: float) -> None:
        tags.replace(api, "cvm", "sg", identifier, None, wanted["tags"])

    @override
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        try:
            groups = api.read("vpc", "DescribeSecurityGroups", SecurityGroupIds=[identifier])["SecurityGroupSet"]
        except ApiError as error:
            if error.is_one_of([NOT_FOUND]):
                return None
            raise
        if not groups:
            return None
        return {
            "name": groups[0]["SecurityGroupName"],
            "description": groups[0]["SecurityGroupDesc"],
            "projectId": int(groups[0]["ProjectId"]),
            "tags": tags.describe(api, "cvm", "sg", identifier),
        }

    @override
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        if changed & {"name", "description"}:
            api.write(
                "vpc",
                "ModifySecurityGroupAttribute",
                SecurityGroupId=identifier,
                GroupName=new["name"] if "name" in changed else None,
                GroupDescription=new["description"] if "description" in changed else None,
            )
        tags.replace(api, "cvm", "sg", identifier, old.get("tags"), new["tags"])

    @override
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        api.poll(api.patience.read_window, lambda: _raise_while_used(api, identifier))
        api.poll(api.patience.read_window, lambda: _delete(api, identifier))


def _raise_while_used(api: Api, identifier: str) -> None:
    try:
        answer = api.call("vpc", "DescribeSecurityGroupAssociationStatistics", SecurityGroupIds=[identifier])
    except ApiError as error:
        raise NotYet(str(error)) from error
    for statistics in answer["SecurityGroupAssociationStatisticsSet"][:1]:
        for user in _USERS:
            if statistics.get(user):
                raise NotYet(f"security group {identifier} still bind {statistics[user]} {user} instances")


def _delete(api: Api, identifier: str) -> None:
    try:
        api.call("vpc", "DeleteSecurityGroup", SecurityGroupId=identifier)
    except ApiError as error:
        raise NotYet(f"security group delete failed: {error}") from None


RESOURCE = SecurityGroup()
