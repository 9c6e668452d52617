"""Every action of the networks' service, called through the official SDK's own client and models."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import ZONE
from .uses import actions_of, check_use, use

RDP = {"Protocol": "TCP", "Port": "3389", "CidrBlock": "1.2.3.4/32", "Action": "ACCEPT"}


def group(cloud: Any, *ingress: dict[str, Any]) -> str:
    made = cloud.call("vpc", "CreateSecurityGroup", GroupName="g", GroupDescription="d")["SecurityGroup"]
    if ingress:
        cloud.call(
            "vpc",
            "ModifySecurityGroupPolicies",
            SecurityGroupId=made["SecurityGroupId"],
            SecurityGroupPolicySet={"Ingress": list(ingress)},
        )
    return str(made["SecurityGroupId"])


def ports(cloud: Any, group_id: str) -> list[str]:
    found = cloud.call("vpc", "DescribeSecurityGroupPolicies", SecurityGroupId=group_id)
    return [rule["Port"] for rule in found["SecurityGroupPolicySet"]["Ingress"]]


@use("vpc", "CreateSecurityGroup")
def create_security_group(cloud: Any) -> dict[str, Any]:
    answer = cloud.call(
        "vpc", "CreateSecurityGroup", GroupName="g", GroupDescription="d", Tags=[{"Key": "a", "Value": "b"}]
    )
    assert answer["SecurityGroup"]["TagSet"] == [{"Key": "a", "Value": "b"}]
    return answer


@use("vpc", "DescribeSecurityGroups")
def describe_security_groups(cloud: Any) -> dict[str, Any]:
    group_id = group(cloud)
    answer = cloud.call("vpc", "DescribeSecurityGroups", SecurityGroupIds=[group_id], Limit="1", Offset="0")
    assert answer["SecurityGroupSet"][0]["ProjectId"] == "0"
    return answer


@use("vpc", "ModifySecurityGroupAttribute")
def modify_security_group_attribute(cloud: Any) -> dict[str, Any]:
    group_id = group(cloud)
    answer = cloud.call("vpc", "ModifySecurityGroupAttribute", SecurityGroupId=group_id, GroupName="other")
    assert cloud.call("vpc", "DescribeSecurityGroups")["SecurityGroupSet"][0]["SecurityGroupName"] == "other"
    return answer


@use("vpc", "DeleteSecurityGroup")
def delete_security_group(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("vpc", "DeleteSecurityGroup", SecurityGroupId=group(cloud))
    assert cloud.call("vpc", "DescribeSecurityGroups")["TotalCount"] == 0
    return answer


@use("vpc", "CreateSecurityGroupPolicies")
def create_security_group_policies(cloud: Any) -> dict[str, Any]:
    group_id = group(cloud, RDP)
    answer = cloud.call(
        "vpc",
        "CreateSecurityGroupPolicies",
        SecurityGroupId=group_id,
        SecurityGroupPolicySet={"Ingress": [{**RDP, "Port": "5986", "PolicyIndex": 1}]},
    )
    assert ports(cloud, group_id) == ["3389", "5986"]
    return answer


@use("vpc", "DescribeSecurityGroupPolicies")
def describe_security_group_policies(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("vpc", "DescribeSecurityGroupPolicies", SecurityGroupId=group(cloud, RDP))
    assert answer["SecurityGroupPolicySet"]["Version"] == "1"
    return answer


@use("vpc", "ModifySecurityGroupPolicies")
def modify_security_group_policies(cloud: Any) -> dict[str, Any]:
    group_id = group(cloud, RDP)
    answer = cloud.call(
        "vpc",
        "ModifySecurityGroupPolicies",
        SecurityGroupId=group_id,
        SecurityGroupPolicySet={"Version": "2", "Ingress": [{**RDP, "Port": "8000-8010"}]},
    )
    assert ports(cloud, group_id) == ["8000-8010"]
    cloud.call("vpc", "ModifySecurityGroupPolicies", SecurityGroupId=group_id, SecurityGroupPolicySet={"Version": "0"})
    assert ports(cloud, group_id) == []
    return answer


@use("vpc", "DeleteSecurityGroupPolicies")
def delete_security_group_policies(cloud: Any) -> dict[str, Any]:
    group_id = group(cloud, RDP, {**RDP, "Port": "5986"})
    answer = cloud.call(
        "vpc",
        "DeleteSecurityGroupPolicies",
        SecurityGroupId=group_id,
        SecurityGroupPolicySet={"Version": "1", "Ingress": [{"PolicyIndex": 0}]},
    )
    assert ports(cloud, group_id) == ["5986"]
    return answer


@use("vpc", "DescribeSecurityGroupAssociationStatistics")
def describe_security_group_association_statistics(cloud: Any) -> dict[str, Any]:
    group_id = group(cloud)
    cloud.launch(SecurityGroupIds=[group_id])
    answer = cloud.call("vpc", "DescribeSecurityGroupAssociationStatistics", SecurityGroupIds=[group_id])
    assert answer["SecurityGroupAssociationStatisticsSet"][0]["TotalCount"] == 1
    return answer


@use("vpc", "CreateVpc")
def create_vpc(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("vpc", "CreateVpc", VpcName="v", CidrBlock="10.0.0.0/16", EnableMulticast="true")
    assert answer["Vpc"]["CidrBlock"] == "10.0.0.0/16"
    return answer


@use("vpc", "DescribeVpcs")
def describe_vpcs(cloud: Any) -> dict[str, Any]:
    cloud.network()
    answer = cloud.call("vpc", "DescribeVpcs", Filters=[{"Name": "vpc-name", "Values": ["V"]}], Limit="10")
    assert answer["TotalCount"] == 1
    return answer


@use("vpc", "ModifyVpcAttribute")
def modify_vpc_attribute(cloud: Any) -> dict[str, Any]:
    vpc = cloud.network()["VpcId"]
    answer = cloud.call("vpc", "ModifyVpcAttribute", VpcId=vpc, VpcName="other", DnsServers=["1.1.1.1"])
    assert cloud.call("vpc", "DescribeVpcs")["VpcSet"][0]["DnsServerSet"] == ["1.1.1.1"]
    return answer


@use("vpc", "DeleteVpc")
def delete_vpc(cloud: Any) -> dict[str, Any]:
    network = cloud.network()
    cloud.call("vpc", "DeleteSubnet", SubnetId=network["SubnetId"])
    answer = cloud.call("vpc", "DeleteVpc", VpcId=network["VpcId"])
    assert cloud.call("vpc", "DescribeVpcs")["TotalCount"] == 0
    return answer


@use("vpc", "CreateSubnet")
def create_subnet(cloud: Any) -> dict[str, Any]:
    vpc = cloud.network()["VpcId"]
    answer = cloud.call("vpc", "CreateSubnet", VpcId=vpc, SubnetName="t", CidrBlock="10.0.2.0/24", Zone=ZONE)
    assert answer["Subnet"]["TotalIpAddressCount"] == 253
    return answer


@use("vpc", "DescribeSubnets")
def describe_subnets(cloud: Any) -> dict[str, Any]:
    network = cloud.network()
    cloud.launch(VirtualPrivateCloud=network)
    answer = cloud.call("vpc", "DescribeSubnets", SubnetIds=[network["SubnetId"]])
    assert answer["SubnetSet"][0]["AvailableIpAddressCount"] == 252
    return answer


@use("vpc", "ModifySubnetAttribute")
def modify_subnet_attribute(cloud: Any) -> dict[str, Any]:
    subnet = cloud.network()["SubnetId"]
    answer = cloud.call("vpc", "ModifySubnetAttribute", SubnetId=subnet, SubnetName="t", EnableBroadcast="false")
    assert cloud.call("vpc", "DescribeSubnets")["SubnetSet"][0]["EnableBroadcast"] is False
    return answer


@use("vpc", "DeleteSubnet")
def delete_subnet(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("vpc", "DeleteSubnet", SubnetId=cloud.network()["SubnetId"])
    assert cloud.call("vpc", "DescribeSubnets")["TotalCount"] == 0
    return answer


@use("vpc", "DescribeRouteTables")
def describe_route_tables(cloud: Any) -> dict[str, Any]:
    network = cloud.network()
    filters = [{"Name": "vpc-id", "Values": [network["VpcId"]]}, {"Name": "association.main", "Values": ["true"]}]
    answer = cloud.call("vpc", "DescribeRouteTables", Filters=filters, Offset="0", Limit="100")
    assert answer["RouteTableSet"][0]["AssociationSet"][0]["SubnetId"] == network["SubnetId"]
    return answer


@use("vpc", "DescribeUsedIpAddress")
def describe_used_ip_address(cloud: Any) -> dict[str, Any]:
    network = cloud.network()
    instance_id = cloud.running(VirtualPrivateCloud=network)
    answer = cloud.call("vpc", "DescribeUsedIpAddress", VpcId=network["VpcId"], IpAddresses=["10.0.1.2"])
    assert answer["IpAddressStates"][0]["ResourceId"] == instance_id
    cloud.call("cvm", "TerminateInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    freed = cloud.call("vpc", "DescribeUsedIpAddress", VpcId=network["VpcId"], IpAddresses=["10.0.1.2"])
    assert freed["TotalCount"] == 0
    return answer


def elastic(cloud: Any, **changes: Any) -> str:
    return str(cloud.call("vpc", "AllocateAddresses", **changes)["AddressSet"][0])


@use("vpc", "AllocateAddresses")
def allocate_addresses(cloud: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.call("vpc", "AllocateAddresses", AddressCount=2, AddressName="mine")
    assert len(set(answer["AddressSet"])) == 2
    return answer


@use("vpc", "DescribeAddresses")
def describe_addresses(cloud: Any) -> dict[str, Any]:
    made = elastic(cloud)
    answer: dict[str, Any] = cloud.call("vpc", "DescribeAddresses", AddressIds=[made])
    assert [(one["AddressId"], one["AddressStatus"]) for one in answer["AddressSet"]] == [(made, "UNBIND")]
    return answer


@use("vpc", "AssociateAddress")
def associate_address(cloud: Any) -> dict[str, Any]:
    machine, made = cloud.running(), elastic(cloud)
    answer: dict[str, Any] = cloud.call("vpc", "AssociateAddress", AddressId=made, InstanceId=machine)
    [found] = cloud.call("vpc", "DescribeAddresses")["AddressSet"]
    assert (found["AddressStatus"], found["InstanceId"]) == ("BIND", machine)
    assert cloud.instance(machine)["PublicIpAddresses"] == [found["AddressIp"]]
    return answer


@use("vpc", "DisassociateAddress")
def disassociate_address(cloud: Any) -> dict[str, Any]:
    machine, made = cloud.running(), elastic(cloud)
    cloud.call("vpc", "AssociateAddress", AddressId=made, InstanceId=machine)
    answer: dict[str, Any] = cloud.call("vpc", "DisassociateAddress", AddressId=made)
    assert cloud.instance(machine)["PublicIpAddresses"] is None
    return answer


@use("vpc", "ReleaseAddresses")
def release_addresses(cloud: Any) -> dict[str, Any]:
    made = elastic(cloud)
    answer: dict[str, Any] = cloud.call("vpc", "ReleaseAddresses", AddressIds=[made])
    assert cloud.call("vpc", "DescribeAddresses")["TotalCount"] == 0
    return answer


def test_an_address_outlives_its_machine(cloud: Any) -> None:
    machine, made = cloud.running(), elastic(cloud)
    cloud.call("vpc", "AssociateAddress", AddressId=made, InstanceId=machine)
    cloud.call("cvm", "TerminateInstances", InstanceIds=[machine])
    cloud.pass_time(60)
    [found] = cloud.call("vpc", "DescribeAddresses")["AddressSet"]
    assert found["AddressStatus"] == "UNBIND"


@pytest.mark.parametrize(("service", "action"), actions_of("vpc"))
def test_action(cloud: Any, service: str, action: str) -> None:
    check_use(cloud, service, action)
