"""What a request for machines asks for, checked: zone, type, image, disks and price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from localcloud import catalogue
from localcloud.call import Call
from localcloud.catalogue import DISK_TYPES, INSTANCE_TYPES, ZONES, disk_price
from localcloud.cloud import Cloud
from localcloud.errors import ApiError, missing
from localcloud.records import Image
from localcloud.rules import check_id

CHARGE_TYPES = ("POSTPAID_BY_HOUR", "SPOTPAID")
DEFAULT_TYPE = "S5.MEDIUM4"
DEFAULT_SYSTEM_DISK_GB = 50
MAX_INSTANCES_A_CALL = 100


@dataclass(frozen=True)
class DataDiskOrder:
    disk_type: str
    size_gb: int
    name: str
    snapshot_id: str
    delete_with_instance: bool


@dataclass(frozen=True)
class Order:
    """A checked request for machines."""

    zone: str
    instance_type: str
    charge_type: str
    image: Image
    disk_type: str
    disk_gb: int
    data_disks: tuple[DataDiskOrder, ...]
    count: int
    hourly: Decimal
    max_price: str


def read_order(cloud: Cloud, call: Call) -> Order:
    """Check everything about type, zone, image, disks and price. Raises ApiError for the first broken rule."""
    params = call.params
    zone = params["Placement"]["Zone"]
    instance_type = params.get("InstanceType", DEFAULT_TYPE)
    charge_type = params.get("InstanceChargeType", "POSTPAID_BY_HOUR")
    _check_zone_and_type(cloud, call.region, zone, instance_type)
    if charge_type not in CHARGE_TYPES:
        raise ApiError(
            "InvalidParameterValue",
            f"The local cloud sells {' and '.join(CHARGE_TYPES)}, not {charge_type[:40]}.",
        )
    count = params.get("InstanceCount", 1)
    if not 1 <= count <= MAX_INSTANCES_A_CALL:
        raise ApiError("InvalidParameterValue.Range", f"`InstanceCount` must be 1 to {MAX_INSTANCES_A_CALL}.")
    image = find_image(cloud, call.region, params["ImageId"])
    check_image_for_type(image, instance_type)
    disk_type, disk_gb = _system_disk(params, image)
    data_disks = _data_disks(cloud, call)
    hourly = cloud.billing.instance_price(zone, instance_type, charge_type) + disk_price(zone, disk_type, disk_gb)
    for disk in data_disks:
        hourly += disk_price(zone, disk.disk_type, disk.size_gb)
    max_price = _spot_bid(cloud, params, zone, instance_type, charge_type)
    return Order(zone, instance_type, charge_type, image, disk_type, disk_gb, data_disks, count, hourly, max_price)


def find_image(cloud: Cloud, region: str, image_id: str) -> Image:
    """The image that a machine is to be made of. Raises ApiError when it is malformed, unknown or not NORMAL."""
    check_id("ImageId", image_id, "img", "InvalidImageId.Malformed")
    for image in cloud.images(region):
        if image.image_id == image_id:
            if image.state != "NORMAL":
                raise ApiError("InvalidImageId.IncorrectState", f"The image {image_id} is {image.state}, not NORMAL.")
            return image
    raise ApiError("InvalidImageId.NotFound", f"The image {image_id} does not exist in {region}.")


def check_image_for_type(image: Image, instance_type: str) -> None:
    """vGPU types run Linux only (GPU 云服务器 计算型实例). Raises ApiError."""
    if image.platform == "Windows" and not INSTANCE_TYPES[instance_type].runs_windows:
        raise ApiError(
            "InvalidParameterValue.InvalidImageForGivenInstanceType",
            f"{instance_type} has a part of a GPU and runs Linux only; {image.name} is Windows.",
        )


def check_disk_size(disk_type: str, size_gb: int, system: bool) -> None:
    """Raise ApiError for a type that is not sold or a size off its limits and steps."""
    kind = DISK_TYPES.get(disk_type)
    if kind is None:
        raise ApiError(
            "InvalidParameter.InvalidCloudDiskSoldOut" if system else "InvalidParameter.DiskConfigNotSupported",
            f"The disk type {disk_type[:40]} is not sold here; {', '.join(DISK_TYPES)} are.",
        )
    low, high, step = (
        (kind.system_min, kind.system_max, 1) if system else (kind.data_min, kind.data_max, kind.data_step)
    )
    if not low <= size_gb <= high or (size_gb - low) % step:
        raise ApiError(
            "InvalidParameterValue.Range",
            f"A {disk_type} {'system' if system else 'data'} disk has {low} to {high} GB in steps of {step}, "
            f"not {size_gb}.",
        )


def _check_zone_and_type(cloud: Cloud, region: str, zone: str, instance_type: str) -> None:
    if zone not in ZONES:
        raise ApiError("InvalidParameterValue.ZoneNotSupported", f"The zone {zone[:40]} is not supported.")
    if ZONES[zone].region != region:
        raise ApiError("InvalidZone.MismatchRegion", f"The zone {zone} is not in the region {region}.")
    if "." not in instance_type:
        raise ApiError(
            "InvalidInstanceType.Malformed", f"The instance type {instance_type[:40]!r} is not like GN7.2XLARGE32."
        )
    if instance_type not in INSTANCE_TYPES:
        raise ApiError("InvalidParameterValue.InstanceTypeNotFound", f"There is no instance type {instance_type[:40]}.")
    if not catalogue.is_offered(zone, instance_type):
        raise ApiError("ResourceNotFound.InvalidZoneInstanceType", f"{instance_type} is not offered in {zone}.")
    if is_sold_out(cloud, zone, instance_type):
        raise ApiError(
            "ResourcesSoldOut.SpecifiedInstanceType", f"The instance type {instance_type} is sold out in {zone}."
        )


def is_sold_out(cloud: Cloud, zone: str, instance_type: str) -> bool:
    offer = cloud.db.offers.get(f"{zone}/{instance_type}")
    return offer is not None and offer.status == "SOLD_OUT"


def _system_disk(params: dict[str, Any], image: Image) -> tuple[str, int]:
    wanted = params.get("SystemDisk") or {}
    disk_type = wanted.get("DiskType", "CLOUD_PREMIUM")
    size_gb = wanted.get("DiskSize", DEFAULT_SYSTEM_DISK_GB)
    check_disk_size(disk_type, size_gb, system=True)
    if size_gb < image.size_gb:
        raise ApiError(
            "InvalidParameterValue",
            f"The system disk of {size_gb} GB is smaller than the image {image.image_id} of {image.size_gb} GB.",
        )
    return disk_type, size_gb


def _data_disks(cloud: Cloud, call: Call) -> tuple[DataDiskOrder, ...]:
    orders = []
    for disk in call.params.get("DataDisks") or []:
        if "DiskSize" not in disk:
            raise missing("DataDisks.DiskSize")
        order = DataDiskOrder(
            disk.get("DiskType", "CLOUD_PREMIUM"),
            disk["DiskSize"],
            disk.get("DiskName", ""),
            disk.get("SnapshotId", ""),
            disk.get("DeleteWithInstance", True),
        )
        check_disk_size(order.disk_type, order.size_gb, system=False)
        if order.snapshot_id:
            snapshot = cloud.db.snapshots.get(order.snapshot_id)
            if snapshot is None or snapshot.region != call.region:
                raise ApiError("InvalidParameter.SnapshotNotFound", f"No snapshot {order.snapshot_id[:60]}.")
            if order.size_gb < snapshot.size_gb:
                raise ApiError(
                    "FailedOperation.SnapshotSizeLargerThanDataSize",
                    f"The snapshot has {snapshot.size_gb} GB, the disk {order.size_gb}.",
                )
        orders.append(order)
    return tuple(orders)


def _spot_bid(cloud: Cloud, params: dict[str, Any], zone: str, instance_type: str, charge_type: str) -> str:
    market = params.get("InstanceMarketOptions")
    if charge_type != "SPOTPAID":
        if market:
            raise ApiError(
                "InvalidParameter.ParameterConflict", "`InstanceMarketOptions` needs InstanceChargeType SPOTPAID."
            )
        return ""
    options = (market or {}).get("SpotOptions") or {}
    kind = options.get("SpotInstanceType", "one-time")
    if kind != "one-time":
        raise ApiError("InvalidParameterValue", f"`SpotInstanceType` must be one-time, not {kind[:40]}.")
    bid: str = options.get("MaxPrice", "")
    if not bid:
        return ""
    try:
        price = Decimal(bid)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price <= 0:
        raise ApiError("InvalidParameterValue", f"`MaxPrice` must be a price such as 1.80, not {bid[:40]!r}.")
    now = cloud.billing.market_price(zone, instance_type)
    if price < now:
        raise ApiError(
            "InvalidParameterValue.InsufficientPrice",
            f"The market price of {instance_type} in {zone} is {now} CNY an hour; the maximum given is {bid}.",
        )
    return bid


def check_balance(cloud: Cloud, now: float, hourly: Decimal) -> None:
    """An hour's price is frozen at the purchase: what is not spent or frozen must cover it. Raises ApiError."""
    meter = cloud.billing.meter(now)
    settings = cloud.db.settings
    spent = meter.total - Decimal(str(settings.balance_spent_before))
    frozen = sum((item.hourly for item in meter.items if item.kind != "snapshot"), Decimal(0))
    free = Decimal(str(settings.balance_cny)) - spent - frozen
    if free < hourly:
        raise ApiError(
            "InvalidAccount.InsufficientBalance",
            f"An hour of this costs {hourly:.4f} CNY, which is frozen at the purchase; {free:.2f} CNY are free.",
        )
