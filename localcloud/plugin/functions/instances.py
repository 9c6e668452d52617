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
#: Where each value stands in what the cloud tells; what it leaves out is an empty text, or 0.
_TEXTS = {
    "availabilityZone": "Placement.Zone",
    "camRoleName": "CamRoleName",
    "createTime": "CreatedTime",
    "dedicatedClusterId": "DedicatedClusterId",
    "expiredTime": "ExpiredTime",
    "imageId": "ImageId",
    "instanceChargeType": "InstanceChargeType",
    "instanceChargeTypePrepaidRenewFlag": "RenewFlag",
    "instanceId": "InstanceId",
    "instanceName": "InstanceName",
    "instanceType": "InstanceType",
    "internetChargeType": "InternetAccessible.InternetChargeType",
    "osName": "OsName",
    "status": "InstanceState",
    "subnetId": "VirtualPrivateCloud.SubnetId",
    "systemDiskId": "SystemDisk.DiskId",
    "systemDiskType": "SystemDisk.DiskType",
    "uuid": "Uuid",
    "vpcId": "VirtualPrivateCloud.VpcId",
}
_NUMBERS = {
    "cpu": "CPU",
    "internetMaxBandwidthOut": "InternetAccessible.InternetMaxBandwidthOut",
    "memory": "Memory",
    "projectId": "Placement.ProjectId",
    "systemDiskSize": "SystemDisk.DiskSize",
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
    told: Properties = {name: _read(machine, path) or "" for name, path in _TEXTS.items()}
    told |= {name: _read(machine, path) or 0 for name, path in _NUMBERS.items()}
    public, private = machine.get("PublicIpAddresses") or [], machine.get("PrivateIpAddresses") or []
    return told | {
        "allocatePublicIp": bool(public),
        "dataDisks": [_data_disk(disk) for disk in machine.get("DataDisks") or []],
        "privateIp": next(iter(private), ""),
        "publicIp": next(iter(public), ""),
        "securityGroups": machine.get("SecurityGroupIds") or [],
        "tags": {tag["Key"]: tag["Value"] for tag in machine.get("Tags") or []},
    }


def _read(machine: dict[str, Any], path: str) -> Any:
    """What stands at a place as `Placement.Zone`; None where it is left out."""
    group, _, name = path.rpartition(".")
    return ((machine.get(group) or {}) if group else machine).get(name)


def _data_disk(disk: dict[str, Any]) -> Properties:
    return {
        "dataDiskId": disk.get("DiskId") or "",
        "dataDiskSize": disk.get("DiskSize") or 0,
        "dataDiskType": disk.get("DiskType") or "",
        "deleteWithInstance": bool(disk.get("DeleteWithInstance")),
    }
