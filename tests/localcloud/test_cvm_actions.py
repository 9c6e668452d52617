"""Every action of the machines' service, called through the official SDK's own client and models."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from .conftest import LINUX_IMAGE, WINDOWS_IMAGE, ZONE, launch_request
from .uses import actions_of, check_use, use


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


def test_inline_data_disks_tell_all_that_the_official_plugin_reads(cloud: Any) -> None:
    disk = {"DiskType": "CLOUD_PREMIUM", "DiskSize": 50, "DeleteWithInstance": False, "DiskName": "data"}
    [found] = cloud.instance(cloud.launch(DataDisks=[disk]))["DataDisks"]
    assert None not in [found[name] for name in ("ThroughputPerformance", "SnapshotId", "KmsKeyId", "BurstPerformance")]
    assert found["DiskName"] == "data"


def test_a_quota_can_be_used_to_its_last_unit_and_not_beyond(cloud: Any) -> None:
    cloud.control.set_quota("spot_vcpu", 16)
    cloud.launch(InstanceCount=2)
    assert cloud.error("cvm", "RunInstances", **launch_request()) == "LimitExceeded.SpotQuota"
    cloud.control.set_quota("instance", 3)
    cloud.launch(InstanceChargeType="POSTPAID_BY_HOUR")
    request = {**launch_request(), "InstanceChargeType": "POSTPAID_BY_HOUR"}
    assert cloud.error("cvm", "RunInstances", **request) == "LimitExceeded.CvmInstanceQuota"


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


@use("cvm", "CreateKeyPair")
def create_key_pair(cloud: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.call("cvm", "CreateKeyPair", KeyName="mine", ProjectId=0)
    assert answer["KeyPair"]["PublicKey"].startswith("ssh-rsa ")
    assert "PRIVATE KEY" in answer["KeyPair"]["PrivateKey"]
    return answer


@use("cvm", "ImportKeyPair")
def import_key_pair(cloud: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.call("cvm", "ImportKeyPair", KeyName="mine", ProjectId=0, PublicKey="ssh-rsa AAAA")
    login = {"KeyIds": [answer["KeyId"]]}
    assert cloud.launch(ImageId=LINUX_IMAGE, LoginSettings=login, HostName=None).startswith("ins-")
    return answer


@use("cvm", "DescribeKeyPairs")
def describe_key_pairs(cloud: Any) -> dict[str, Any]:
    cloud.call("cvm", "ImportKeyPair", KeyName="mine", ProjectId=0, PublicKey="ssh-rsa AAAA")
    answer: dict[str, Any] = cloud.call("cvm", "DescribeKeyPairs")
    assert [(pair["KeyName"], pair["PrivateKey"]) for pair in answer["KeyPairSet"]] == [("mine", None)]
    return answer


@use("cvm", "DeleteKeyPairs")
def delete_key_pairs(cloud: Any) -> dict[str, Any]:
    made = cloud.call("cvm", "ImportKeyPair", KeyName="mine", ProjectId=0, PublicKey="ssh-rsa AAAA")
    answer: dict[str, Any] = cloud.call("cvm", "DeleteKeyPairs", KeyIds=[made["KeyId"]])
    assert cloud.call("cvm", "DescribeKeyPairs")["TotalCount"] == 0
    return answer


@use("cvm", "DescribeInstanceVncUrl")
def describe_instance_vnc_url(cloud: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.call("cvm", "DescribeInstanceVncUrl", InstanceId=cloud.running())
    assert answer["InstanceVncUrl"].startswith("wss")
    return answer


@use("cvm", "DescribeInstanceTypeConfigs")
def describe_instance_type_configs(cloud: Any) -> dict[str, Any]:
    wanted = [{"Name": "zone", "Values": [ZONE]}, {"Name": "instance-family", "Values": ["GN7"]}]
    answer: dict[str, Any] = cloud.call("cvm", "DescribeInstanceTypeConfigs", Filters=wanted)
    assert {(one["Zone"], one["InstanceFamily"]) for one in answer["InstanceTypeConfigSet"]} == {(ZONE, "GN7")}
    return answer


@pytest.mark.parametrize(("service", "action"), actions_of("cvm"))
def test_action(cloud: Any, service: str, action: str) -> None:
    check_use(cloud, service, action)
