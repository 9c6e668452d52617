"""RunInstances: names, login, network and quotas are checked, then the machines are made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from localcloud.call import Call, OnlyRequestId
from localcloud.catalogue import INSTANCE_TYPES
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.records import ClientToken, Disk, Image, Instance
from localcloud.registry import action
from localcloud.rules import check_host_name, check_id, check_length, check_password, check_user_data
from localcloud.services.addresses import free_private_address, free_public_address
from localcloud.services.cam import check_role
from localcloud.services.cvm_orders import Order, check_balance, read_order
from localcloud.services.tags import read_tag_specification
from localcloud.services.vpc_networks import default_subnet
from localcloud.services.vpc_security_groups import default_security_group


@action("cvm", "RunInstances", "Placement.Zone", "ImageId")
def run_instances(cloud: Cloud, call: Call) -> dict[str, Any]:
    token = call.params.get("ClientToken", "")
    check_length("ClientToken", token, 64, "InvalidClientToken.TooLong")
    key = f"{call.caller.account}/{call.region}/{token}"
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
    groups = params.get("SecurityGroupIds") or _default_groups(cloud, call)
    if len(groups) > 5:
        raise ApiError("LimitExceeded.AssociateUSGLimitExceeded", "A machine has at most 5 security groups.")
    for group_id in groups:
        check_id("SecurityGroupIds", group_id, "sg", "InvalidSgId.Malformed")
        group = cloud.db.security_groups.get(group_id)
        if group is None or group.region != call.region:
            raise ApiError("InvalidSecurityGroupId.NotFound", f"The security group {group_id} does not exist.")
    role_name = check_role(cloud, call)
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
        password=_login(cloud, call, order.image),
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
        cam_role_name=role_name,
    )


def _login(cloud: Cloud, call: Call, image: Image) -> str:
    login = call.params.get("LoginSettings") or {}
    windows = image.platform == "Windows"
    if login.get("KeyIds") and windows:
        raise ApiError("UnsupportedOperation.KeyPairUnsupportedWindows", "Windows machines take no key pairs.")
    for key_id in login.get("KeyIds") or []:
        pair = cloud.db.key_pairs.get(key_id)
        if pair is None or pair.region != call.region:
            raise ApiError("InvalidKeyPairId.NotFound", f"The key pair {key_id[:40]} does not exist.")
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
        if call.params.get("DryRun"):
            return "", ""  # a default network is made for a real launch only
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


def _default_groups(cloud: Cloud, call: Call) -> list[str]:
    return [] if call.params.get("DryRun") else [default_security_group(cloud, call).group_id]


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
