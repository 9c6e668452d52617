"""`tencentcloud.instance.get_types`: machine types that are for sale, and whether they are in stock."""

from __future__ import annotations

from typing import Any

from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties
from localcloud.plugin.functions.result import list_id

_SOLD_OUT = "SOLD_OUT"


def invoke(api: Api, arguments: Properties) -> Properties:
    """Filters by zone, family and charge type in the cloud, by size and stock here."""
    filters = {entry["name"]: entry["values"] for entry in arguments.get("filters") or []}
    if arguments.get("availabilityZone"):
        filters["zone"] = [arguments["availabilityZone"]]
    listed = [{"Name": name, "Values": values} for name, values in filters.items()]
    answer = api.read("cvm", "DescribeZoneInstanceConfigInfos", Filters=listed or None)
    types = [_type(item) for item in answer.get("InstanceTypeQuotaSet") or [] if _fits(item, arguments)]
    if "cbsFilter" in arguments:
        for item in types:
            item["cbsConfigs"] = _disks(api, item, arguments["cbsFilter"])
    return {
        "excludeSoldOut": False,
        **arguments,
        "id": list_id(item["instanceType"] for item in types),
        "instanceTypes": types,
    }


def _fits(item: dict[str, Any], arguments: Properties) -> bool:
    wanted = {"Cpu": "cpuCoreCount", "Gpu": "gpuCoreCount", "Memory": "memorySize"}
    sizes_fit = all(
        not arguments.get(argument) or item.get(key) == arguments[argument] for key, argument in wanted.items()
    )
    return sizes_fit and not (arguments.get("excludeSoldOut") and item.get("Status") == _SOLD_OUT)


def _type(item: dict[str, Any]) -> Properties:
    return {
        "availabilityZone": item.get("Zone") or "",
        "cbsConfigs": [],
        "cpuCoreCount": item.get("Cpu") or 0,
        "family": item.get("InstanceFamily") or "",
        "gpuCoreCount": item.get("Gpu") or 0,
        "instanceChargeType": item.get("InstanceChargeType") or "",
        "instanceType": item.get("InstanceType") or "",
        "memorySize": item.get("Memory") or 0,
        "status": item.get("Status") or "",
    }


def _disks(api: Api, item: Properties, wanted: Properties) -> list[Properties]:
    answer = api.read(
        "cbs",
        "DescribeDiskConfigQuota",
        InquiryType="INQUIRY_CVM_CONFIG",
        Zones=[item["availabilityZone"]],
        InstanceFamilies=[item["family"]],
        CPU=item["cpuCoreCount"],
        Memory=item["memorySize"],
        DiskTypes=wanted.get("diskTypes") or None,
        DiskChargeType=wanted.get("diskChargeType") or None,
        DiskUsage=wanted.get("diskUsage") or None,
    )
    return [
        {
            "available": bool(config.get("Available")),
            "deviceClass": config.get("DeviceClass") or "",
            "diskChargeType": config.get("DiskChargeType") or "",
            "diskType": config.get("DiskType") or "",
            "diskUsage": config.get("DiskUsage") or "",
            "extraPerformanceRanges": config.get("ExtraPerformanceRange") or [],
            "instanceFamily": config.get("InstanceFamily") or "",
            "maxDiskSize": config.get("MaxDiskSize") or 0,
            "minDiskSize": config.get("MinDiskSize") or 0,
            "stepSize": config.get("StepSize") or 0,
            "zone": config.get("Zone") or "",
        }
        for config in answer.get("DiskConfigSet") or []
    ]
