"""Errors about networks, security groups and tags."""

from __future__ import annotations

from typing import Any

from .conftest import ZONE
from .error_cases import GONE, Case, call


def group(cloud: Any) -> str:
    made = cloud.call("vpc", "CreateSecurityGroup", GroupName="g", GroupDescription="d")
    return str(made["SecurityGroup"]["SecurityGroupId"])


RULE = {"Protocol": "TCP", "Port": "3389", "CidrBlock": "1.2.3.4/32", "Action": "ACCEPT"}


def rules(version: str | None = None, count: int = 1, **changes: Any) -> Case:
    """A set of rules for a new group."""

    def case(cloud: Any) -> str:
        rule_set: dict[str, Any] = {"Ingress": [{**RULE, **changes}] * count}
        if version is not None:
            rule_set["Version"] = version
        return str(
            cloud.error(
                "vpc", "ModifySecurityGroupPolicies", SecurityGroupId=group(cloud), SecurityGroupPolicySet=rule_set
            )
        )

    return case


def group_in_use(cloud: Any) -> str:
    group_id = group(cloud)
    cloud.launch(SecurityGroupIds=[group_id])
    return str(cloud.error("vpc", "DeleteSecurityGroup", SecurityGroupId=group_id))


def subnet(**changes: Any) -> Case:
    def case(cloud: Any) -> str:
        request = {"VpcId": cloud.network()["VpcId"], "SubnetName": "t", "CidrBlock": "10.0.2.0/24", "Zone": ZONE}
        return str(cloud.error("vpc", "CreateSubnet", **{**request, **changes}))

    return case


def group_quota(cloud: Any) -> str:
    cloud.control.set_quota("security_group", 0)
    return str(cloud.error("vpc", "CreateSecurityGroup", GroupName="g", GroupDescription="d"))


def tags_of(**changes: Any) -> Case:
    request = {
        "ServiceType": "cvm",
        "ResourcePrefix": "instance",
        "ResourceIds": [GONE],
        "ResourceRegion": "ap-guangzhou",
    }
    return call("tag", "DescribeResourceTagsByResourceIds", **{**request, **changes})


def tag_machine(count: int = 1, **changes: Any) -> Case:
    def case(cloud: Any) -> str:
        resource = f"qcs::cvm:ap-guangzhou:uin/:instance/{cloud.launch()}"
        given = [{"TagKey": f"k{number}", "TagValue": "v"} for number in range(count)]
        request: dict[str, Any] = {"Resource": resource, "ReplaceTags": given}
        if count > 40:
            cloud.call("tag", "ModifyResourceTags", Resource=resource, ReplaceTags=[{"TagKey": "x", "TagValue": "v"}])
        return str(cloud.error("tag", "ModifyResourceTags", **{**request, **changes}))

    return case


def bound_address(action: str) -> Case:
    """An action on an address that a machine has."""

    def case(cloud: Any) -> str:
        machine = cloud.running()
        [made] = cloud.call("vpc", "AllocateAddresses")["AddressSet"]
        cloud.call("vpc", "AssociateAddress", AddressId=made, InstanceId=machine)
        ids: dict[str, Any] = {"AddressIds": [made]} if action == "ReleaseAddresses" else {"AddressId": made}
        return str(
            cloud.error("vpc", action, **ids, **({"InstanceId": machine} if action == "AssociateAddress" else {}))
        )

    return case


def doubled_key(cloud: Any) -> str:
    cloud.call("cvm", "ImportKeyPair", KeyName="one", ProjectId=0, PublicKey="ssh-rsa A")
    return str(cloud.error("cvm", "ImportKeyPair", KeyName="one", ProjectId=0, PublicKey="ssh-rsa A"))


NETWORK_ERRORS: list[tuple[str, Case]] = [
    ("AddressQuotaLimitExceeded", call("vpc", "AllocateAddresses", AddressCount=21)),
    ("InvalidAddressId.NotFound", call("vpc", "DisassociateAddress", AddressId="eip-1")),
    ("InvalidAddressIdStatus.NotPermit", bound_address("AssociateAddress")),
    ("InvalidAddressIdStatus.NotPermit", bound_address("ReleaseAddresses")),
    ("InvalidKeyPairId.NotFound", call("cvm", "DeleteKeyPairs", KeyIds=["skey-1"])),
    ("InvalidKeyPairName.Duplicate", doubled_key),
    (
        "InvalidKeyPairNameIncludeIllegalChar",
        call("cvm", "ImportKeyPair", KeyName="no spaces", ProjectId=0, PublicKey="ssh-rsa A"),
    ),
    ("InvalidParameterValue", call("tag", "GetResources", PaginationToken="x")),
    ("InvalidParameter", call("vpc", "DescribeVpcs", VpcIds=["vpc-1"], Filters=[{"Name": "vpc-id", "Values": ["x"]}])),
    ("InvalidParameterValue", rules(Protocol="SCTP")),
    ("InvalidParameterValue", rules(Port="70000")),
    ("InvalidParameterValue", rules(Action="MAYBE")),
    ("InvalidParameterValue", rules(CidrBlock="1.2.3.4/99")),
    ("InvalidParameterValue", rules(Ipv6CidrBlock="::/0")),
    ("InvalidParameterValue", call("vpc", "CreateVpc", VpcName="v", CidrBlock="8.8.0.0/16")),
    ("InvalidParameterValue", call("vpc", "DescribeVpcs", Limit="many")),
    ("InvalidParameterValue.DeleteTagsParamError", tag_machine(DeleteTags=[{"TagKey": "k0"}])),
    ("InvalidParameterValue.Malformed", call("vpc", "CreateVpc", VpcName="v", CidrBlock="10.0.0.1/16")),
    ("InvalidParameterValue.Range", call("vpc", "CreateVpc", VpcName="v", CidrBlock="10.0.0.0/29")),
    ("InvalidParameterValue.RegionInvalid", tags_of(ResourceRegion="mars")),
    ("InvalidParameterValue.ResourceDescriptionError", tag_machine(Resource="ins-1")),
    ("InvalidParameterValue.ResourceIdInvalid", tag_machine(Resource=f"qcs::cvm:ap-guangzhou:uin/:instance/{GONE}")),
    ("InvalidParameterValue.ResourcePrefixInvalid", tags_of(ResourcePrefix="clown")),
    ("InvalidParameterValue.ServiceTypeInvalid", tags_of(ServiceType="cos")),
    ("InvalidParameterValue.SubnetConflict", subnet(CidrBlock="10.0.1.128/25")),
    ("InvalidParameterValue.SubnetRange", subnet(CidrBlock="10.9.0.0/24")),
    ("InvalidSecurityGroupID.Malformed", call("vpc", "DeleteSecurityGroup", SecurityGroupId="x")),
    ("InvalidSecurityGroupID.NotFound", call("vpc", "DeleteSecurityGroup", SecurityGroupId="sg-00000000")),
    ("LimitExceeded.ResourceAttachedTags", tag_machine(count=50)),
    ("LimitExceeded.ResourceNumPerRequest", tags_of(ResourceIds=[GONE] * 51)),
    ("LimitExceeded.SecurityGroupPolicySet", rules(count=101)),
    ("ResourceInUse", group_in_use),
    ("ResourceInUse", lambda cloud: cloud.error("vpc", "DeleteVpc", VpcId=cloud.network()["VpcId"])),
    ("ResourceNotFound", call("vpc", "DeleteVpc", VpcId="vpc-0")),
    ("UnsupportedOperation.VersionMismatch", rules(version="7")),
    ("LimitExceeded", group_quota),
]
