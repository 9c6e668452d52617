"""`tencentcloud.subnet.Instance`: a part of a virtual network in one zone."""

from __future__ import annotations

from typing_extensions import override

from localcloud.plugin import rules, tags
from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties
from localcloud.plugin.resources.resource import Resource
from localcloud.plugin.resources.vpc import delete_patiently, find_one, flag
from localcloud.plugin.schema import Traits, resource_schema


class Subnet(Resource):
    schema = resource_schema(
        "tencentcloud:Subnet/instance:Instance",
        Traits(
            computed=frozenset({"routeTableId", "cdcId"}),
            defaults={"isMulticast": True},
            rules={"name": rules.length(1, 60), "cidrBlock": rules.network_address},
            auto_name=True,
        ),
    )

    @override
    def create(self, api: Api, wanted: Properties) -> str:
        answer = api.write(
            "vpc",
            "CreateSubnet",
            VpcId=wanted["vpcId"],
            SubnetName=wanted["name"],
            CidrBlock=wanted["cidrBlock"],
            Zone=wanted["availabilityZone"],
            CdcId=wanted["cdcId"] or None,
            Tags=tags.key_values(wanted["tags"]),
        )
        return str(answer["Subnet"]["SubnetId"])

    @override
    def finish_creation(self, api: Api, identifier: str, wanted: Properties, timeout_seconds: float) -> None:
        _modify(api, identifier, wanted)
        if wanted["routeTableId"]:
            _route(api, identifier, wanted["routeTableId"])
        tags.replace(api, "vpc", "subnet", identifier, None, wanted["tags"])

    @override
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        subnet = find_one(api, "DescribeSubnets", "SubnetSet", "subnet-id", identifier)
        if subnet is None:
            return None
        return {
            "vpcId": subnet["VpcId"],
            "availabilityZone": subnet["Zone"],
            "name": subnet["SubnetName"],
            "cidrBlock": subnet["CidrBlock"],
            "isMulticast": subnet["EnableBroadcast"],
            "cdcId": subnet.get("CdcId") or "",
            "routeTableId": subnet["RouteTableId"],
            "isDefault": subnet["IsDefault"],
            "availableIpCount": subnet["AvailableIpAddressCount"],
            "createTime": subnet["CreatedTime"],
            "tags": tags.describe(api, "vpc", "subnet", identifier),
        }

    @override
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        _modify(api, identifier, new)
        if "routeTableId" in changed:
            _route(api, identifier, new["routeTableId"])
        tags.replace(api, "vpc", "subnet", identifier, old.get("tags"), new["tags"])

    @override
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        delete_patiently(api, "DeleteSubnet", SubnetId=identifier)


def _modify(api: Api, identifier: str, wanted: Properties) -> None:
    broadcast = flag(wanted["isMulticast"])
    api.write("vpc", "ModifySubnetAttribute", SubnetId=identifier, SubnetName=wanted["name"], EnableBroadcast=broadcast)


def _route(api: Api, identifier: str, table: str) -> None:
    api.write("vpc", "ReplaceRouteTableAssociation", SubnetId=identifier, RouteTableId=table)


RESOURCE = Subnet()
