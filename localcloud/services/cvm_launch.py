"""RunInstances and its price inquiry: every rule that can refuse a launch, then the launch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from localcloud import catalogue
from localcloud.catalogue import DISK_TYPES, INSTANCE_TYPES, ZONES, disk_price
from localcloud.cloud import Cloud
from localcloud.errors import ApiError, missing
from localcloud.records import ClientToken, Disk, Image, Instance
from localcloud.registry import Call, OnlyRequestId, action
from localcloud.rules import check_host_name, check_id, check_length, check_password, check_user_data
from localcloud.services.addresses import free_private_address, free_public_address
from localcloud.services.tags import read_tag_specification
from localcloud.services.vpc_networks import default_subnet
from localcloud.services.vpc_security_groups import default_security_group

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


@action("cvm", "RunInstances", "Placement.Zone", "ImageId")
def run_instances(cloud: Cloud, call: Call) -> dict[str, Any]:
    token = call.params.get("ClientToken", "")
    check_length("ClientToken", token, 64, "InvalidClientToken.TooLong")
    key = f"{call.region}/{token}"
    given = cloud.db.client_tokens.get(key) if token else None
    if given is not None:
        return {"InstanceIdSet": list(given.ids)}
    order = read_order(cloud, call)
    prototype = _prototype(cloud, call, order)
    _check_quotas(cloud, call, order)
    if call.params.get("DryRun"):
        return OnlyRequestId()
    ids = [_launch(cloud, call, order, prototype, index) for index in range(order.count)]
    if token:
        cloud.db.client_tokens.put(ClientToken(key, tuple(ids)))
    return {"InstanceIdSet": ids}


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
    data_disks = _data_disks(cloud, params)
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


def _data_disks(cloud: Cloud, params: dict[str, Any]) -> tuple[DataDiskOrder, ...]:
    orders = []
    for disk in params.get("DataDisks") or []:
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
            if snapshot is None:
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


def _check_quotas(cloud: Cloud, call: Call, order: Order) -> None:
    settings = cloud.db.settings
    living = [item for item in cloud.db.instances if item.state != "LAUNCH_FAILED"]
    if order.charge_type == "SPOTPAID":
        used = sum(
            INSTANCE_TYPES[item.instance_type].cpus
            for item in living
            if item.zone == order.zone and item.charge_type == "SPOTPAID"
        )
        wanted = INSTANCE_TYPES[order.instance_type].cpus * order.count
        if used + wanted > settings.spot_vcpu_quota:
            raise ApiError(
                "LimitExceeded.SpotQuota",
                f"Spot machines in {order.zone} may have {settings.spot_vcpu_quota} vCPU; {used} are used and "
                f"{wanted} more are asked for.",
            )
    here = sum(1 for item in living if item.region == call.region)
    if here + order.count > settings.instance_quota:
        raise ApiError(
            "LimitExceeded.CvmInstanceQuota", f"At most {settings.instance_quota} machines in {call.region}."
        )
    check_balance(cloud, call.time, order.hourly * order.count)


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


def _prototype(cloud: Cloud, call: Call, order: Order) -> Instance:
    """The machine as it will be, but for its id, disk and addresses; checks names, login and network."""
    params = call.params
    windows = order.image.platform == "Windows"
    name = params.get("InstanceName", "未命名")
    check_length("InstanceName", name, 128, "InvalidInstanceName.TooLong")
    host_name = params.get("HostName", "")
    if host_name:
        check_host_name(host_name, windows)
    user_data = params.get("UserData", "")
    if user_data:
        check_user_data(user_data)
    internet = params.get("InternetAccessible") or {}
    bandwidth = internet.get("InternetMaxBandwidthOut", 0)
    if not 0 <= bandwidth <= 200:
        raise ApiError("LimitExceeded.InstanceTypeBandwidth", f"The bandwidth must be 0 to 200 Mbps, not {bandwidth}.")
    vpc_id, subnet_id = _network(cloud, call, order.zone)
    groups = params.get("SecurityGroupIds") or [default_security_group(cloud, call).group_id]
    if len(groups) > 5:
        raise ApiError("LimitExceeded.AssociateUSGLimitExceeded", "A machine has at most 5 security groups.")
    for group_id in groups:
        check_id("SecurityGroupIds", group_id, "sg", "InvalidSgId.Malformed")
        group = cloud.db.security_groups.get(group_id)
        if group is None or group.region != call.region:
            raise ApiError("InvalidSecurityGroupId.NotFound", f"The security group {group_id} does not exist.")
    automation = ((params.get("EnhancedService") or {}).get("AutomationService") or {}).get("Enabled")
    return Instance(
        instance_id="",
        region=call.region,
        zone=order.zone,
        instance_type=order.instance_type,
        charge_type=order.charge_type,
        name=name,
        host_name=host_name,
        image_id=order.image.image_id,
        os_name=order.image.os_name,
        platform=order.image.platform,
        system_disk_id="",
        vpc_id=vpc_id,
        subnet_id=subnet_id,
        private_ip="",
        public_ip="",
        bandwidth_out=bandwidth,
        internet_charge_type=internet.get("InternetChargeType", "TRAFFIC_POSTPAID_BY_HOUR"),
        security_group_ids=tuple(groups),
        password=_login(params, order.image),
        user_data=user_data,
        created=call.time,
        uuid="",
        latest_operation_request_id=call.request_id,
        tags=read_tag_specification(params, "instance"),
        max_price=order.max_price,
        project_id=params["Placement"].get("ProjectId", 0),
        disable_api_termination=params.get("DisableApiTermination", False),
        # Public images have the agent on by default, others have it off (EnhancedService of the cvm API).
        automation_service=order.image.image_type == "PUBLIC_IMAGE" if automation is None else automation,
    )


def _login(params: dict[str, Any], image: Image) -> str:
    login = params.get("LoginSettings") or {}
    windows = image.platform == "Windows"
    if login.get("KeyIds") and windows:
        raise ApiError("UnsupportedOperation.KeyPairUnsupportedWindows", "Windows machines take no key pairs.")
    keep = login.get("KeepImageLogin", "FALSE").upper() == "TRUE"
    if keep and (login.get("Password") or login.get("KeyIds")):
        raise ApiError(
            "InvalidParameter.ParameterConflict", "`KeepImageLogin` cannot be given with `Password` or `KeyIds`."
        )
    if keep:
        if image.image_type == "PUBLIC_IMAGE":
            raise ApiError("InvalidParameterValue", "`KeepImageLogin` is for custom images, not for public ones.")
        return image.password
    password: str = login.get("Password", "")
    if password:
        check_password(password, windows)
        return password
    # Tencent makes one and sends it as a message in its console; nobody reads messages here.
    return "Aa1!" + uuid4().hex[:20]


def _network(cloud: Cloud, call: Call, zone: str) -> tuple[str, str]:
    wanted = call.params.get("VirtualPrivateCloud") or {}
    vpc_id, subnet_id = wanted.get("VpcId", "DEFAULT"), wanted.get("SubnetId", "DEFAULT")
    if vpc_id == "DEFAULT" and subnet_id == "DEFAULT":
        subnet = default_subnet(cloud, call, zone)
        return subnet.vpc_id, subnet.subnet_id
    check_id("VpcId", vpc_id, "vpc", "InvalidParameterValue.VpcIdMalformed")
    check_id("SubnetId", subnet_id, "subnet", "InvalidParameterValue.SubnetIdMalformed")
    vpc = cloud.db.vpcs.get(vpc_id)
    if vpc is None or vpc.region != call.region:
        raise ApiError("InvalidParameterValue.VpcIdNotExist", f"The VPC {vpc_id} does not exist.")
    found = cloud.db.subnets.get(subnet_id)
    if found is None or found.region != call.region:
        raise ApiError("InvalidParameterValue.SubnetNotExist", f"The subnet {subnet_id} does not exist.")
    if found.vpc_id != vpc_id:
        raise ApiError("InvalidParameterValue.VpcIdSubnetIdNotMatch", f"{subnet_id} is not in {vpc_id}.")
    if found.zone != zone:
        raise ApiError(
            "InvalidParameterValue.SubnetIdZoneIdNotMatch",
            f"The subnet {subnet_id} is in {found.zone}, the machine would be in {zone}.",
        )
    return vpc_id, subnet_id


def _launch(cloud: Cloud, call: Call, order: Order, prototype: Instance, index: int) -> str:
    db = cloud.db
    instance_id, disk_id = cloud.new_id("ins"), cloud.new_id("disk")
    suffix = str(index + 1) if order.count > 1 else ""
    internet = call.params.get("InternetAccessible") or {}
    public = prototype.bandwidth_out > 0 and internet.get("PublicIpAssigned", True)
    instance = replace(
        prototype,
        instance_id=instance_id,
        name=prototype.name + suffix,
        host_name=prototype.host_name + suffix if prototype.host_name else instance_id.replace("ins-", "w"),
        system_disk_id=disk_id,
        private_ip=free_private_address(cloud, db.subnets[prototype.subnet_id], _asked_address(call, index)),
        public_ip=free_public_address(cloud) if public else "",
        uuid=str(uuid4()),
    )
    db.instances.put(instance)
    used = min(order.disk_gb, db.settings.system_disk_used_gb)
    private = order.image.image_type == "PRIVATE_IMAGE"
    system = Disk(
        disk_id=disk_id,
        region=call.region,
        zone=order.zone,
        disk_type=order.disk_type,
        size_gb=order.disk_gb,
        used_gb=used,
        usage="SYSTEM_DISK",
        name=f"{instance.name}_system",
        created=call.time,
        state="ATTACHED",
        instance_id=instance_id,
        delete_with_instance=True,
        portable=False,
        snapshot_id=_system_snapshot(cloud, order.image) if private else "",
        ready=False,
    )
    _add_disk(cloud, system, call.time)
    for data in order.data_disks:
        disk = Disk(
            disk_id=cloud.new_id("disk"),
            region=call.region,
            zone=order.zone,
            disk_type=data.disk_type,
            size_gb=data.size_gb,
            used_gb=0,
            usage="DATA_DISK",
            name=data.name or f"{instance.name}_data",
            created=call.time,
            state="ATTACHED",
            instance_id=instance_id,
            delete_with_instance=data.delete_with_instance,
            portable=True,
            snapshot_id=data.snapshot_id,
            ready=False,
        )
        _add_disk(cloud, disk, call.time)
    cloud.billing.bill_instance(instance, call.time)
    cloud.schedule("instance-launched", instance_id, call.time, db.settings.launch_seconds, needs=disk_id)
    return instance_id


def _asked_address(call: Call, index: int) -> str:
    asked = (call.params.get("VirtualPrivateCloud") or {}).get("PrivateIpAddresses") or []
    return asked[index] if index < len(asked) else ""


def _add_disk(cloud: Cloud, disk: Disk, at: float) -> None:
    cloud.db.disks.put(disk)
    cloud.billing.bill_disk(disk, at)
    cloud.fill_disk(disk)


def _system_snapshot(cloud: Cloud, image: Image) -> str:
    for snapshot_id in image.snapshot_ids:
        snapshot = cloud.db.snapshots.get(snapshot_id)
        if snapshot is not None and snapshot.disk_usage == "SYSTEM_DISK":
            return snapshot_id
    raise ApiError("InvalidImageId.IncorrectState", f"The snapshots of {image.image_id} are gone.")
