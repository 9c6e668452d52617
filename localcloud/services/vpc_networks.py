"""VPCs, their subnets and route tables, and which private addresses are used."""

from __future__ import annotations

import ipaddress
from typing import Any

from localcloud.call import Call
from localcloud.catalogue import ZONES
from localcloud.clock import china_time
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.query import page, select
from localcloud.records import Subnet, Vpc
from localcloud.registry import action
from localcloud.rules import check_length
from localcloud.services.addresses import usable_addresses, used_private_addresses
from localcloud.services.tags import read_tags, tag_list

MAX_VPCS = 20
MAX_SUBNETS = 100


def _network(cidr: str, longest: int) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError:
        raise ApiError("InvalidParameterValue.Malformed", f"{cidr[:40]!r} is not a network's address.") from None
    if not 12 <= network.prefixlen <= 28 or network.prefixlen < longest:
        raise ApiError("InvalidParameterValue.Range", f"The mask of {cidr} must be from {longest} to 28.")
    return network


def _flag(params: dict[str, Any], name: str, default: bool) -> bool:
    """A truth value that vpc takes as text."""
    text = params.get(name)
    if text is None:
        return default
    if text not in ("true", "false"):
        raise ApiError("InvalidParameterValue", f"`{name}` must be true or false, not {text[:20]!r}.")
    return bool(text == "true")


def _own_vpc(cloud: Cloud, call: Call, vpc_id: str) -> Vpc:
    vpc = cloud.db.vpcs.get(vpc_id)
    if vpc is None or vpc.region != call.region:
        raise ApiError("ResourceNotFound", f"The VPC {vpc_id[:40]} does not exist.")
    return vpc


def _own_subnet(cloud: Cloud, call: Call, subnet_id: str) -> Subnet:
    subnet = cloud.db.subnets.get(subnet_id)
    if subnet is None or subnet.region != call.region:
        raise ApiError("ResourceNotFound", f"The subnet {subnet_id[:40]} does not exist.")
    return subnet


def default_subnet(cloud: Cloud, call: Call, zone: str) -> Subnet:
    """The zone's subnet in the region's default VPC; both are made when they are missing."""
    vpc = next((v for v in cloud.db.vpcs if v.region == call.region and v.is_default), None)
    if vpc is None:
        vpc = _add_vpc(cloud, call, "Default-VPC", "172.16.0.0/16", is_default=True)
    own = [s for s in cloud.db.subnets if s.vpc_id == vpc.vpc_id]
    for subnet in own:
        if subnet.zone == zone and subnet.is_default:
            return subnet
    taken = {subnet.cidr for subnet in own}
    blocks = ipaddress.IPv4Network(vpc.cidr).subnets(new_prefix=20)
    cidr = next(str(block) for block in blocks if str(block) not in taken)
    return cloud.db.subnets.put(
        Subnet(
            cloud.new_id("subnet"), call.region, vpc.vpc_id, "Default-Subnet", cidr, zone, call.time, is_default=True
        )
    )


def _add_vpc(cloud: Cloud, call: Call, name: str, cidr: str, **more: Any) -> Vpc:
    return cloud.db.vpcs.put(Vpc(cloud.new_id("vpc"), call.region, name, cidr, cloud.new_id("rtb"), call.time, **more))


def _vpc_answer(vpc: Vpc) -> dict[str, Any]:
    return {
        "VpcName": vpc.name,
        "VpcId": vpc.vpc_id,
        "CidrBlock": vpc.cidr,
        "IsDefault": vpc.is_default,
        "EnableMulticast": vpc.multicast,
        "CreatedTime": china_time(vpc.created),
        "DnsServerSet": list(vpc.dns_servers),
        "DomainName": vpc.domain_name,
        "DhcpOptionsId": "",
        "EnableDhcp": True,
        "Ipv6CidrBlock": "",
        "TagSet": tag_list(vpc.tags),
        "AssistantCidrSet": [],
        "EnableRouteVpcPublish": False,
        "Ipv6CidrBlockSet": [],
        "EnableRouteVpcPublishIpv6": False,
    }


def _subnet_answer(cloud: Cloud, subnet: Subnet) -> dict[str, Any]:
    total = usable_addresses(subnet)
    used = sum(1 for item in cloud.db.instances if item.subnet_id == subnet.subnet_id)
    return {
        "VpcId": subnet.vpc_id,
        "SubnetId": subnet.subnet_id,
        "SubnetName": subnet.name,
        "CidrBlock": subnet.cidr,
        "IsDefault": subnet.is_default,
        "EnableBroadcast": subnet.broadcast,
        "Zone": subnet.zone,
        "RouteTableId": cloud.db.vpcs[subnet.vpc_id].route_table_id,
        "CreatedTime": china_time(subnet.created),
        "AvailableIpAddressCount": total - used,
        "Ipv6CidrBlock": "",
        "NetworkAclId": "",
        "IsRemoteVpcSnat": False,
        "TotalIpAddressCount": total,
        "TagSet": tag_list(subnet.tags),
        "CdcId": "",
        "IsCdcSubnet": 0,
    }


@action("vpc", "CreateVpc", "VpcName", "CidrBlock")
def create_vpc(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    check_length("VpcName", params["VpcName"], 60, "InvalidParameterValue.TooLong")
    network = _network(params["CidrBlock"], 12)
    if not any(
        network.subnet_of(ipaddress.IPv4Network(own)) for own in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    ):
        raise ApiError(
            "InvalidParameterValue", f"{network} is not inside a private network (10/8, 172.16/12, 192.168/16)."
        )
    if sum(1 for vpc in cloud.db.vpcs if vpc.region == call.region) >= MAX_VPCS:
        raise ApiError("LimitExceeded", f"At most {MAX_VPCS} VPCs in {call.region}.")
    vpc = _add_vpc(
        cloud,
        call,
        params["VpcName"],
        params["CidrBlock"],
        multicast=_flag(params, "EnableMulticast", True),
        tags=read_tags(params.get("Tags")),
        **_dns(params),
    )
    return {"Vpc": _vpc_answer(vpc)}


def _dns(params: dict[str, Any]) -> dict[str, Any]:
    servers = params.get("DnsServers")
    changes: dict[str, Any] = {}
    if servers:
        if len(servers) > 4:
            raise ApiError("InvalidParameterValue", "At most 4 DNS servers.")
        changes["dns_servers"] = tuple(servers)
    if params.get("DomainName"):
        changes["domain_name"] = params["DomainName"]
    return changes


@action("vpc", "DescribeVpcs")
def describe_vpcs(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = select(
        call.params,
        [vpc for vpc in cloud.db.vpcs if vpc.region == call.region],
        {
            "vpc-id": lambda v: v.vpc_id,
            "vpc-name": lambda v: v.name,
            "cidr-block": lambda v: v.cidr,
            "is-default": lambda v: str(v.is_default).lower(),
        },
        ids="VpcIds",
        read_id=lambda v: v.vpc_id,
        tags=lambda v: v.tags,
        fuzzy=frozenset({"vpc-name"}),
    )
    return {"TotalCount": len(found), "VpcSet": [_vpc_answer(vpc) for vpc in page(call.params, found)]}


@action("vpc", "ModifyVpcAttribute", "VpcId")
def modify_vpc_attribute(cloud: Cloud, call: Call) -> dict[str, Any]:
    vpc = _own_vpc(cloud, call, call.params["VpcId"])
    name = call.params.get("VpcName", vpc.name)
    check_length("VpcName", name, 60, "InvalidParameterValue.TooLong")
    multicast = _flag(call.params, "EnableMulticast", vpc.multicast)
    cloud.db.vpcs.change(vpc.vpc_id, name=name, multicast=multicast, **_dns(call.params))
    return {}


@action("vpc", "DeleteVpc", "VpcId")
def delete_vpc(cloud: Cloud, call: Call) -> dict[str, Any]:
    vpc = _own_vpc(cloud, call, call.params["VpcId"])
    inside = [subnet.subnet_id for subnet in cloud.db.subnets if subnet.vpc_id == vpc.vpc_id]
    if inside:
        raise ApiError("ResourceInUse", f"The VPC {vpc.vpc_id} still has subnets: {', '.join(inside[:5])}.")
    cloud.db.vpcs.delete(vpc.vpc_id)
    return {}


@action("vpc", "CreateSubnet", "VpcId", "SubnetName", "CidrBlock", "Zone")
def create_subnet(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    vpc = _own_vpc(cloud, call, params["VpcId"])
    check_length("SubnetName", params["SubnetName"], 60, "InvalidParameterValue.TooLong")
    network = _network(params["CidrBlock"], 16)
    if not network.subnet_of(ipaddress.IPv4Network(vpc.cidr)):
        raise ApiError("InvalidParameterValue.SubnetRange", f"{network} is not inside the VPC's {vpc.cidr}.")
    own = [subnet for subnet in cloud.db.subnets if subnet.vpc_id == vpc.vpc_id]
    for subnet in own:
        if network.overlaps(ipaddress.IPv4Network(subnet.cidr)):
            raise ApiError(
                "InvalidParameterValue.SubnetConflict", f"{network} overlaps {subnet.cidr} of {subnet.subnet_id}."
            )
    if len(own) >= MAX_SUBNETS:
        raise ApiError("LimitExceeded", f"At most {MAX_SUBNETS} subnets in a VPC.")
    zone = ZONES.get(params["Zone"])
    if zone is None or zone.region != call.region:
        raise ApiError("InvalidParameterValue", f"The zone {params['Zone'][:40]!r} is not in {call.region}.")
    made = cloud.db.subnets.put(
        Subnet(
            cloud.new_id("subnet"),
            call.region,
            vpc.vpc_id,
            params["SubnetName"],
            params["CidrBlock"],
            zone.name,
            call.time,
            tags=read_tags(params.get("Tags")),
        )
    )
    return {"Subnet": _subnet_answer(cloud, made)}


@action("vpc", "DescribeSubnets")
def describe_subnets(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = select(
        call.params,
        [subnet for subnet in cloud.db.subnets if subnet.region == call.region],
        {
            "subnet-id": lambda s: s.subnet_id,
            "vpc-id": lambda s: s.vpc_id,
            "cidr-block": lambda s: s.cidr,
            "is-default": lambda s: str(s.is_default).lower(),
            "subnet-name": lambda s: s.name,
            "zone": lambda s: s.zone,
            "is-remote-vpc-snat": lambda _: "false",
        },
        ids="SubnetIds",
        read_id=lambda s: s.subnet_id,
        tags=lambda s: s.tags,
    )
    answers = [_subnet_answer(cloud, subnet) for subnet in page(call.params, found)]
    return {"TotalCount": len(found), "SubnetSet": answers}


@action("vpc", "ModifySubnetAttribute", "SubnetId")
def modify_subnet_attribute(cloud: Cloud, call: Call) -> dict[str, Any]:
    subnet = _own_subnet(cloud, call, call.params["SubnetId"])
    name = call.params.get("SubnetName", subnet.name)
    check_length("SubnetName", name, 60, "InvalidParameterValue.TooLong")
    broadcast = _flag(call.params, "EnableBroadcast", subnet.broadcast)
    cloud.db.subnets.change(subnet.subnet_id, name=name, broadcast=broadcast)
    return {}


@action("vpc", "DeleteSubnet", "SubnetId")
def delete_subnet(cloud: Cloud, call: Call) -> dict[str, Any]:
    subnet = _own_subnet(cloud, call, call.params["SubnetId"])
    inside = [item.instance_id for item in cloud.db.instances if item.subnet_id == subnet.subnet_id]
    if inside:
        raise ApiError("ResourceInUse", f"Machines are still in {subnet.subnet_id}: {', '.join(inside[:5])}.")
    cloud.db.subnets.delete(subnet.subnet_id)
    return {}


@action("vpc", "DescribeRouteTables")
def describe_route_tables(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Every VPC has its main table and no other: this cloud cannot make more."""
    found = select(
        call.params,
        [vpc for vpc in cloud.db.vpcs if vpc.region == call.region],
        {
            "route-table-id": lambda v: v.route_table_id,
            "route-table-name": lambda _: "default",
            "vpc-id": lambda v: v.vpc_id,
            "association.main": lambda _: "true",
        },
        ids="RouteTableIds",
        read_id=lambda v: v.route_table_id,
    )
    answers = [
        {
            "VpcId": vpc.vpc_id,
            "RouteTableId": vpc.route_table_id,
            "RouteTableName": "default",
            "AssociationSet": [
                {"SubnetId": subnet.subnet_id, "RouteTableId": vpc.route_table_id}
                for subnet in cloud.db.subnets
                if subnet.vpc_id == vpc.vpc_id
            ],
            "RouteSet": [],
            "Main": True,
            "CreatedTime": china_time(vpc.created),
            "TagSet": [],
        }
        for vpc in page(call.params, found)
    ]
    return {"TotalCount": len(found), "RouteTableSet": answers}


@action("vpc", "DescribeUsedIpAddress", "VpcId")
def describe_used_ip_address(cloud: Cloud, call: Call) -> dict[str, Any]:
    vpc = _own_vpc(cloud, call, call.params["VpcId"])
    subnet_id = call.params.get("SubnetId")
    states = [
        {
            "VpcId": vpc.vpc_id,
            "SubnetId": cloud.db.instances[instance_id].subnet_id,
            "IpAddress": address,
            "ResourceType": "CVM",
            "ResourceId": instance_id,
        }
        for address, instance_id in used_private_addresses(cloud, vpc.vpc_id).items()
    ]
    found = select(
        call.params,
        [state for state in states if subnet_id in (None, state["SubnetId"])],
        {"ip-addresses": lambda s: s["IpAddress"], "resource-id": lambda s: s["ResourceId"]},
        ids="IpAddresses",
        read_id=lambda s: s["IpAddress"],
    )
    return {"TotalCount": len(found), "IpAddressStates": page(call.params, found)}
