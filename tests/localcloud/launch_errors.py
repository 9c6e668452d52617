"""Launches that are refused: zone, type, price, image, disks, names, login, network and quotas."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from localcloud.loopback import SharedRange

from .conftest import PASSWORD, ZONE
from .error_cases import HOURLY, Case, disk, launch, snapshot


def in_network(change: Callable[[Any, dict[str, Any]], dict[str, Any]], **changes: Any) -> Case:
    """A launch into a network that is made wrong in some way."""

    def case(cloud: Any) -> str:
        return launch(VirtualPrivateCloud=change(cloud, cloud.network()), **changes)(cloud)

    return case


def other_vpc(cloud: Any, network: dict[str, Any]) -> dict[str, Any]:
    vpc = cloud.call("vpc", "CreateVpc", VpcName="w", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    return {**network, "VpcId": vpc}


def address_taken(cloud: Any) -> str:
    network = {**cloud.network(), "PrivateIpAddresses": ["10.0.1.9"]}
    cloud.launch(VirtualPrivateCloud=network)
    return launch(VirtualPrivateCloud=network)(cloud)


def subnet_full(cloud: Any) -> str:
    vpc = cloud.network()["VpcId"]
    small = cloud.call("vpc", "CreateSubnet", VpcId=vpc, SubnetName="t", CidrBlock="10.0.2.0/28", Zone=ZONE)
    network = {"VpcId": vpc, "SubnetId": small["Subnet"]["SubnetId"]}
    cloud.control.set_quota("spot_vcpu", 1000)
    return launch(VirtualPrivateCloud=network, InstanceCount=14)(cloud)


def spot_quota(cloud: Any) -> str:
    return launch(InstanceCount=7)(cloud)


def machine_quota(cloud: Any) -> str:
    cloud.control.set_quota("instance", 0)
    return launch()(cloud)


def no_balance(cloud: Any) -> str:
    cloud.control.set_balance(1.0)
    return launch()(cloud)


def sold_out(cloud: Any) -> str:
    cloud.control.set_stock(ZONE, "GN7.2XLARGE32", "SOLD_OUT")
    return launch()(cloud)


def image_too_large(cloud: Any) -> str:
    image_id = cloud.image(cloud.running())
    return launch(ImageId=image_id, SystemDisk={"DiskType": "CLOUD_SSD", "DiskSize": 60})(cloud)


def data_disk_below_snapshot(cloud: Any) -> str:
    snapshot_id = snapshot(cloud, disk(cloud, DiskSize=50))
    return launch(DataDisks=[{"DiskType": "CLOUD_SSD", "DiskSize": 20, "SnapshotId": snapshot_id}])(cloud)


def public_addresses_used_up(cloud: Any) -> str:
    class Small(SharedRange):
        def addresses(self) -> list[str]:
            return ["127.0.1.1", "127.0.1.2"]

    whole = cloud.server.cloud.loopback
    cloud.server.cloud.loopback = Small()
    try:
        return launch(InstanceCount=3)(cloud)
    finally:
        cloud.server.cloud.loopback = whole


def zone_of_subnet(cloud: Any, network: dict[str, Any]) -> dict[str, Any]:
    made = cloud.call(
        "vpc", "CreateSubnet", VpcId=network["VpcId"], SubnetName="t", CidrBlock="10.0.3.0/24", Zone="ap-guangzhou-4"
    )
    return {**network, "SubnetId": made["Subnet"]["SubnetId"]}


def many_tags(count: int) -> list[dict[str, Any]]:
    tags = [{"Key": f"k{number}", "Value": ""} for number in range(count)]
    return [{"ResourceType": "instance", "Tags": tags}]


SPOT = "InstanceMarketOptions"


LAUNCH_ERRORS: list[tuple[str, Case]] = [
    ("FailedOperation.IllegalTagKey", launch(TagSpecification=[{"ResourceType": "instance", "Tags": [{"Key": ""}]}])),
    ("FailedOperation.NoAvailableIpAddressCountInSubnet", subnet_full),
    ("FailedOperation.SnapshotSizeLargerThanDataSize", data_disk_below_snapshot),
    ("InvalidAccount.InsufficientBalance", no_balance),
    ("InvalidClientToken.TooLong", launch(ClientToken="x" * 65)),
    ("InvalidImageId.Malformed", launch(ImageId="windows")),
    ("InvalidImageId.NotFound", launch(ImageId="img-00000000")),
    ("InvalidInstanceName.TooLong", launch(InstanceName="x" * 129)),
    ("InvalidInstanceType.Malformed", launch(InstanceType="GN7")),
    ("InvalidParameter.InvalidCloudDiskSoldOut", launch(SystemDisk={"DiskType": "LOCAL_SSD", "DiskSize": 75})),
    ("InvalidParameter.ParameterConflict", launch(LoginSettings={"Password": PASSWORD, "KeepImageLogin": "TRUE"})),
    ("InvalidParameter.ParameterConflict", launch(**HOURLY, **{SPOT: {"SpotOptions": {"MaxPrice": "9"}}})),
    ("InvalidParameterValue", launch(SystemDisk={"DiskType": "CLOUD_SSD", "DiskSize": 40})),
    ("InvalidParameterValue", launch(InstanceChargeType="PREPAID")),
    ("InvalidParameterValue", launch(**{SPOT: {"SpotOptions": {"MaxPrice": "cheap"}}})),
    ("InvalidParameterValue", launch(**{SPOT: {"SpotOptions": {"SpotInstanceType": "persistent"}}})),
    ("InvalidParameterValue", launch(LoginSettings={"KeepImageLogin": "TRUE"})),
    ("InvalidParameterValue", image_too_large),
    (
        "InvalidParameterValue.DuplicateTags",
        launch(TagSpecification=[{"ResourceType": "instance", "Tags": [{"Key": "a"}, {"Key": "a"}]}]),
    ),
    ("InvalidParameterValue.ExternalIpQuotaLimited", public_addresses_used_up),
    (
        "InvalidParameterValue.IPAddressMalformed",
        in_network(lambda _, network: {**network, "PrivateIpAddresses": ["ten"]}),
    ),
    *(
        ("InvalidParameterValue.IllegalHostName", launch(HostName=name))
        for name in ("x", "x" * 16, "-ab", "ab-", "a--b", "12345", "a.b", "a_b")
    ),
    ("InvalidParameterValue.InstanceTypeNotFound", launch(InstanceType="GN7.1XLARGE1")),
    ("InvalidParameterValue.InsufficientPrice", launch(**{SPOT: {"SpotOptions": {"MaxPrice": "1.73"}}})),
    ("InvalidParameterValue.InvalidImageForGivenInstanceType", launch(InstanceType="GN7.2XLARGE40")),
    *(
        ("InvalidParameterValue.InvalidPassword", launch(LoginSettings={"Password": text}))
        for text in ("Short-1", "lowercaseonly", "/Leading-Slash-1", "Aa1-" * 8, "Pass-Wörter-12")
    ),
    ("InvalidParameterValue.InvalidUserDataFormat", launch(UserData="not base64!")),
    ("InvalidParameterValue.InvalidUserDataFormat", launch(UserData=base64.b64encode(b"x" * 12289).decode())),
    ("InvalidParameterValue.Range", launch(SystemDisk={"DiskType": "CLOUD_SSD", "DiskSize": 4000})),
    ("InvalidParameterValue.Range", launch(InstanceCount=0)),
    ("InvalidParameterValue.SubnetIdMalformed", in_network(lambda _, network: {**network, "SubnetId": "x"})),
    ("InvalidParameterValue.SubnetIdZoneIdNotMatch", in_network(zone_of_subnet)),
    ("InvalidParameterValue.SubnetNotExist", in_network(lambda _, network: {**network, "SubnetId": "subnet-0"})),
    ("InvalidParameterValue.TagQuotaLimitExceeded", launch(TagSpecification=many_tags(51))),
    ("InvalidParameterValue.VpcIdMalformed", in_network(lambda _, network: {**network, "VpcId": "x"})),
    ("InvalidParameterValue.VpcIdNotExist", in_network(lambda _, network: {**network, "VpcId": "vpc-0"})),
    ("InvalidParameterValue.VpcIdSubnetIdNotMatch", in_network(other_vpc)),
    ("InvalidParameterValue.ZoneNotSupported", launch(Placement={"Zone": "ap-guangzhou-99"})),
    ("InvalidSecurityGroupId.NotFound", launch(SecurityGroupIds=["sg-00000000"])),
    ("InvalidSgId.Malformed", launch(SecurityGroupIds=["x"])),
    ("InvalidZone.MismatchRegion", launch(Placement={"Zone": "ap-shanghai-2"})),
    ("LimitExceeded.AssociateUSGLimitExceeded", launch(SecurityGroupIds=[f"sg-0000000{n}" for n in range(6)])),
    ("LimitExceeded.CvmInstanceQuota", machine_quota),
    ("LimitExceeded.InstanceTypeBandwidth", launch(InternetAccessible={"InternetMaxBandwidthOut": 201})),
    ("LimitExceeded.SpotQuota", spot_quota),
    ("MissingParameter", launch(ImageId=None)),
    ("MissingParameter", launch(Placement={"ProjectId": 0})),
    ("ResourceNotFound.InvalidZoneInstanceType", launch(InstanceType="GN8.LARGE56")),
    ("ResourcesSoldOut.SpecifiedInstanceType", sold_out),
    ("UnsupportedOperation.KeyPairUnsupportedWindows", launch(LoginSettings={"KeyIds": ["skey-1"]})),
    ("VpcAddrNotInSubNet", in_network(lambda _, network: {**network, "PrivateIpAddresses": ["10.0.2.2"]})),
    ("VpcIpIsUsed", address_taken),
]
