"""`tencentcloud.instances.get_instance`: machines that match."""

from __future__ import annotations

from typing import Any

from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties
from localcloud.plugin.functions.result import list_id

_PAGE = 100
_FILTERS = {
    "instanceId": "instance-id",
    "instanceName": "instance-name",
    "availabilityZone": "zone",
    "projectId": "project-id",
    "vpcId": "vpc-id",
    "subnetId": "subnet-id",
    "dedicatedClusterId": "dedicated-cluster-id",
}


def invoke(api: Api, arguments: Properties) -> Properties:
    """Filters in the cloud: by the arguments given and by tags."""
    wanted = {_FILTERS[name]: str(value) for name, value in arguments.items() if name in _FILTERS}
    wanted |= {f"tag:{key}": value for key, value in (arguments.get("tags") or {}).items()}
    found = api.pages(
        "cvm",
        "DescribeInstances",
        "InstanceSet",
        _PAGE,
        InstanceIds=arguments.get("instanceSetIds") or None,
        Filters=[{"Name": name, "Values": [value]} for name, value in wanted.items()] or None,
    )
    machines = [_machine(machine) for machine in found]
    identifier = list_id(machine["instanceId"] for machine in machines)
    return {**arguments, "id": identifier, "instanceLists": machines}


def _machine(machine: dict[str, Any]) -> Properties:
    internet, network = machine.get("InternetAccessible") or {}, machine.get("VirtualPrivateCloud") or {}
    disk, place = machine.get("SystemDisk") or {}, machine.get("Placement") or {}
    public = machine.get("PublicIpAddresses") or []
    return {
        "allocatePublicIp": bool(public),
        "availabilityZone": place.get("Zone") or "",
        "camRoleName": machine.get("CamRoleName") or "",
        "cpu": machine.get("CPU") or 0,
        "createTime": machine.get("CreatedTime") or "",
        "dataDisks": [
            {
                "dataDiskId": item.get("DiskId") or "",
                "dataDiskSize": item.get("DiskSize") or 0,
                "dataDiskType": item.get("DiskType") or "",
                "deleteWithInstance": bool(item.get("DeleteWithInstance")),
            }
            for item in machine.get("DataDisks") or []
        ],
        "dedicatedClusterId": machine.get("DedicatedClusterId") or "",
        "expiredTime": machine.get("ExpiredTime") or "",
        "imageId": machine.get("ImageId") or "",
        "instanceChargeType": machine.get("InstanceChargeType") or "",
        "instanceChargeTypePrepaidRenewFlag": machine.get("RenewFlag") or "",
        "instanceId": machine["InstanceId"],
        "instanceName": machine.get("InstanceName") or "",
        "instanceType": machine.get("InstanceType") or "",
        "internetChargeType": internet.get("InternetChargeType") or "",
        "internetMaxBandwidthOut": internet.get("InternetMaxBandwidthOut") or 0,
        "memory": machine.get("Memory") or 0,
        "osName": machine.get("OsName") or "",
        "privateIp": next(iter(machine.get("PrivateIpAddresses") or []), ""),
        "projectId": place.get("ProjectId") or 0,
        "publicIp": next(iter(public), ""),
        "securityGroups": machine.get("SecurityGroupIds") or [],
        "status": machine.get("InstanceState") or "",
        "subnetId": network.get("SubnetId") or "",
        "systemDiskId": disk.get("DiskId") or "",
        "systemDiskSize": disk.get("DiskSize") or 0,
        "systemDiskType": disk.get("DiskType") or "",
        "tags": {tag["Key"]: tag["Value"] for tag in machine.get("Tags") or []},
        "uuid": machine.get("Uuid") or "",
        "vpcId": network.get("VpcId") or "",
    }
