"""`tencentcloud.vpc.Instance`: a virtual network."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from localcloud.plugin import rules, tags
from localcloud.plugin.api import Api, ApiError, NotYet, OperationError
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.schema import Traits, resource_schema

PAGE = 100
NOT_FOUND = "ResourceNotFound"


class Vpc(Resource):
    schema = resource_schema(
        "tencentcloud:Vpc/instance:Instance",
        Traits(
            computed=frozenset({"dnsServers", "assistantCidrs"}),
            sets=frozenset({"dnsServers", "assistantCidrs"}),
            defaults={"isMulticast": True},
            rules={"name": rules.length(1, 60), "cidrBlock": rules.network_address},
            auto_name=True,
        ),
    )

    @override
    def create(self, api: Api, wanted: Properties) -> str:
        answer = api.write(
            "vpc",
            "CreateVpc",
            VpcName=wanted["name"],
            CidrBlock=wanted["cidrBlock"],
            EnableMulticast=flag(wanted["isMulticast"]),
            DnsServers=_servers(wanted),
            Tags=tags.key_values(wanted["tags"]),
        )
        return str(answer["Vpc"]["VpcId"])

    @override
    def finish_creation(self, api: Api, identifier: str, wanted: Properties, timeout_seconds: float) -> None:
        if wanted["assistantCidrs"]:
            api.write("vpc", "CreateAssistantCidr", VpcId=identifier, CidrBlocks=wanted["assistantCidrs"])

    @override
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        vpc = find_one(api, "DescribeVpcs", "VpcSet", "vpc-id", identifier)
        if vpc is None:
            return None
        by_kind: dict[str, list[str]] = {"0": [], "1": []}
        for cidr in vpc.get("AssistantCidrSet") or []:
            by_kind.setdefault(str(cidr["AssistantType"]), []).append(cidr["CidrBlock"])
        read: Properties = {
            "name": vpc["VpcName"],
            "cidrBlock": vpc["CidrBlock"],
            "dnsServers": vpc.get("DnsServerSet") or [],
            "isMulticast": vpc["EnableMulticast"],
            "createTime": vpc["CreatedTime"],
            "isDefault": vpc["IsDefault"],
            "assistantCidrs": by_kind["0"],
            "dockerAssistantCidrs": by_kind["1"],
            "tags": {tag["Key"]: tag["Value"] for tag in vpc.get("TagSet") or []},
        }
        main_table = _main_route_table(api, identifier)
        return read if main_table is None else {**read, "defaultRouteTableId": main_table}

    @override
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        api.write(
            "vpc",
            "ModifyVpcAttribute",
            VpcId=identifier,
            VpcName=new["name"],
            EnableMulticast=flag(new["isMulticast"]),
            DnsServers=_servers(new),
        )
        before, after = old.get("assistantCidrs") or [], new["assistantCidrs"] or []
        # A list that was never read counts as changed in the comparison, but here both sides are empty.
        if "assistantCidrs" in changed and before != after:
            api.write(
                "vpc",
                "ModifyAssistantCidr",
                VpcId=identifier,
                NewCidrBlocks=[cidr for cidr in after if cidr not in before] or None,
                OldCidrBlocks=[cidr for cidr in before if cidr not in after] or None,
            )
        tags.replace(api, "vpc", "vpc", identifier, old.get("tags"), new["tags"])

    @override
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        delete_patiently(api, "DeleteVpc", VpcId=identifier)


def flag(value: object) -> str:
    """vpc's requests send booleans as text."""
    return "true" if value else "false"


def find_one(api: Api, action: str, key: str, filter_name: str, identifier: str) -> dict[str, Any] | None:
    """The one network object with this id, or None."""
    found: list[dict[str, Any]] = api.pages(
        "vpc", action, key, PAGE, text=True, Filters=[{"Name": filter_name, "Values": [identifier]}]
    )
    return found[0] if found else None


def delete_patiently(api: Api, action: str, **parameters: str) -> None:
    """A delete that is tried again whatever the refusal: something may still be leaving the network."""

    def attempt() -> None:
        try:
            api.call("vpc", action, **parameters)
        except ApiError as error:
            if error.code != NOT_FOUND:
                raise NotYet(str(error)) from error

    api.poll(api.patience.write_window, attempt)


def _servers(wanted: Properties) -> list[str] | None:
    servers: list[str] | None = wanted["dnsServers"] or None
    if servers is not None and len(servers) > 4:
        raise OperationError("If dns_servers is set, then len(dns_servers) should be [1:4]")
    return servers


def _main_route_table(api: Api, identifier: str) -> str | None:
    filters = [{"Name": "vpc-id", "Values": [identifier]}, {"Name": "association.main", "Values": ["true"]}]
    tables = api.pages("vpc", "DescribeRouteTables", "RouteTableSet", PAGE, text=True, Filters=filters)
    return next((table["RouteTableId"] for table in tables if table["Main"]), None)


RESOURCE = Vpc()
