"""The request that launches a machine, from a program's inputs."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from localcloud.plugin import tags
from localcloud.plugin.api import OperationError, without_nones
from localcloud.plugin.encoding import Properties

POSTPAID = "POSTPAID_BY_HOUR"
_PREPAID = ("PREPAID", "UNDERWRITE")


def launch_request(wanted: Properties) -> dict[str, Any]:
    """The fields of RunInstances. The token in it makes a repeated request launch only one machine."""
    charge = wanted["instanceChargeType"] or POSTPAID
    raw = wanted["userDataRaw"]
    return without_nones(
        InstanceChargeType=wanted["instanceChargeType"] or None,
        InstanceChargePrepaid=_prepaid(wanted) if charge in _PREPAID else None,
        InstanceMarketOptions=_market(wanted) if charge == "SPOTPAID" else None,
        Placement=without_nones(Zone=wanted["availabilityZone"] or None, ProjectId=wanted["projectId"]) or None,
        DedicatedClusterId=wanted["dedicatedClusterId"] or None,
        InstanceType=wanted["instanceType"] or None,
        ImageId=wanted["imageId"] or None,
        SystemDisk=_system_disk(wanted),
        DataDisks=[_data_disk(disk, charge) for disk in wanted["dataDisks"] or []] or None,
        VirtualPrivateCloud=_network(wanted),
        InternetAccessible=_internet(wanted),
        InstanceName=wanted["instanceName"] or None,
        LoginSettings=login_settings(wanted),
        SecurityGroupIds=wanted["orderlySecurityGroups"] or wanted["securityGroups"] or None,
        EnhancedService=enhanced_service(wanted),
        ClientToken=base64.b64encode(secrets.token_bytes(16)).decode("ascii"),
        HostName=wanted["hostname"] or None,
        DisasterRecoverGroupIds=[wanted["placementGroupId"]] if wanted["placementGroupId"] else None,
        TagSpecification=tags.specification("instance", wanted["tags"]),
        UserData=base64.b64encode(raw.encode("utf-8")).decode("ascii") if raw else wanted["userData"] or None,
        CamRoleName=wanted["camRoleName"] or None,
        HpcClusterId=wanted["hpcClusterId"] or None,
        DisableApiTermination=wanted["disableApiTermination"],
        LaunchTemplate=without_nones(
            LaunchTemplateId=wanted["launchTemplateId"], LaunchTemplateVersion=wanted["launchTemplateVersion"]
        )
        or None,
    )


def enhanced_service(wanted: Properties) -> dict[str, Any] | None:
    """The agents to install: sent as enabled unless a program switches them off."""
    services = {
        "SecurityService": wanted["disableSecurityService"],
        "MonitorService": wanted["disableMonitorService"],
        "AutomationService": wanted["disableAutomationService"],
    }
    return {name: {"Enabled": not off} for name, off in services.items() if off is not None} or None


def login_settings(wanted: Properties) -> dict[str, Any] | None:
    """How one logs in: keys, a password, or as in the image."""
    keep = wanted["keepImageLogin"]
    settings = without_nones(
        KeyIds=wanted["keyIds"] or ([wanted["keyName"]] if wanted["keyName"] else None),
        Password=wanted["password"] or None,
        KeepImageLogin=None if keep is None else str(keep).upper(),
    )
    return settings or None


def _prepaid(wanted: Properties) -> dict[str, Any]:
    return without_nones(
        Period=wanted["instanceChargeTypePrepaidPeriod"] or None,
        RenewFlag=wanted["instanceChargeTypePrepaidRenewFlag"] or None,
    )


def _market(wanted: Properties) -> dict[str, Any] | None:
    kind, price = wanted["spotInstanceType"], wanted["spotMaxPrice"]
    if not (kind or price):
        return None
    options = without_nones(MaxPrice=price or None, SpotInstanceType=kind.lower() if kind else None)
    return {"MarketType": "spot", "SpotOptions": options}


def _system_disk(wanted: Properties) -> dict[str, Any] | None:
    disk = without_nones(
        DiskType=wanted["systemDiskType"] or None,
        DiskSize=wanted["systemDiskSize"],
        DiskId=wanted["systemDiskId"] or None,
        DiskName=wanted["systemDiskName"] or None,
    )
    return disk or None


def _data_disk(disk: Properties, charge: str) -> dict[str, Any]:
    if disk.get("deleteWithInstance") and charge != POSTPAID:
        raise OperationError(f"param `delete_with_instance` only can be true when `instance_charge_type` is {POSTPAID}")
    return without_nones(
        DiskType=disk["dataDiskType"],
        DiskSize=disk["dataDiskSize"],
        DiskName=disk.get("dataDiskName") or None,
        SnapshotId=disk.get("dataDiskSnapshotId") or None,
        DiskId=disk.get("dataDiskId") or None,
        DeleteWithInstance=disk.get("deleteWithInstance"),
        KmsKeyId=disk.get("kmsKeyId") or None,
        Encrypt=disk.get("encrypt"),
        ThroughputPerformance=disk.get("throughputPerformance"),
    )


def _network(wanted: Properties) -> dict[str, Any] | None:
    if not wanted["vpcId"]:
        return None
    return without_nones(
        VpcId=wanted["vpcId"],
        SubnetId=wanted["subnetId"] or None,
        PrivateIpAddresses=[wanted["privateIp"]] if wanted["privateIp"] else None,
        Ipv6AddressCount=wanted["ipv6AddressCount"],
    )


def _internet(wanted: Properties) -> dict[str, Any] | None:
    access = without_nones(
        InternetChargeType=wanted["internetChargeType"] or None,
        InternetMaxBandwidthOut=wanted["internetMaxBandwidthOut"],
        PublicIpAssigned=wanted["allocatePublicIp"],
        BandwidthPackageId=wanted["bandwidthPackageId"] or None,
        IPv4AddressType=wanted["ipv4AddressType"] or None,
        IPv6AddressType=wanted["ipv6AddressType"] or None,
        AntiDDoSPackageId=wanted["antiDdosPackageId"] or None,
    )
    return access or None
