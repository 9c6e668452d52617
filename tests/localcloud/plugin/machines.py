"""A machine as the API describes it, and a program's inputs for it."""

from __future__ import annotations

from typing import Any

URN = "urn:pulumi:dev::chatglm::tencentcloud:Instance/instance:Instance::gpu"
ID = "ins-1"

INPUTS: dict[str, Any] = {
    "allocatePublicIp": True,
    "availabilityZone": "ap-guangzhou-6",
    "disableAutomationService": False,
    "disableMonitorService": False,
    "disableSecurityService": False,
    "forceDelete": False,
    "hostname": "chatglm",
    "imageId": "img-1",
    "instanceChargeType": "SPOTPAID",
    "instanceName": "chatglm",
    "instanceType": "GN7.2XLARGE32",
    "orderlySecurityGroups": ["sg-1"],
    "password": "Abcdef12345!",
    "spotInstanceType": "ONE-TIME",
    "spotMaxPrice": "5.0",
    "systemDiskSize": 75,
    "systemDiskType": "CLOUD_SSD",
    "userDataReplaceOnChange": False,
}


def described(**changes: Any) -> dict[str, Any]:
    """The machine in DescribeInstances."""
    return {
        "InstanceId": ID,
        "InstanceState": "RUNNING",
        "LatestOperationState": "SUCCESS",
        "Placement": {"Zone": "ap-guangzhou-6", "ProjectId": 0},
        "InstanceType": "GN7.2XLARGE32",
        "InstanceName": "chatglm",
        "InstanceChargeType": "SPOTPAID",
        "InternetAccessible": {"InternetMaxBandwidthOut": 10},
        "VirtualPrivateCloud": {"VpcId": "vpc-1", "SubnetId": "subnet-1"},
        "SystemDisk": {"DiskId": "disk-1", "DiskType": "CLOUD_SSD", "DiskSize": 75},
        "LoginSettings": {},
        "SecurityGroupIds": ["sg-1"],
        "ImageId": "img-1",
        "CPU": 8,
        "Memory": 32,
        "PrivateIpAddresses": ["10.0.1.5"],
        "PublicIpAddresses": ["127.0.1.5"],
        **changes,
    }


def found(*machines: dict[str, Any]) -> dict[str, Any]:
    """An answer of DescribeInstances."""
    return {"TotalCount": len(machines), "InstanceSet": list(machines)}


READING: dict[str, Any] = {
    "DescribeImages": {"TotalCount": 1, "ImageSet": [{"ImageId": "img-1"}]},
    "DescribeResourceTagsByResourceIds": {"Tags": []},
    "DescribeDisks": {"DiskSet": [{"DiskId": "disk-1", "DiskName": "system", "DiskState": "ATTACHED"}]},
    "DescribeInstancesAttributes": {"InstanceSet": [{"Attributes": {"UserData": "aGk="}}]},
}
"""What the other calls of a read answer."""
