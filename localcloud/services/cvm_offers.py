"""What can be bought where, and the lists of regions and zones."""

from __future__ import annotations

from typing import Any

from localcloud.call import Call
from localcloud.catalogue import FAMILY_ZONES, INSTANCE_TYPES, REGIONS, ZONES, InstanceType
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.query import select
from localcloud.registry import action
from localcloud.services.cvm_orders import CHARGE_TYPES, is_sold_out, read_order

_SORT_KEYS = {"cpu": lambda item: item["Cpu"], "mem": lambda item: item["Memory"]}


def _item(cloud: Cloud, zone: str, kind: InstanceType, charge_type: str) -> dict[str, Any]:
    sold_out = is_sold_out(cloud, zone, kind.name)
    listed = cloud.billing.list_price(zone, kind.name)
    paid = cloud.billing.instance_price(zone, kind.name, charge_type)
    return {
        "Zone": zone,
        "InstanceType": kind.name,
        "InstanceChargeType": charge_type,
        "NetworkCard": 0,
        "Externals": {},
        "Cpu": kind.cpus,
        "Memory": kind.memory_gb,
        "InstanceFamily": kind.family,
        "TypeName": kind.title,
        "LocalDiskTypeList": [],
        "Status": "SOLD_OUT" if sold_out else "SELL",
        "Price": {
            "UnitPrice": float(listed),
            "UnitPriceDiscount": float(paid),
            "Discount": float(round(paid * 100 / listed, 2)) if listed else 100.0,
            "ChargeUnit": "HOUR",
        },
        "SoldOutReason": "no stock" if sold_out else "",
        "InstanceBandwidth": 5.0,
        "InstancePps": 50,
        "StorageBlockAmount": 0,
        "CpuType": "Intel Xeon Cascade Lake",
        "Gpu": int(kind.gpus),
        "Fpga": 0,
        "Remark": "",
        "GpuCount": float(kind.gpus),
        "Frequency": "2.5GHz",
        "StatusCategory": "WithoutStock" if sold_out else "EnoughStock",
    }


@action("cvm", "DescribeZoneInstanceConfigInfos")
def describe_zone_instance_config_infos(cloud: Cloud, call: Call) -> dict[str, Any]:
    filters = call.params.get("Filters") or []
    sort_keys = [key for entry in filters if entry.get("Name") == "sort-keys" for key in entry.get("Values") or []]
    offers = [
        (zone, INSTANCE_TYPES[name], charge_type)
        for zone in ZONES
        if ZONES[zone].region == call.region
        for name in INSTANCE_TYPES
        if zone in FAMILY_ZONES[INSTANCE_TYPES[name].family]
        for charge_type in CHARGE_TYPES
    ]
    found = select(
        {"Filters": [entry for entry in filters if entry.get("Name") != "sort-keys"]},
        offers,
        {
            "zone": lambda o: o[0],
            "instance-family": lambda o: o[1].family,
            "instance-type": lambda o: o[1].name,
            "instance-charge-type": lambda o: o[2],
        },
    )
    items = [_item(cloud, *offer) for offer in found]
    for key in reversed(sort_keys):
        name, _, order = key.partition(":")
        if name not in _SORT_KEYS or order not in ("asc", "desc", ""):
            raise ApiError("InvalidParameterValue", f"`sort-keys` are like cpu:desc or mem:asc, not {key[:40]!r}.")
        items.sort(key=_SORT_KEYS[name], reverse=order == "desc")
    return {"InstanceTypeQuotaSet": items}


@action("cvm", "DescribeInstanceTypeConfigs")
def describe_instance_type_configs(cloud: Cloud, call: Call) -> dict[str, Any]:  # noqa: ARG001
    """The types that the region's zones have, in stock or not."""
    offers = [
        (zone, kind)
        for zone in ZONES
        if ZONES[zone].region == call.region
        for kind in INSTANCE_TYPES.values()
        if zone in FAMILY_ZONES[kind.family]
    ]
    found = select(
        call.params,
        offers,
        {
            "zone": lambda o: o[0],
            "instance-family": lambda o: o[1].family,
            "instance-type": lambda o: o[1].name,
        },
    )
    return {
        "InstanceTypeConfigSet": [
            {
                "Zone": zone,
                "InstanceType": kind.name,
                "InstanceFamily": kind.family,
                "GPU": int(kind.gpus),
                "CPU": kind.cpus,
                "Memory": kind.memory_gb,
                "FPGA": 0,
                "GpuCount": float(kind.gpus),
            }
            for zone, kind in found
        ]
    }


@action("cvm", "InquiryPriceRunInstances", "Placement.Zone", "ImageId")
def inquiry_price_run_instances(cloud: Cloud, call: Call) -> dict[str, Any]:
    order = read_order(cloud, call)
    listed = cloud.billing.list_price(order.zone, order.instance_type)
    paid = cloud.billing.instance_price(order.zone, order.instance_type, order.charge_type)
    instance_price = {
        "UnitPrice": float(listed * order.count),
        "UnitPriceDiscount": float(paid * order.count),
        "Discount": float(paid * 100 / listed) if listed else 100.0,
        "ChargeUnit": "HOUR",
    }
    # No public price per GB of traffic was found, so this cloud does not charge for it.
    bandwidth = {"UnitPrice": 0.0, "UnitPriceDiscount": 0.0, "Discount": 100.0, "ChargeUnit": "GB"}
    return {"Price": {"InstancePrice": instance_price, "BandwidthPrice": bandwidth}}


@action("cvm", "DescribeZones")
def describe_zones(cloud: Cloud, call: Call) -> dict[str, Any]:  # noqa: ARG001
    zones = [
        {"Zone": zone.name, "ZoneName": zone.title, "ZoneId": zone.zone_id, "ZoneState": "AVAILABLE"}
        for zone in ZONES.values()
        if zone.region == call.region
    ]
    return {"TotalCount": len(zones), "ZoneSet": zones}


@action("cvm", "DescribeRegions")
def describe_regions(cloud: Cloud, call: Call) -> dict[str, Any]:  # noqa: ARG001
    regions = [
        {"Region": region.name, "RegionName": region.title, "RegionState": "AVAILABLE"} for region in REGIONS.values()
    ]
    return {"TotalCount": len(regions), "RegionSet": regions}


@action("cvm", "DescribeInternetChargeTypeConfigs")
def describe_internet_charge_type_configs(cloud: Cloud, call: Call) -> dict[str, Any]:  # noqa: ARG001
    kinds = {
        "TRAFFIC_POSTPAID_BY_HOUR": "Bill by traffic",
        "BANDWIDTH_POSTPAID_BY_HOUR": "Bill by bandwidth per hour",
    }
    return {
        "InternetChargeTypeConfigSet": [
            {"InternetChargeType": kind, "Description": text} for kind, text in kinds.items()
        ]
    }


@action("cvm", "DescribeAccountQuota")
def describe_account_quota(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The spot and image quotas; filters `zone` and `quota-type` are accepted."""
    settings = cloud.db.settings
    zones = [zone.name for zone in ZONES.values() if zone.region == call.region]
    for entry in call.params.get("Filters") or []:
        if entry.get("Name") == "zone":
            zones = [zone for zone in zones if zone in (entry.get("Values") or [])]
    spot = []
    for zone in zones:
        used = sum(
            INSTANCE_TYPES[item.instance_type].cpus
            for item in cloud.db.instances
            if item.zone == zone and item.charge_type == "SPOTPAID" and item.state != "LAUNCH_FAILED"
        )
        total = settings.spot_vcpu_quota
        spot.append({"Zone": zone, "UsedQuota": used, "RemainingQuota": max(0, total - used), "TotalQuota": total})
    images = sum(1 for image in cloud.db.images if image.region == call.region)
    return {
        "AppId": cloud.identities.account(call.caller.account).app_id,
        "AccountQuotaOverview": {
            "Region": call.region,
            "AccountQuota": {
                "SpotPaidQuotaSet": spot,
                "ImageQuotaSet": [{"UsedQuota": images, "TotalQuota": settings.image_quota}],
            },
        },
    }
