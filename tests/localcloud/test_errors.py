"""Every error code that the local cloud knows, each brought about through the official SDK's client."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import localcloud
from localcloud.loopback import SharedRange
from localcloud.sdk import Sdk
from localcloud.signature import Keys

from .conftest import LINUX_IMAGE, PASSWORD, WINDOWS_IMAGE, ZONE, launch_request

Case = Callable[[Any], str]
SOURCE = Path(localcloud.__file__).parent
HOURLY = {"InstanceChargeType": "POSTPAID_BY_HOUR"}
GONE = "ins-00000000"


def launch(**changes: Any) -> Case:
    """RunInstances as it works, with some changes that make it fail."""

    def case(cloud: Any) -> str:
        request = {**launch_request(), **changes}
        return str(cloud.error("cvm", "RunInstances", **{k: v for k, v in request.items() if v is not None}))

    return case


def call(service: str, action: str, **params: Any) -> Case:
    return lambda cloud: cloud.error(service, action, **params)


def raw(service: str, action: str, params: Any) -> Case:
    """A request that the SDK's models would not let through."""

    def case(cloud: Any) -> str:
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

        with pytest.raises(TencentCloudSDKException) as caught:
            cloud.sdk.call_json(service, action, params)
        return str(caught.value.code)

    return case


def on_machine(action: str, *, service: str = "cvm", many: bool = True, **params: Any) -> Case:
    """An action on a running spot machine."""

    def case(cloud: Any) -> str:
        instance_id = cloud.running()
        ids: dict[str, Any] = {"InstanceIds": [instance_id]} if many else {"InstanceId": instance_id}
        return str(cloud.error(service, action, **{**ids, **params}))

    return case


def in_state(state: str) -> Case:
    """Starting a machine that is in that state."""

    def case(cloud: Any) -> str:
        instance_id = cloud.launch()
        if state != "PENDING":
            cloud.pass_time(30)
        if state == "SHUTDOWN":
            cloud.control.set_settings(recycle_bin=True)
        for action in {
            "STOPPING": ["StopInstances"],
            "STARTING": ["StopInstances", "StartInstances"],
            "REBOOTING": ["RebootInstances"],
            "TERMINATING": ["TerminateInstances"],
            "SHUTDOWN": ["TerminateInstances"],
        }.get(state, []):
            if action == "StartInstances":
                cloud.pass_time(10)
            cloud.call("cvm", action, InstanceIds=[instance_id])
        assert cloud.state(instance_id) == state
        return str(cloud.error("cvm", "StartInstances", InstanceIds=[instance_id]))

    return case


def stopped_machine(cloud: Any) -> str:
    instance_id = cloud.running()
    cloud.call("cvm", "StopInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    return str(cloud.error("cvm", "StopInstances", InstanceIds=[instance_id]))


def failed_launch(cloud: Any) -> str:
    cloud.control.fault("RunInstances", "late_failure")
    instance_id = cloud.launch()
    cloud.pass_time(30)
    return str(cloud.error("cvm", "StartInstances", InstanceIds=[instance_id]))


def disk(cloud: Any, **changes: Any) -> str:
    request = {
        "Placement": {"Zone": ZONE},
        "DiskChargeType": "POSTPAID_BY_HOUR",
        "DiskType": "CLOUD_SSD",
        "DiskSize": 20,
    }
    return str(cloud.call("cbs", "CreateDisks", **{**request, **changes})["DiskIdSet"][0])


def new_disk(**changes: Any) -> Case:
    request = {
        "Placement": {"Zone": ZONE},
        "DiskChargeType": "POSTPAID_BY_HOUR",
        "DiskType": "CLOUD_SSD",
        "DiskSize": 20,
    }
    return call("cbs", "CreateDisks", **{**request, **changes})


def snapshot(cloud: Any, disk_id: str, wait: bool = True) -> str:
    snapshot_id = cloud.call("cbs", "CreateSnapshot", DiskId=disk_id)["SnapshotId"]
    if wait:
        cloud.pass_time(200)
    return str(snapshot_id)


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


def image_twice(cloud: Any) -> str:
    instance_id = cloud.running()
    cloud.image(instance_id, "same")
    return str(cloud.error("cvm", "CreateImage", InstanceId=instance_id, ImageName="same"))


def image_quota(cloud: Any) -> str:
    cloud.control.set_quota("image", 0)
    return on_machine("CreateImage", many=False, ImageName="one")(cloud)


def during_image(action: str, **params: Any) -> Case:
    def case(cloud: Any) -> str:
        instance_id = cloud.running()
        cloud.call("cvm", "CreateImage", InstanceId=instance_id, ImageName="one", ForcePoweroff="true")
        ids: dict[str, Any] = {"InstanceIds": [instance_id]} if action != "CreateImage" else {"InstanceId": instance_id}
        return str(cloud.error("cvm", action, **ids, **params))

    return case


def creating_image(action: str) -> Case:
    def case(cloud: Any) -> str:
        image_id = cloud.call("cvm", "CreateImage", InstanceId=cloud.running(), ImageName="one")["ImageId"]
        if action == "RunInstances":
            return launch(ImageId=image_id)(cloud)
        return str(cloud.error("cvm", "DeleteImages", ImageIds=[image_id], DeleteBindedSnap=True))

    return case


def image_of_snapshots(*usages: str, wait: bool = True) -> Case:
    def case(cloud: Any) -> str:
        ids = []
        for usage in usages:
            if usage == "SYSTEM_DISK":
                cloud.running()
                disk_id = cloud.control.disks()[-1].id
            else:
                disk_id = disk(cloud)
            ids.append(snapshot(cloud, disk_id, wait))
        return str(cloud.error("cvm", "CreateImage", ImageName="one", SnapshotIds=ids))

    return case


def protected(cloud: Any) -> str:
    instance_id = cloud.running(DisableApiTermination=True)
    return str(cloud.error("cvm", "TerminateInstances", InstanceIds=[instance_id]))


def spot_quota(cloud: Any) -> str:
    return launch(InstanceCount=7)(cloud)


def machine_quota(cloud: Any) -> str:
    cloud.control.set_quota("instance", 0)
    return launch()(cloud)


def group_quota(cloud: Any) -> str:
    cloud.control.set_quota("security_group", 0)
    return str(cloud.error("vpc", "CreateSecurityGroup", GroupName="g", GroupDescription="d"))


def no_balance(cloud: Any) -> str:
    cloud.control.set_balance(1.0)
    return launch()(cloud)


def sold_out(cloud: Any) -> str:
    cloud.control.set_stock(ZONE, "GN7.2XLARGE32", "SOLD_OUT")
    return launch()(cloud)


def image_too_large(cloud: Any) -> str:
    image_id = cloud.image(cloud.running())
    return launch(ImageId=image_id, SystemDisk={"DiskType": "CLOUD_SSD", "DiskSize": 60})(cloud)


def reclaim_hourly(cloud: Any) -> str:
    from localcloud.control_client import ControlError

    instance_id = cloud.running(**HOURLY)
    with pytest.raises(ControlError, match="not a spot machine"):
        cloud.control.reclaim(instance_id)
    return "InvalidInstance.NotSupported"


def foreign_disk(action: str, key: str) -> Case:
    def case(cloud: Any) -> str:
        instance_id = cloud.running(**HOURLY)
        stranger = disk(cloud)
        if action == "CreateImage":
            return str(cloud.error("cvm", action, InstanceId=instance_id, ImageName="one", DataDiskIds=[stranger]))
        orders = [{"DiskId": stranger, "DiskSize": 100}]
        return str(cloud.error("cvm", action, InstanceId=instance_id, ForceStop=True, **{key: orders}))

    return case


def root_disk(cloud: Any) -> str:
    instance_id = cloud.running()
    root = cloud.control.disks()[0].id
    return str(cloud.error("cvm", "CreateImage", InstanceId=instance_id, ImageName="one", DataDiskIds=[root]))


def attach(**changes: Any) -> Case:
    def case(cloud: Any) -> str:
        instance_id = cloud.running()
        request = {"InstanceId": instance_id, "DiskIds": [disk(cloud, **changes.pop("disk", {}))]}
        if changes.pop("twice", False):
            cloud.call("cbs", "AttachDisks", **request)
        return str(cloud.error("cbs", "AttachDisks", **{**request, **changes}))

    return lambda cloud: case(cloud)


def detach_system(cloud: Any) -> str:
    cloud.running()
    return str(cloud.error("cbs", "DetachDisks", DiskIds=[cloud.control.disks()[0].id]))


def terminate_attached(cloud: Any) -> str:
    cloud.running()
    return str(cloud.error("cbs", "TerminateDisks", DiskIds=[cloud.control.disks()[0].id]))


def attach_recycled(cloud: Any) -> str:
    disk_id = disk(cloud)
    cloud.call("cbs", "TerminateDisks", DiskIds=[disk_id])
    return str(cloud.error("cbs", "AttachDisks", InstanceId=cloud.running(), DiskIds=[disk_id]))


def roll_back_running(cloud: Any) -> str:
    cloud.running()
    disk_id = cloud.control.disks()[0].id
    return str(cloud.error("cbs", "ApplySnapshot", DiskId=disk_id, SnapshotId=snapshot(cloud, disk_id)))


def roll_back_other(cloud: Any) -> str:
    one, two = disk(cloud), disk(cloud)
    return str(cloud.error("cbs", "ApplySnapshot", DiskId=two, SnapshotId=snapshot(cloud, one)))


def roll_back_creating(cloud: Any) -> str:
    cloud.running()
    disk_id = cloud.control.disks()[0].id
    return str(cloud.error("cbs", "ApplySnapshot", DiskId=disk_id, SnapshotId=snapshot(cloud, disk_id, wait=False)))


def disk_below_snapshot(cloud: Any) -> str:
    snapshot_id = snapshot(cloud, disk(cloud, DiskSize=50))
    return new_disk(SnapshotId=snapshot_id, DiskSize=20)(cloud)


def data_disk_below_snapshot(cloud: Any) -> str:
    snapshot_id = snapshot(cloud, disk(cloud, DiskSize=50))
    return launch(DataDisks=[{"DiskType": "CLOUD_SSD", "DiskSize": 20, "SnapshotId": snapshot_id}])(cloud)


def snapshot_of_image(cloud: Any) -> str:
    cloud.image(cloud.running())
    return str(cloud.error("cbs", "DeleteSnapshots", SnapshotIds=[cloud.control.snapshots()[0].id]))


def snapshot_creating(cloud: Any) -> str:
    cloud.running()
    snapshot_id = snapshot(cloud, cloud.control.disks()[0].id, wait=False)
    return str(cloud.error("cbs", "DeleteSnapshots", SnapshotIds=[snapshot_id]))


def run_command(**changes: Any) -> Case:
    def case(cloud: Any) -> str:
        off = changes.get("agent") is False
        service = {"EnhancedService": {"AutomationService": {"Enabled": False}}} if off else {}
        instance_id = cloud.launch(**service) if changes.get("pending") else cloud.running(**service)
        request = {"Content": base64.b64encode(b"x").decode(), "InstanceIds": [instance_id]}
        extra = {key: value for key, value in changes.items() if key not in ("agent", "pending")}
        return str(cloud.error("tat", "RunCommand", **{**request, **extra}))

    return case


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


def with_sdk(**changes: Any) -> Case:
    """A call with other keys or another region."""

    def case(cloud: Any) -> str:
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

        keys = cloud.server.keys
        wrong = Keys(changes.get("secret_id", keys.secret_id), changes.get("secret_key", keys.secret_key))
        sdk = Sdk(cloud.server.url, wrong, changes.get("region", "ap-guangzhou"))
        if "token" in changes:
            sdk._credential.token = changes["token"]
        if "version" in changes:
            sdk.client("cvm")._apiVersion = changes["version"]
        with pytest.raises(TencentCloudSDKException) as caught:
            sdk.call("cvm", "DescribeZones")
        return str(caught.value.code)

    return case


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


def throttled(cloud: Any) -> str:
    cloud.control.fault("DescribeZones", "throttle")
    return str(cloud.error("cvm", "DescribeZones"))


def a_mistake_of_ours(cloud: Any) -> str:
    from localcloud import registry

    broken = registry.Action("cvm", "DescribeKeyPairs", (), lambda *_: {"NoSuchField": 1})
    registry._ACTIONS["cvm", "DescribeKeyPairs"] = broken
    try:
        return str(cloud.error("cvm", "DescribeKeyPairs"))
    finally:
        del registry._ACTIONS["cvm", "DescribeKeyPairs"]


def zone_of_subnet(cloud: Any, network: dict[str, Any]) -> dict[str, Any]:
    made = cloud.call(
        "vpc", "CreateSubnet", VpcId=network["VpcId"], SubnetName="t", CidrBlock="10.0.3.0/24", Zone="ap-guangzhou-4"
    )
    return {**network, "SubnetId": made["Subnet"]["SubnetId"]}


def many_tags(count: int) -> list[dict[str, Any]]:
    tags = [{"Key": f"k{number}", "Value": ""} for number in range(count)]
    return [{"ResourceType": "instance", "Tags": tags}]


SPOT = "InstanceMarketOptions"
CASES: list[tuple[str, Case]] = [
    ("AuthFailure.SecretIdNotFound", with_sdk(secret_id="AKIDwrong")),
    ("AuthFailure.SignatureFailure", with_sdk(secret_key="wrong")),
    ("AuthFailure.TokenFailure", with_sdk(token="temporary")),
    ("FailedOperation.IllegalTagKey", launch(TagSpecification=[{"ResourceType": "instance", "Tags": [{"Key": ""}]}])),
    ("FailedOperation.NoAvailableIpAddressCountInSubnet", subnet_full),
    ("FailedOperation.SnapshotSizeLargerThanDataSize", data_disk_below_snapshot),
    ("ImageQuotaLimitExceeded", image_quota),
    ("InternalError", a_mistake_of_ours),
    ("InvalidAccount.InsufficientBalance", no_balance),
    ("InvalidAction", raw("cvm", "NoSuchAction", {})),
    ("InvalidClientToken.TooLong", launch(ClientToken="x" * 65)),
    ("InvalidDisk.AlreadyBound", attach(twice=True)),
    ("InvalidDisk.Busy", attach_recycled),
    ("InvalidDisk.NotPortable", detach_system),
    ("InvalidDiskId.NotFound", call("cbs", "ResizeDisk", DiskId="disk-00000000", DiskSize=100)),
    ("InvalidFilter", call("cvm", "DescribeInstances", Filters=[{"Name": "colour", "Values": ["red"]}])),
    ("InvalidFilterValue.LimitExceeded", call("cvm", "DescribeInstances", Filters=[{"Name": "zone"}] * 11)),
    (
        "InvalidFilterValue.LimitExceeded",
        call("cvm", "DescribeImages", Filters=[{"Name": "image-id", "Values": ["x"] * 6}]),
    ),
    ("InvalidImageId.IncorrectState", creating_image("RunInstances")),
    ("InvalidImageId.IncorrectState", creating_image("DeleteImages")),
    ("InvalidImageId.Malformed", launch(ImageId="windows")),
    ("InvalidImageId.NotFound", launch(ImageId="img-00000000")),
    ("InvalidImageId.NotFound", call("cvm", "DeleteImages", ImageIds=[WINDOWS_IMAGE])),
    ("InvalidImageName.Duplicate", image_twice),
    ("InvalidInstance.NotSupported", reclaim_hourly),
    ("InvalidInstanceId.Malformed", call("cvm", "TerminateInstances", InstanceIds=["x"])),
    ("InvalidInstanceId.NotFound", call("cvm", "TerminateInstances", InstanceIds=[GONE])),
    ("InvalidInstanceName.TooLong", launch(InstanceName="x" * 129)),
    ("InvalidInstanceType.Malformed", launch(InstanceType="GN7")),
    ("InvalidParameter", raw("cvm", "DescribeInstances", {"Limit": "20"})),
    ("InvalidParameter", call("vpc", "DescribeVpcs", VpcIds=["vpc-1"], Filters=[{"Name": "vpc-id", "Values": ["x"]}])),
    ("InvalidParameter.DataDiskIdContainsRootDisk", root_disk),
    ("InvalidParameter.DataDiskNotBelongSpecifiedInstance", foreign_disk("CreateImage", "")),
    ("InvalidParameter.DataDiskNotBelongSpecifiedInstance", foreign_disk("ResizeInstanceDisks", "DataDisks")),
    ("InvalidParameter.DiskConfigNotSupported", new_disk(DiskType="CLOUD_BASIC")),
    ("InvalidParameter.DiskSizeNotMatch", disk_below_snapshot),
    ("InvalidParameter.DuplicateSystemSnapshots", image_of_snapshots("SYSTEM_DISK", "SYSTEM_DISK")),
    ("InvalidParameter.ImageIdsSnapshotIdsMustOne", call("cvm", "CreateImage", ImageName="x")),
    ("InvalidParameter.InvalidCloudDiskSoldOut", launch(SystemDisk={"DiskType": "LOCAL_SSD", "DiskSize": 75})),
    (
        "InvalidParameter.InvalidParameterCoexistImageIdsFilters",
        call("cvm", "DescribeImages", ImageIds=[WINDOWS_IMAGE], Filters=[{"Name": "platform", "Values": ["x"]}]),
    ),
    ("InvalidParameter.ParameterConflict", launch(LoginSettings={"Password": PASSWORD, "KeepImageLogin": "TRUE"})),
    ("InvalidParameter.ParameterConflict", launch(**HOURLY, **{SPOT: {"SpotOptions": {"MaxPrice": "9"}}})),
    ("InvalidParameter.SnapshotNotFound", call("cvm", "CreateImage", ImageName="x", SnapshotIds=["snap-0"])),
    ("InvalidParameter.SystemSnapshotNotFound", image_of_snapshots("DATA_DISK")),
    ("InvalidParameterValue", launch(SystemDisk={"DiskType": "CLOUD_SSD", "DiskSize": 40})),
    ("InvalidParameterValue", launch(InstanceChargeType="PREPAID")),
    ("InvalidParameterValue", launch(**{SPOT: {"SpotOptions": {"MaxPrice": "cheap"}}})),
    ("InvalidParameterValue", launch(**{SPOT: {"SpotOptions": {"SpotInstanceType": "persistent"}}})),
    ("InvalidParameterValue", launch(LoginSettings={"KeepImageLogin": "TRUE"})),
    ("InvalidParameterValue", image_too_large),
    ("InvalidParameterValue", rules(Protocol="SCTP")),
    ("InvalidParameterValue", rules(Port="70000")),
    ("InvalidParameterValue", rules(Action="MAYBE")),
    ("InvalidParameterValue", rules(CidrBlock="1.2.3.4/99")),
    ("InvalidParameterValue", rules(Ipv6CidrBlock="::/0")),
    ("InvalidParameterValue", call("vpc", "CreateVpc", VpcName="v", CidrBlock="8.8.0.0/16")),
    ("InvalidParameterValue", call("vpc", "DescribeVpcs", Limit="many")),
    ("InvalidParameterValue", call("cvm", "DescribeInstances", Limit=101)),
    ("InvalidParameterValue", call("cvm", "DescribeInstances", Offset=-1)),
    (
        "InvalidParameterValue",
        call(
            "cbs",
            "InquiryPriceCreateDisks",
            DiskChargeType="POSTPAID_BY_HOUR",
            DiskType="CLOUD_SSD",
            DiskSize=2**70,
        ),
    ),
    ("InvalidParameterValue.CommandContentInvalid", run_command(Content="?")),
    ("InvalidParameterValue.DeleteTagsParamError", tag_machine(DeleteTags=[{"TagKey": "k0"}])),
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
    (
        "InvalidParameterValue.InvalidPassword",
        on_machine("ResetInstancesPassword", Password="Administrator-1", ForceStop=True),
    ),
    ("InvalidParameterValue.InvalidUserDataFormat", launch(UserData="not base64!")),
    ("InvalidParameterValue.InvalidUserDataFormat", launch(UserData=base64.b64encode(b"x" * 12289).decode())),
    ("InvalidParameterValue.LimitExceeded", call("cvm", "StopInstances", InstanceIds=[GONE] * 101)),
    ("InvalidParameterValue.Malformed", call("vpc", "CreateVpc", VpcName="v", CidrBlock="10.0.0.1/16")),
    ("InvalidParameterValue.Range", launch(SystemDisk={"DiskType": "CLOUD_SSD", "DiskSize": 4000})),
    ("InvalidParameterValue.Range", launch(InstanceCount=0)),
    ("InvalidParameterValue.Range", call("vpc", "CreateVpc", VpcName="v", CidrBlock="10.0.0.0/29")),
    ("InvalidParameterValue.Range", new_disk(DiskSize=25)),
    ("InvalidParameterValue.RegionInvalid", tags_of(ResourceRegion="mars")),
    ("InvalidParameterValue.ResourceDescriptionError", tag_machine(Resource="ins-1")),
    ("InvalidParameterValue.ResourceIdInvalid", tag_machine(Resource=f"qcs::cvm:ap-guangzhou:uin/:instance/{GONE}")),
    ("InvalidParameterValue.ResourcePrefixInvalid", tags_of(ResourcePrefix="clown")),
    ("InvalidParameterValue.ServiceTypeInvalid", tags_of(ServiceType="cos")),
    ("InvalidParameterValue.SubnetConflict", subnet(CidrBlock="10.0.1.128/25")),
    ("InvalidParameterValue.SubnetIdMalformed", in_network(lambda _, network: {**network, "SubnetId": "x"})),
    ("InvalidParameterValue.SubnetIdZoneIdNotMatch", in_network(zone_of_subnet)),
    ("InvalidParameterValue.SubnetNotExist", in_network(lambda _, network: {**network, "SubnetId": "subnet-0"})),
    ("InvalidParameterValue.SubnetRange", subnet(CidrBlock="10.9.0.0/24")),
    ("InvalidParameterValue.TagQuotaLimitExceeded", launch(TagSpecification=many_tags(51))),
    ("InvalidParameterValue.TooLong", on_machine("CreateImage", many=False, ImageName="x" * 61)),
    ("InvalidParameterValue.VpcIdMalformed", in_network(lambda _, network: {**network, "VpcId": "x"})),
    ("InvalidParameterValue.VpcIdNotExist", in_network(lambda _, network: {**network, "VpcId": "vpc-0"})),
    ("InvalidParameterValue.VpcIdSubnetIdNotMatch", in_network(other_vpc)),
    ("InvalidParameterValue.ZoneNotSupported", launch(Placement={"Zone": "ap-guangzhou-99"})),
    ("InvalidSecurityGroupID.Malformed", call("vpc", "DeleteSecurityGroup", SecurityGroupId="x")),
    ("InvalidSecurityGroupID.NotFound", call("vpc", "DeleteSecurityGroup", SecurityGroupId="sg-00000000")),
    ("InvalidSecurityGroupId.NotFound", launch(SecurityGroupIds=["sg-00000000"])),
    ("InvalidSgId.Malformed", launch(SecurityGroupIds=["x"])),
    ("InvalidSnapshot.NotSupported", roll_back_other),
    ("InvalidSnapshotId.NotFound", call("cbs", "DeleteSnapshots", SnapshotIds=["snap-00000000"])),
    ("InvalidZone.MismatchRegion", launch(Placement={"Zone": "ap-shanghai-2"})),
    ("LimitExceeded.AssociateUSGLimitExceeded", launch(SecurityGroupIds=[f"sg-0000000{n}" for n in range(6)])),
    ("LimitExceeded.CvmInstanceQuota", machine_quota),
    ("LimitExceeded.InstanceTypeBandwidth", launch(InternetAccessible={"InternetMaxBandwidthOut": 201})),
    ("LimitExceeded.ResourceAttachedTags", tag_machine(count=50)),
    ("LimitExceeded.ResourceNumPerRequest", tags_of(ResourceIds=[GONE] * 51)),
    ("LimitExceeded.SecurityGroupPolicySet", rules(count=101)),
    ("LimitExceeded.SpotQuota", spot_quota),
    ("MissingParameter", launch(ImageId=None)),
    ("MissingParameter", launch(Placement={"ProjectId": 0})),
    ("MissingParameter", call("cvm", "TerminateInstances", InstanceIds=[])),
    ("MissingParameter.AtLeastOne", on_machine("ModifyInstancesAttribute")),
    ("MutexOperation.TaskRunning", during_image("CreateImage", ImageName="two")),
    ("NoSuchVersion", with_sdk(version="2016-01-01")),
    ("OperationDenied.InstanceOperationInProgress", during_image("TerminateInstances")),
    ("RequestLimitExceeded", throttled),
    ("ResourceInUse", group_in_use),
    ("ResourceInUse", lambda cloud: cloud.error("vpc", "DeleteVpc", VpcId=cloud.network()["VpcId"])),
    ("ResourceNotFound", call("vpc", "DeleteVpc", VpcId="vpc-0")),
    ("ResourceNotFound.InstanceNotFound", run_command(InstanceIds=[GONE])),
    ("ResourceNotFound.InvalidZoneInstanceType", launch(InstanceType="GN8.LARGE56")),
    ("ResourceUnavailable.AgentNotInstalled", run_command(agent=False)),
    ("ResourceUnavailable.Attached", terminate_attached),
    ("ResourceUnavailable.InstanceStateNotRunning", run_command(pending=True)),
    ("ResourceUnavailable.SnapshotCreating", roll_back_creating),
    ("ResourceUnavailable.SnapshotCreating", image_of_snapshots("SYSTEM_DISK", wait=False)),
    ("ResourceUnavailable.ZoneNotMatch", attach(disk={"Placement": {"Zone": "ap-guangzhou-4"}})),
    ("ResourcesSoldOut.SpecifiedInstanceType", sold_out),
    ("UnknownParameter", raw("cvm", "DescribeInstances", {"Colour": "red"})),
    ("UnknownParameter", raw("cvm", "RunInstances", {"Placement": {"Zone": ZONE, "Planet": "Mars"}})),
    ("UnsupportedOperation", call("cvm", "DescribeHosts")),
    ("UnsupportedOperation.InstanceChargeType", on_machine("ResetInstance", many=False, ImageId=LINUX_IMAGE)),
    ("UnsupportedOperation.InstanceChargeType", on_machine("ResizeInstanceDisks", many=False)),
    ("UnsupportedOperation.InstanceChargeType", on_machine("ResetInstancesType", InstanceType="GN7.5XLARGE80")),
    ("UnsupportedOperation.InstanceNotStopped", roll_back_running),
    ("UnsupportedOperation.InstanceStateLaunchFailed", failed_launch),
    ("UnsupportedOperation.InstanceStatePending", in_state("PENDING")),
    ("UnsupportedOperation.InstanceStateRebooting", in_state("REBOOTING")),
    ("UnsupportedOperation.InstanceStateRunning", in_state("RUNNING")),
    ("UnsupportedOperation.InstanceStateShutdown", in_state("SHUTDOWN")),
    ("UnsupportedOperation.InstanceStateStarting", in_state("STARTING")),
    ("UnsupportedOperation.InstanceStateStopped", stopped_machine),
    ("UnsupportedOperation.InstanceStateStopping", in_state("STOPPING")),
    ("UnsupportedOperation.InstanceStateTerminating", in_state("TERMINATING")),
    ("UnsupportedOperation.InstancesProtected", protected),
    ("UnsupportedOperation.KeyPairUnsupportedWindows", launch(LoginSettings={"KeyIds": ["skey-1"]})),
    ("UnsupportedOperation.SnapshotHasBindedImage", snapshot_of_image),
    ("UnsupportedOperation.StateError", snapshot_creating),
    ("UnsupportedOperation.StoppedModeStopCharging", on_machine("StopInstances", StoppedMode="STOP_CHARGING")),
    ("UnsupportedOperation.VersionMismatch", rules(version="7")),
    ("UnsupportedRegion", with_sdk(region="ap-mars")),
    ("VpcAddrNotInSubNet", in_network(lambda _, network: {**network, "PrivateIpAddresses": ["10.0.2.2"]})),
    ("VpcIpIsUsed", address_taken),
    ("LimitExceeded", group_quota),
]

# These need requests that the SDK cannot send; test_http.py sends them.
ELSEWHERE = {
    "AuthFailure.InvalidAuthorization",
    "AuthFailure.SignatureExpire",
    "InvalidRequest",
    "RequestSizeLimitExceeded",
    "UnsupportedProtocol",
}


@pytest.mark.parametrize(("code", "case"), CASES, ids=[f"{i}-{code}" for i, (code, _) in enumerate(CASES)])
def test_error(cloud: Any, code: str, case: Case) -> None:
    assert case(cloud) == code


def test_no_code_is_left_out() -> None:
    pattern = re.compile(r'"((?:[A-Z][A-Za-z]+\.[A-Z][A-Za-z]+)|InternalError|RequestLimitExceeded|UnknownParameter)"')
    raised: set[str] = set()
    for path in [*SOURCE.glob("*.py"), *(SOURCE / "services").glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        raised |= set(pattern.findall(text))
        raised |= set(re.findall(r'ApiError\(\s*"([\w.]+)"', text))
    dotted_names = {"Placement.Zone", "DataDisks.DiskSize"}
    assert raised - dotted_names - {code for code, _ in CASES} - ELSEWHERE == set()
    assert ELSEWHERE & {code for code, _ in CASES} == set()
