"""Changes of a living machine, and those that spot machines refuse."""

from __future__ import annotations

from typing import Any

from localcloud import catalogue
from localcloud.call import Call
from localcloud.catalogue import INSTANCE_TYPES
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.records import Instance
from localcloud.registry import action
from localcloud.rules import check_host_name, check_length, check_password, check_user_data
from localcloud.services.addresses import free_private_address, free_public_address
from localcloud.services.cam import check_role
from localcloud.services.cvm_instances import begin, check_state, done, own_instances, reboot
from localcloud.services.cvm_orders import check_disk_size, check_image_for_type, find_image, is_sold_out


def _refuse_spot(instance: Instance, what: str) -> None:
    if instance.charge_type == "SPOTPAID":
        raise ApiError("UnsupportedOperation.InstanceChargeType", f"Spot machines do not support {what}.")


@action("cvm", "ModifyInstancesAttribute", "InstanceIds")
def modify_instances_attribute(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    found = own_instances(cloud, call, params["InstanceIds"])
    changes = _attribute_changes(cloud, call)
    for instance in found:
        check_state(instance, "RUNNING", "STOPPED")
        if "host_name" in changes:
            check_host_name(changes["host_name"], instance.platform == "Windows")
    for instance in found:
        changed = done(cloud, call, instance, **changes)
        if "host_name" in changes and changed.state == "RUNNING" and params.get("AutoReboot", True):
            reboot(cloud, changed, call.time)
    return {}


def _attribute_changes(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    changes: dict[str, Any] = {}
    if "InstanceName" in params:
        check_length("InstanceName", params["InstanceName"], 128, "InvalidInstanceName.TooLong")
        changes["name"] = params["InstanceName"]
    if "UserData" in params:
        check_user_data(params["UserData"])
        changes["user_data"] = params["UserData"]
    if "HostName" in params:
        changes["host_name"] = params["HostName"]
    if "DisableApiTermination" in params:
        changes["disable_api_termination"] = params["DisableApiTermination"]
    if "CamRoleName" in params:
        changes["cam_role_name"] = check_role(cloud, call)
    if params.get("SecurityGroups"):
        for group_id in params["SecurityGroups"]:
            group = cloud.db.security_groups.get(group_id)
            if group is None or group.region != call.region:
                raise ApiError("InvalidSecurityGroupId.NotFound", f"The security group {group_id[:40]} does not exist.")
        changes["security_group_ids"] = tuple(params["SecurityGroups"])
    if not changes:
        raise ApiError("MissingParameter.AtLeastOne", "Give at least one attribute to change.")
    return changes


@action("cvm", "ResetInstancesPassword", "InstanceIds", "Password")
def reset_instances_password(cloud: Cloud, call: Call) -> dict[str, Any]:
    password = call.params["Password"]
    found = own_instances(cloud, call, call.params["InstanceIds"])
    for instance in found:
        check_state(instance, *(("RUNNING", "STOPPED") if call.params.get("ForceStop") else ("STOPPED",)))
        windows = instance.platform == "Windows"
        check_password(password, windows)
        user = call.params.get("UserName", "Administrator" if windows else "root")
        if user.lower() in password.lower():
            raise ApiError("InvalidParameterValue.InvalidPassword", "The password must not hold the user's name.")
    for instance in found:
        changed = begin(cloud, call, instance, password=password)
        if instance.state == "RUNNING":
            reboot(cloud, changed, call.time)
        else:
            done(cloud, call, changed)
    return {}


@action("cvm", "ResetInstance", "InstanceId")
def reset_instance(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Reinstall the system disk in place: everything on it is lost."""
    params = call.params
    instance = own_instances(cloud, call, [params["InstanceId"]])[0]
    _refuse_spot(instance, "reinstalling (ResetInstance)")
    check_state(instance, "RUNNING", "STOPPED")
    image = find_image(cloud, call.region, params.get("ImageId", instance.image_id))
    check_image_for_type(image, instance.instance_type)
    disk = cloud.db.disks[instance.system_disk_id]
    if disk.size_gb < image.size_gb:
        raise ApiError("InvalidParameterValue", f"The system disk has {disk.size_gb} GB, the image {image.size_gb}.")
    changes: dict[str, Any] = {"image_id": image.image_id, "os_name": image.os_name, "platform": image.platform}
    password = (params.get("LoginSettings") or {}).get("Password")
    if password:
        check_password(password, image.platform == "Windows")
        changes["password"] = password
    if params.get("HostName"):
        check_host_name(params["HostName"], image.platform == "Windows")
        changes["host_name"] = params["HostName"]
    if params.get("UserData"):
        check_user_data(params["UserData"])
        changes["user_data"] = params["UserData"]
    changed = begin(cloud, call, instance, state="REBOOTING", **changes)
    snapshot_id = next((s for s in image.snapshot_ids if s in cloud.db.snapshots), "")
    cloud.power_off(changed.instance_id)
    cloud.roll_back(disk, snapshot_id, changed.instance_id)
    cloud.schedule(
        "instance-started", changed.instance_id, call.time, cloud.db.settings.launch_seconds, needs=disk.disk_id
    )
    return {}


@action("cvm", "ResizeInstanceDisks", "InstanceId")
def resize_instance_disks(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    instance = own_instances(cloud, call, [params["InstanceId"]])[0]
    _refuse_spot(instance, "growing disks (ResizeInstanceDisks)")
    check_state(instance, *(("RUNNING", "STOPPED") if params.get("ForceStop") else ("STOPPED",)))
    orders = list(params.get("DataDisks") or [])
    if params.get("SystemDisk"):
        orders.append({"DiskId": instance.system_disk_id, **params["SystemDisk"]})
    if not orders:
        raise ApiError("MissingParameter.AtLeastOne", "Give `SystemDisk` or `DataDisks`.")
    for order in orders:
        disk = cloud.db.disks.get(order.get("DiskId", ""))
        if disk is None or disk.instance_id != instance.instance_id:
            raise ApiError(
                "InvalidParameter.DataDiskNotBelongSpecifiedInstance", "The disk is not one of this machine."
            )
        size = order.get("DiskSize", 0)
        check_disk_size(disk.disk_type, size, disk.usage == "SYSTEM_DISK")
        if size < disk.size_gb:
            raise ApiError("InvalidParameterValue", f"A disk cannot shrink from {disk.size_gb} to {size} GB.")
        cloud.billing.bill_disk(cloud.db.disks.change(disk.disk_id, size_gb=size), call.time)
    done(cloud, call, instance)
    return {}


@action("cvm", "ResetInstancesType", "InstanceIds", "InstanceType")
def reset_instances_type(cloud: Cloud, call: Call) -> dict[str, Any]:
    wanted = call.params["InstanceType"]
    found = own_instances(cloud, call, call.params["InstanceIds"])
    if wanted not in INSTANCE_TYPES:
        raise ApiError("InvalidParameterValue.InstanceTypeNotFound", f"There is no instance type {wanted[:40]}.")
    for instance in found:
        _refuse_spot(instance, "another type (ResetInstancesType)")
        check_state(instance, *(("RUNNING", "STOPPED") if call.params.get("ForceStop") else ("STOPPED",)))
        if not catalogue.is_offered(instance.zone, wanted):
            raise ApiError("ResourceNotFound.InvalidZoneInstanceType", f"{wanted} is not offered in {instance.zone}.")
        if is_sold_out(cloud, instance.zone, wanted):
            raise ApiError("ResourcesSoldOut.SpecifiedInstanceType", f"{wanted} is sold out in {instance.zone}.")
    for instance in found:
        changed = begin(cloud, call, instance, instance_type=wanted)
        cloud.billing.bill_instance(changed, call.time)
        if instance.state == "RUNNING":
            reboot(cloud, changed, call.time)
        else:
            done(cloud, call, changed)
    return {}


@action("cvm", "ModifyInstancesChargeType", "InstanceIds", "InstanceChargeType")
def modify_instances_charge_type(cloud: Cloud, call: Call) -> dict[str, Any]:
    for instance in own_instances(cloud, call, call.params["InstanceIds"]):
        _refuse_spot(instance, "another way of paying (ModifyInstancesChargeType)")
    raise ApiError(
        "UnsupportedOperation.InstanceChargeType", "The local cloud sells pay-as-you-go and spot machines only."
    )


@action("cvm", "ModifyInstancesVpcAttribute", "InstanceIds", "VirtualPrivateCloud")
def modify_instances_vpc_attribute(cloud: Cloud, call: Call) -> dict[str, Any]:
    wanted = call.params["VirtualPrivateCloud"]
    found = own_instances(cloud, call, call.params["InstanceIds"])
    subnet = cloud.db.subnets.get(wanted.get("SubnetId", ""))
    if subnet is None or subnet.region != call.region:
        raise ApiError("InvalidParameterValue.SubnetNotExist", "The subnet does not exist.")
    if subnet.vpc_id != wanted.get("VpcId"):
        raise ApiError("InvalidParameterValue.VpcIdSubnetIdNotMatch", "The subnet is not in that VPC.")
    asked = wanted.get("PrivateIpAddresses") or []
    for index, instance in enumerate(found):
        check_state(instance, *(("RUNNING", "STOPPED") if call.params.get("ForceStop", True) else ("STOPPED",)))
        if subnet.zone != instance.zone:
            raise ApiError("InvalidParameterValue.SubnetIdZoneIdNotMatch", f"The subnet is in {subnet.zone}.")
        address = free_private_address(cloud, subnet, asked[index] if index < len(asked) else "")
        changed = begin(cloud, call, instance, vpc_id=subnet.vpc_id, subnet_id=subnet.subnet_id, private_ip=address)
        if instance.state == "RUNNING":
            reboot(cloud, changed, call.time)
        else:
            done(cloud, call, changed)
    return {}


@action("cvm", "ResetInstancesInternetMaxBandwidth", "InstanceIds", "InternetAccessible")
def reset_instances_internet_max_bandwidth(cloud: Cloud, call: Call) -> dict[str, Any]:
    bandwidth = call.params["InternetAccessible"].get("InternetMaxBandwidthOut", 0)
    if not 0 <= bandwidth <= 200:
        raise ApiError("LimitExceeded.InstanceTypeBandwidth", f"The bandwidth must be 0 to 200 Mbps, not {bandwidth}.")
    for instance in own_instances(cloud, call, call.params["InstanceIds"]):
        check_state(instance, "RUNNING", "STOPPED")
        address = instance.public_ip
        if bandwidth > 0 and not address and call.params["InternetAccessible"].get("PublicIpAssigned"):
            address = free_public_address(cloud)
        done(cloud, call, instance, bandwidth_out=bandwidth, public_ip=address)
    return {}
