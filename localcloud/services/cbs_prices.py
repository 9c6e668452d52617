"""Prices of disks."""

from __future__ import annotations

from typing import Any

from localcloud.call import Call
from localcloud.catalogue import DISK_TYPES, ZONES, disk_price
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.registry import action
from localcloud.services.cbs_disks import MAX_DISKS_A_CALL


@action("cbs", "InquiryPriceCreateDisks", "DiskChargeType", "DiskType", "DiskSize")
def inquire_disk_price(_: Cloud, call: Call) -> dict[str, Any]:
    """The hourly price of disks of one size, in the precise form too. Monthly payment is not sold here."""
    params = call.params
    if params["DiskChargeType"] != "POSTPAID_BY_HOUR" or params["DiskType"] not in DISK_TYPES:
        raise ApiError("InvalidParameterValue", "`DiskChargeType` or `DiskType` is not sold here.")
    count = params.get("DiskCount") or 1
    if not (1 <= params["DiskSize"] <= DISK_TYPES[params["DiskType"]].data_max and 1 <= count <= MAX_DISKS_A_CALL):
        raise ApiError("InvalidParameterValue", "`DiskSize` or `DiskCount` is out of its limits.")
    zone = next(zone.name for zone in ZONES.values() if zone.region == call.region)
    price = disk_price(zone, params["DiskType"], params["DiskSize"]) * count
    told = {"UnitPrice": float(round(price, 2)), "UnitPriceDiscount": float(round(price, 2)), "ChargeUnit": "HOUR"}
    return {"DiskPrice": {**told, "UnitPriceHigh": str(price), "UnitPriceDiscountHigh": str(price)}}
