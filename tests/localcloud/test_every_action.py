"""Every action of the local cloud, called through the official SDK's own client and models."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.registry import all_actions
from localcloud.wire import fields_of

from .conftest import LINUX_IMAGE, WINDOWS_IMAGE, ZONE, launch_request

Use = Callable[[Any], dict[str, Any]]
USES: dict[tuple[str, str], Use] = {}


def use(service: str, action: str) -> Callable[[Use], Use]:
    def register(function: Use) -> Use:
        USES[service, action] = function
        return function

    return register


# --- cvm -----------------------------------------------------------------------------------------------------------


@use("cvm", "RunInstances")
def run_instances(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("cvm", "RunInstances", **launch_request())
    assert len(answer["InstanceIdSet"]) == 1
    return answer


@use("cvm", "DescribeInstances")
def describe_instances(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.launch()
    answer = cloud.call("cvm", "DescribeInstances", InstanceIds=[instance_id])
    assert answer["InstanceSet"][0]["SystemDisk"]["DiskSize"] == 75
    assert answer["InstanceSet"][0]["PublicIpAddresses"][0].startswith("127.0.1.")
    return answer


@use("cvm", "DescribeInstancesStatus")
def describe_instances_status(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.launch()
    answer = cloud.call("cvm", "DescribeInstancesStatus")
    assert answer["InstanceStatusSet"] == [{"InstanceId": instance_id, "InstanceState": "PENDING"}]
    return answer


@use("cvm", "DescribeInstancesAttributes")
def describe_instances_attributes(cloud: Any) -> dict[str, Any]:
    text = base64.b64encode(b"<powershell>1</powershell>").decode()
    instance_id = cloud.launch(UserData=text)
    answer = cloud.call("cvm", "DescribeInstancesAttributes", InstanceIds=[instance_id], Attributes=["UserData"])
    assert answer["InstanceSet"][0]["Attributes"]["UserData"] == text
    return answer


@use("cvm", "StopInstances")
def stop_instances(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    answer = cloud.call("cvm", "StopInstances", InstanceIds=[instance_id])
    assert cloud.state(instance_id) == "STOPPING"
    cloud.pass_time(10)
    assert cloud.state(instance_id) == "STOPPED"
    return answer


@use("cvm", "StartInstances")
def start_instances(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    cloud.call("cvm", "StopInstances", InstanceIds=[instance_id])
    cloud.pass_time(10)
    answer = cloud.call("cvm", "StartInstances", InstanceIds=[instance_id])
    cloud.pass_time(20)
    assert cloud.state(instance_id) == "RUNNING"
    return answer


@use("cvm", "RebootInstances")
def reboot_instances(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    answer = cloud.call("cvm", "RebootInstances", InstanceIds=[instance_id])
    assert cloud.state(instance_id) == "REBOOTING"
    return answer


@use("cvm", "TerminateInstances")
def terminate_instances(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    answer = cloud.call("cvm", "TerminateInstances", InstanceIds=[instance_id])
    assert cloud.state(instance_id) == "TERMINATING"
    cloud.pass_time(10)
    assert cloud.state(instance_id) == "gone"
    assert cloud.control.disks() == []
    return answer


@use("cvm", "ModifyInstancesAttribute")
def modify_instances_attribute(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    answer = cloud.call("cvm", "ModifyInstancesAttribute", InstanceIds=[instance_id], InstanceName="renamed")
    assert cloud.instance(instance_id)["InstanceName"] == "renamed"
    return answer


@use("cvm", "ResetInstancesPassword")
def reset_instances_password(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    answer = cloud.call(
        "cvm", "ResetInstancesPassword", InstanceIds=[instance_id], Password="Another-Pass-1", ForceStop=True
    )
    assert cloud.state(instance_id) == "REBOOTING"
    return answer


@use("cvm", "ResetInstance")
def reset_instance(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running(InstanceChargeType="POSTPAID_BY_HOUR")
    answer = cloud.call("cvm", "ResetInstance", InstanceId=instance_id, ImageId="img-9tzezztj")
    cloud.pass_time(30)
    assert cloud.instance(instance_id)["ImageId"] == "img-9tzezztj"
    assert cloud.state(instance_id) == "RUNNING"
    return answer


@use("cvm", "ResizeInstanceDisks")
def resize_instance_disks(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running(InstanceChargeType="POSTPAID_BY_HOUR")
    answer = cloud.call(
        "cvm", "ResizeInstanceDisks", InstanceId=instance_id, SystemDisk={"DiskSize": 90}, ForceStop=True
    )
    assert cloud.instance(instance_id)["SystemDisk"]["DiskSize"] == 90
    return answer


@use("cvm", "ResetInstancesType")
def reset_instances_type(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running(InstanceChargeType="POSTPAID_BY_HOUR")
    answer = cloud.call(
        "cvm", "ResetInstancesType", InstanceIds=[instance_id], InstanceType="GN7.5XLARGE80", ForceStop=True
    )
    assert cloud.instance(instance_id)["InstanceType"] == "GN7.5XLARGE80"
    return answer


@use("cvm", "ModifyInstancesChargeType")
def modify_instances_charge_type(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    code = cloud.error(
        "cvm", "ModifyInstancesChargeType", InstanceIds=[instance_id], InstanceChargeType="POSTPAID_BY_HOUR"
    )
    assert code == "UnsupportedOperation.InstanceChargeType"
    return {}


@use("cvm", "ModifyInstancesVpcAttribute")
def modify_instances_vpc_attribute(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    network = cloud.network()
    answer = cloud.call("cvm", "ModifyInstancesVpcAttribute", InstanceIds=[instance_id], VirtualPrivateCloud=network)
    assert cloud.instance(instance_id)["PrivateIpAddresses"] == ["10.0.1.2"]
    return answer


@use("cvm", "ResetInstancesInternetMaxBandwidth")
def reset_instances_internet_max_bandwidth(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    answer = cloud.call(
        "cvm",
        "ResetInstancesInternetMaxBandwidth",
        InstanceIds=[instance_id],
        InternetAccessible={"InternetMaxBandwidthOut": 50},
    )
    assert cloud.instance(instance_id)["InternetAccessible"]["InternetMaxBandwidthOut"] == 50
    return answer


@use("cvm", "CreateImage")
def create_image(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    answer = cloud.call("cvm", "CreateImage", InstanceId=instance_id, ImageName="one", ForcePoweroff="true")
    assert cloud.state(instance_id) == "STOPPING"
    cloud.pass_time(599)
    assert (cloud.image_state(answer["ImageId"]), cloud.state(instance_id)) == ("CREATING", "STOPPED")
    cloud.pass_time(1)
    assert (cloud.image_state(answer["ImageId"]), cloud.state(instance_id)) == ("NORMAL", "STARTING")
    cloud.pass_time(20)
    assert cloud.state(instance_id) == "RUNNING"
    return answer


@use("cvm", "DescribeImages")
def describe_images(cloud: Any) -> dict[str, Any]:
    answer = cloud.call(
        "cvm", "DescribeImages", Filters=[{"Name": "platform", "Values": ["windows"]}], InstanceType="GN7.2XLARGE32"
    )
    assert {image["ImageId"] for image in answer["ImageSet"]} >= {WINDOWS_IMAGE, "img-9tzezztj"}
    vgpu = cloud.call("cvm", "DescribeImages", InstanceType="GN7.2XLARGE40")["ImageSet"]
    assert [image["ImageId"] for image in vgpu] == [LINUX_IMAGE]
    return answer


@use("cvm", "DescribeImageQuota")
def describe_image_quota(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("cvm", "DescribeImageQuota")
    assert answer["ImageNumQuota"] == 10
    return answer


@use("cvm", "DescribeImageFromFamily")
def describe_image_from_family(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    cloud.image(instance_id, "old", ImageFamily="stack")
    newest = cloud.image(instance_id, "new", ImageFamily="stack")
    answer = cloud.call("cvm", "DescribeImageFromFamily", ImageFamily="stack")
    assert answer["Image"]["ImageId"] == newest
    return answer


@use("cvm", "ModifyImageAttribute")
def modify_image_attribute(cloud: Any) -> dict[str, Any]:
    image_id = cloud.image(cloud.running())
    answer = cloud.call("cvm", "ModifyImageAttribute", ImageId=image_id, ImageName="better")
    assert cloud.control.images()[0].name == "better"
    return answer


@use("cvm", "DeleteImages")
def delete_images(cloud: Any) -> dict[str, Any]:
    image_id = cloud.image(cloud.running())
    answer = cloud.call("cvm", "DeleteImages", ImageIds=[image_id], DeleteBindedSnap=True)
    assert (cloud.control.images(), cloud.control.snapshots()) == ([], [])
    return answer


@use("cvm", "DescribeZoneInstanceConfigInfos")
def describe_zone_instance_config_infos(cloud: Any) -> dict[str, Any]:
    filters = [
        {"Name": "zone", "Values": [ZONE]},
        {"Name": "instance-family", "Values": ["GN7"]},
        {"Name": "instance-charge-type", "Values": ["SPOTPAID"]},
        {"Name": "sort-keys", "Values": ["cpu:desc"]},
    ]
    answer = cloud.call("cvm", "DescribeZoneInstanceConfigInfos", Filters=filters)
    items = answer["InstanceTypeQuotaSet"]
    assert [item["Cpu"] for item in items] == [80, 40, 32, 20, 10, 8, 4]
    whole = next(item for item in items if item["InstanceType"] == "GN7.2XLARGE32")
    assert (whole["Status"], whole["GpuCount"]) == ("SELL", 1.0)
    assert whole["Price"]["UnitPriceDiscount"] == pytest.approx(whole["Price"]["UnitPrice"] * 0.2)
    return answer


@use("cvm", "InquiryPriceRunInstances")
def inquiry_price_run_instances(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("cvm", "InquiryPriceRunInstances", **launch_request())
    assert answer["Price"]["InstancePrice"]["UnitPriceDiscount"] == pytest.approx(1.736)
    assert answer["Price"]["InstancePrice"]["Discount"] == 20
    return answer


@use("cvm", "DescribeZones")
def describe_zones(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("cvm", "DescribeZones")
    assert ZONE in [zone["Zone"] for zone in answer["ZoneSet"]]
    return answer


@use("cvm", "DescribeRegions")
def describe_regions(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("cvm", "DescribeRegions")
    assert "ap-nanjing" in [region["Region"] for region in answer["RegionSet"]]
    return answer


@use("cvm", "DescribeInternetChargeTypeConfigs")
def describe_internet_charge_type_configs(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("cvm", "DescribeInternetChargeTypeConfigs")
    assert answer["InternetChargeTypeConfigSet"][0]["InternetChargeType"] == "TRAFFIC_POSTPAID_BY_HOUR"
    return answer


@use("cvm", "DescribeAccountQuota")
def describe_account_quota(cloud: Any) -> dict[str, Any]:
    cloud.launch()
    answer = cloud.call("cvm", "DescribeAccountQuota", Filters=[{"Name": "zone", "Values": [ZONE]}])
    quota = answer["AccountQuotaOverview"]["AccountQuota"]["SpotPaidQuotaSet"]
    assert quota == [{"UsedQuota": 8, "RemainingQuota": 42, "TotalQuota": 50, "Zone": ZONE}]
    return answer


# --- cbs -----------------------------------------------------------------------------------------------------------


def data_disk(cloud: Any, **changes: Any) -> str:
    request = {
        "Placement": {"Zone": ZONE},
        "DiskChargeType": "POSTPAID_BY_HOUR",
        "DiskType": "CLOUD_SSD",
        "DiskSize": 20,
        "DiskName": "data",
        **changes,
    }
    return str(cloud.call("cbs", "CreateDisks", **request)["DiskIdSet"][0])


def disk_state(cloud: Any, disk_id: str) -> str:
    found = cloud.call("cbs", "DescribeDisks", DiskIds=[disk_id])["DiskSet"]
    return found[0]["DiskState"] if found else "gone"


def attached(cloud: Any) -> tuple[str, str]:
    instance_id, disk_id = cloud.running(), data_disk(cloud)
    cloud.call("cbs", "AttachDisks", InstanceId=instance_id, DiskIds=[disk_id])
    cloud.pass_time(5)
    return instance_id, disk_id


def snapshot(cloud: Any, disk_id: str) -> str:
    snapshot_id = cloud.call("cbs", "CreateSnapshot", DiskId=disk_id, SnapshotName="s")["SnapshotId"]
    cloud.pass_time(200)
    return str(snapshot_id)


@use("cbs", "CreateDisks")
def create_disks(cloud: Any) -> dict[str, Any]:
    answer = cloud.call(
        "cbs",
        "CreateDisks",
        Placement={"Zone": ZONE},
        DiskChargeType="POSTPAID_BY_HOUR",
        DiskType="CLOUD_PREMIUM",
        DiskSize=50,
        DiskCount=2,
        ClientToken="once",
    )
    assert len(answer["DiskIdSet"]) == 2
    again = cloud.call(
        "cbs",
        "CreateDisks",
        Placement={"Zone": ZONE},
        DiskChargeType="POSTPAID_BY_HOUR",
        DiskType="CLOUD_PREMIUM",
        DiskSize=50,
        DiskCount=2,
        ClientToken="once",
    )
    assert again["DiskIdSet"] == answer["DiskIdSet"]
    return answer


@use("cbs", "DescribeDisks")
def describe_disks(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.launch()
    answer = cloud.call("cbs", "DescribeDisks", Filters=[{"Name": "instance-id", "Values": [instance_id]}])
    assert [disk["DiskUsage"] for disk in answer["DiskSet"]] == ["SYSTEM_DISK"]
    return answer


@use("cbs", "AttachDisks")
def attach_disks(cloud: Any) -> dict[str, Any]:
    instance_id, disk_id = cloud.running(), data_disk(cloud)
    answer = cloud.call("cbs", "AttachDisks", InstanceId=instance_id, DiskIds=[disk_id])
    assert disk_state(cloud, disk_id) == "ATTACHING"
    cloud.pass_time(5)
    assert disk_state(cloud, disk_id) == "ATTACHED"
    return answer


@use("cbs", "DetachDisks")
def detach_disks(cloud: Any) -> dict[str, Any]:
    instance_id, disk_id = attached(cloud)
    answer = cloud.call("cbs", "DetachDisks", InstanceId=instance_id, DiskIds=[disk_id])
    cloud.pass_time(5)
    assert disk_state(cloud, disk_id) == "UNATTACHED"
    return answer


@use("cbs", "TerminateDisks")
def terminate_disks(cloud: Any) -> dict[str, Any]:
    disk_id = data_disk(cloud)
    answer = cloud.call("cbs", "TerminateDisks", DiskIds=[disk_id])
    assert disk_state(cloud, disk_id) == "TORECYCLE"
    assert cloud.control.meter().items == []
    cloud.call("cbs", "TerminateDisks", DiskIds=[disk_id])
    assert disk_state(cloud, disk_id) == "gone"
    return answer


@use("cbs", "ResizeDisk")
def resize_disk(cloud: Any) -> dict[str, Any]:
    disk_id = data_disk(cloud)
    answer = cloud.call("cbs", "ResizeDisk", DiskId=disk_id, DiskSize=30)
    assert cloud.control.disks()[0].size_gb == 30
    assert cloud.control.meter().hourly_cny == pytest.approx(30 * 0.0025)
    return answer


@use("cbs", "ModifyDiskAttributes")
def modify_disk_attributes(cloud: Any) -> dict[str, Any]:
    answer = cloud.call("cbs", "ModifyDiskAttributes", DiskIds=[data_disk(cloud)], DiskName="other")
    assert cloud.control.disks()[0].name == "other"
    return answer


@use("cbs", "ApplySnapshot")
def apply_snapshot(cloud: Any) -> dict[str, Any]:
    disk_id = data_disk(cloud)
    cloud.settle()
    file = cloud.server.cloud.drives.disk(disk_id) / "file"
    file.write_text("before", encoding="utf-8")
    snapshot_id = snapshot(cloud, disk_id)
    file.write_text("after", encoding="utf-8")
    answer = cloud.call("cbs", "ApplySnapshot", SnapshotId=snapshot_id, DiskId=disk_id)
    cloud.settle()
    assert file.read_text(encoding="utf-8") == "before"
    return answer


@use("cbs", "CreateSnapshot")
def create_snapshot(cloud: Any) -> dict[str, Any]:
    disk_id = data_disk(cloud)
    answer = cloud.call("cbs", "CreateSnapshot", DiskId=disk_id, SnapshotName="s")
    cloud.pass_time(100)
    assert cloud.control.snapshots()[0].state == "NORMAL"
    return answer


@use("cbs", "DescribeSnapshots")
def describe_snapshots(cloud: Any) -> dict[str, Any]:
    image_id = cloud.image(cloud.running())
    answer = cloud.call("cbs", "DescribeSnapshots")
    assert answer["SnapshotSet"][0]["Images"] == [{"ImageName": "kept", "ImageId": image_id}]
    return answer


@use("cbs", "DeleteSnapshots")
def delete_snapshots(cloud: Any) -> dict[str, Any]:
    cloud.image(cloud.running())
    snapshot_id = cloud.control.snapshots()[0].id
    answer = cloud.call("cbs", "DeleteSnapshots", SnapshotIds=[snapshot_id], DeleteBindImages=True)
    assert (cloud.control.images(), cloud.control.snapshots()) == ([], [])
    return answer


@use("cbs", "ModifySnapshotAttribute")
def modify_snapshot_attribute(cloud: Any) -> dict[str, Any]:
    snapshot_id = snapshot(cloud, data_disk(cloud))
    answer = cloud.call("cbs", "ModifySnapshotAttribute", SnapshotId=snapshot_id, SnapshotName="other")
    assert cloud.control.snapshots()[0].name == "other"
    return answer


@use("cbs", "DescribeSnapshotOverview")
def describe_snapshot_overview(cloud: Any) -> dict[str, Any]:
    cloud.image(cloud.running())
    cloud.control.set_settings(snapshot_free_gb=50)
    answer = cloud.call("cbs", "DescribeSnapshotOverview")
    assert (answer["TotalNums"], answer["TotalSize"], answer["FreeQuota"], answer["RealTradeSize"]) == (1, 60, 50, 10)
    return answer


@use("cbs", "DescribeDiskConfigQuota")
def describe_disk_config_quota(cloud: Any) -> dict[str, Any]:
    answer = cloud.call(
        "cbs",
        "DescribeDiskConfigQuota",
        InquiryType="INQUIRY_CVM_CONFIG",
        Zones=[ZONE],
        InstanceFamilies=["GN7"],
        DiskTypes=["CLOUD_SSD"],
        DiskUsage="SYSTEM_DISK",
    )
    config = answer["DiskConfigSet"][0]
    assert (config["MinDiskSize"], config["MaxDiskSize"], config["StepSize"]) == (20, 2048, 1)
    return answer


@use("cbs", "InquiryPriceCreateDisks")
def inquiry_price_create_disks(cloud: Any) -> dict[str, Any]:
    answer = cloud.call(
        "cbs", "InquiryPriceCreateDisks", DiskChargeType="POSTPAID_BY_HOUR", DiskType="CLOUD_SSD", DiskSize=75
    )
    assert float(answer["DiskPrice"]["UnitPriceHigh"]) == pytest.approx(75 * 0.0025)
    return answer


# --- vpc -----------------------------------------------------------------------------------------------------------

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


# --- tag and tat ---------------------------------------------------------------------------------------------------


def tags(cloud: Any, instance_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.call(
        "tag",
        "DescribeResourceTagsByResourceIds",
        ServiceType="cvm",
        ResourcePrefix="instance",
        ResourceIds=[instance_id],
        ResourceRegion="ap-guangzhou",
    )
    return answer


@use("tag", "DescribeResourceTagsByResourceIds")
def describe_resource_tags_by_resource_ids(cloud: Any) -> dict[str, Any]:
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "project", "Value": "chatglm"}]}]
    answer = tags(cloud, cloud.launch(TagSpecification=specification))
    assert (answer["Tags"][0]["TagKey"], answer["Tags"][0]["TagValue"]) == ("project", "chatglm")
    return answer


@use("tag", "ModifyResourceTags")
def modify_resource_tags(cloud: Any) -> dict[str, Any]:
    specification = [
        {"ResourceType": "instance", "Tags": [{"Key": "old", "Value": "1"}, {"Key": "stays", "Value": "2"}]}
    ]
    instance_id = cloud.launch(TagSpecification=specification)
    answer = cloud.call(
        "tag",
        "ModifyResourceTags",
        Resource=f"qcs::cvm:ap-guangzhou:uin/:instance/{instance_id}",
        ReplaceTags=[{"TagKey": "new", "TagValue": "3"}],
        DeleteTags=[{"TagKey": "old"}],
    )
    found = {tag["TagKey"]: tag["TagValue"] for tag in tags(cloud, instance_id)["Tags"]}
    assert found == {"stays": "2", "new": "3"}
    return answer


@use("tat", "RunCommand")
def run_command(cloud: Any) -> dict[str, Any]:
    content = base64.b64encode(b"Get-Date").decode()
    answer = cloud.call("tat", "RunCommand", Content=content, InstanceIds=[cloud.running()], CommandType="POWERSHELL")
    assert answer["InvocationId"].startswith("inv-")
    return answer


@use("tat", "DescribeInvocationTasks")
def describe_invocation_tasks(cloud: Any) -> dict[str, Any]:
    run_command(cloud)
    answer = cloud.call("tat", "DescribeInvocationTasks")
    task = answer["InvocationTaskSet"][0]
    assert task["TaskStatus"] == "START_FAILED"
    assert "does not run TAT commands" in task["ErrorInfo"]
    return answer


@use("tat", "DescribeAutomationAgentStatus")
def describe_automation_agent_status(cloud: Any) -> dict[str, Any]:
    instance_id = cloud.running()
    answer = cloud.call("tat", "DescribeAutomationAgentStatus", InstanceIds=[instance_id])
    assert answer["AutomationAgentSet"][0]["AgentStatus"] == "Online"
    return answer


@pytest.mark.parametrize("name", sorted(all_actions()), ids="-".join)
def test_action(cloud: Any, name: tuple[str, str]) -> None:
    answer = USES[name](cloud)
    if answer:
        assert answer["RequestId"]
        assert set(answer) == set(fields_of(name[0], f"{name[1]}Response"))
