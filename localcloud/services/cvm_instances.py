"""Machines: look them up, stop, start, reboot and terminate them, and the transitions in between."""

from __future__ import annotations

from typing import Any

from localcloud.call import Call
from localcloud.catalogue import INSTANCE_TYPES
from localcloud.clock import iso_time
from localcloud.cloud import Cloud, transition
from localcloud.errors import ApiError
from localcloud.query import page, select
from localcloud.records import Instance
from localcloud.registry import action
from localcloud.rules import check_id
from localcloud.services.tags import tag_list

MAX_IDS = 100

STATE_CODES = {
    "PENDING": "UnsupportedOperation.InstanceStatePending",
    "LAUNCH_FAILED": "UnsupportedOperation.InstanceStateLaunchFailed",
    "RUNNING": "UnsupportedOperation.InstanceStateRunning",
    "STOPPED": "UnsupportedOperation.InstanceStateStopped",
    "STARTING": "UnsupportedOperation.InstanceStateStarting",
    "STOPPING": "UnsupportedOperation.InstanceStateStopping",
    "REBOOTING": "UnsupportedOperation.InstanceStateRebooting",
    "SHUTDOWN": "UnsupportedOperation.InstanceStateShutdown",
    "TERMINATING": "UnsupportedOperation.InstanceStateTerminating",
}


def own_instances(cloud: Cloud, call: Call, ids: list[str]) -> list[Instance]:
    """The caller's machines with these ids. Raises ApiError for a malformed or unknown id, or too many."""
    if len(ids) > MAX_IDS:
        raise ApiError("InvalidParameterValue.LimitExceeded", f"At most {MAX_IDS} machines at a time.")
    found = []
    for instance_id in dict.fromkeys(ids):
        check_id("InstanceIds", instance_id, "ins", "InvalidInstanceId.Malformed")
        instance = cloud.db.instances.get(instance_id)
        if instance is None or instance.region != call.region:
            raise ApiError("InvalidInstanceId.NotFound", f"The machine {instance_id} does not exist.")
        found.append(instance)
    return found


def check_state(instance: Instance, *allowed: str) -> None:
    """Raise ApiError unless the machine is in one of the states and nothing else is being done to it."""
    if instance.busy_with:
        raise ApiError(
            "OperationDenied.InstanceOperationInProgress",
            f"The image {instance.busy_with} is being made of {instance.instance_id}; wait for it.",
        )
    if instance.state not in allowed:
        raise ApiError(
            STATE_CODES[instance.state],
            f"{instance.instance_id} is {instance.state}; this needs {' or '.join(allowed)}.",
        )


def begin(cloud: Cloud, call: Call, instance: Instance, **changes: Any) -> Instance:
    """Note an operation that takes time on a machine."""
    return cloud.db.instances.change(
        instance.instance_id,
        latest_operation=call.action,
        latest_operation_state="OPERATING",
        latest_operation_request_id=call.request_id,
        latest_operation_error="",
        **changes,
    )


def done(cloud: Cloud, call: Call, instance: Instance, **changes: Any) -> Instance:
    """Note an operation on a machine that is over at once."""
    return cloud.db.instances.change(
        instance.instance_id,
        latest_operation=call.action,
        latest_operation_state="SUCCESS",
        latest_operation_request_id=call.request_id,
        latest_operation_error="",
        **changes,
    )


def _answer(cloud: Cloud, instance: Instance) -> dict[str, Any]:
    item = INSTANCE_TYPES[instance.instance_type]
    system = cloud.db.disks.get(instance.system_disk_id)
    data = [disk for disk in cloud.db.disks if disk.instance_id == instance.instance_id and disk.usage == "DATA_DISK"]
    return {
        "Placement": {"Zone": instance.zone, "ProjectId": instance.project_id},
        "InstanceId": instance.instance_id,
        "InstanceType": instance.instance_type,
        "CPU": item.cpus,
        "Memory": item.memory_gb,
        "RestrictState": "NORMAL",
        "InstanceName": instance.name,
        "InstanceChargeType": instance.charge_type,
        "SystemDisk": {
            "DiskType": system.disk_type if system else "",
            "DiskId": instance.system_disk_id,
            "DiskSize": system.size_gb if system else 0,
        },
        "DataDisks": [
            {
                "DiskSize": disk.size_gb,
                "DiskType": disk.disk_type,
                "DiskId": disk.disk_id,
                "DeleteWithInstance": disk.delete_with_instance,
                "SnapshotId": disk.snapshot_id,
                "Encrypt": False,
                "KmsKeyId": "",
                # The official plug-in reads it without a look whether it is there.
                "ThroughputPerformance": 0,
                "BurstPerformance": False,
                "DiskName": disk.name,
            }
            for disk in data
        ],
        "PrivateIpAddresses": [instance.private_ip],
        "PublicIpAddresses": [instance.public_ip] if instance.public_ip else None,
        "InternetAccessible": {
            "InternetChargeType": instance.internet_charge_type,
            "InternetMaxBandwidthOut": instance.bandwidth_out,
            "PublicIpAssigned": bool(instance.public_ip),
        },
        "VirtualPrivateCloud": {
            "VpcId": instance.vpc_id,
            "SubnetId": instance.subnet_id,
            "AsVpcGateway": False,
        },
        "ImageId": instance.image_id,
        "CreatedTime": iso_time(instance.created),
        "OsName": instance.os_name,
        "SecurityGroupIds": list(instance.security_group_ids),
        "LoginSettings": {},
        "InstanceState": instance.state,
        "Tags": tag_list(instance.tags),
        "StopChargingMode": instance.stop_charging_mode,
        "Uuid": instance.uuid,
        "LatestOperation": instance.latest_operation,
        "LatestOperationState": instance.latest_operation_state,
        "LatestOperationRequestId": instance.latest_operation_request_id,
        "LatestOperationErrorMsg": instance.latest_operation_error or None,
        "DisasterRecoverGroupId": "",
        "CamRoleName": instance.cam_role_name,
        "HpcClusterId": "",
        "DedicatedClusterId": "",
        "GPUInfo": {"GPUCount": float(item.gpus), "GPUId": [], "GPUType": item.gpu} if item.gpus else None,
        "LicenseType": "TencentCloud",
        "DisableApiTermination": instance.disable_api_termination,
        "HostName": instance.host_name,
        "DefaultLoginUser": "Administrator" if instance.platform == "Windows" else "root",
        "DefaultLoginPort": 3389 if instance.platform == "Windows" else 22,
    }


@action("cvm", "DescribeInstances")
def describe_instances(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = _select(cloud, call)
    return {
        "TotalCount": len(found),
        "InstanceSet": [_answer(cloud, instance) for instance in page(call.params, found)],
    }


@action("cvm", "DescribeInstancesStatus")
def describe_instances_status(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = _select(cloud, call)
    return {
        "TotalCount": len(found),
        "InstanceStatusSet": [
            {"InstanceId": item.instance_id, "InstanceState": item.state} for item in page(call.params, found)
        ],
    }


def _select(cloud: Cloud, call: Call) -> list[Instance]:
    for instance_id in call.params.get("InstanceIds") or []:
        check_id("InstanceIds", instance_id, "ins", "InvalidInstanceId.Malformed")
    return select(
        call.params,
        [item for item in cloud.db.instances if item.region == call.region],
        {
            "zone": lambda i: i.zone,
            "project-id": lambda i: str(i.project_id),
            "vpc-id": lambda i: i.vpc_id,
            "subnet-id": lambda i: i.subnet_id,
            "instance-id": lambda i: i.instance_id,
            "uuid": lambda i: i.uuid,
            "security-group-id": lambda i: i.security_group_ids,
            "instance-name": lambda i: i.name,
            "instance-charge-type": lambda i: i.charge_type,
            "instance-state": lambda i: i.state,
            "instance-type": lambda i: i.instance_type,
            "private-ip-address": lambda i: i.private_ip,
            "public-ip-address": lambda i: i.public_ip,
            "image-id": lambda i: i.image_id,
        },
        ids="InstanceIds",
        read_id=lambda i: i.instance_id,
        tags=lambda i: i.tags,
    )


@action("cvm", "DescribeInstancesAttributes", "Attributes", "InstanceIds")
def describe_instances_attributes(cloud: Cloud, call: Call) -> dict[str, Any]:
    for name in call.params["Attributes"]:
        if name != "UserData":
            raise ApiError("InvalidParameterValue", f"`Attributes` knows UserData only, not {name[:40]!r}.")
    found = own_instances(cloud, call, call.params["InstanceIds"])
    return {
        "InstanceSet": [{"InstanceId": item.instance_id, "Attributes": {"UserData": item.user_data}} for item in found]
    }


@action("cvm", "DescribeInstanceVncUrl", "InstanceId")
def describe_instance_vnc_url(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The part of a console address that names a machine's screen; nothing shows it here."""
    instance = own_instances(cloud, call, [call.params["InstanceId"]])[0]
    check_state(instance, "RUNNING")
    return {"InstanceVncUrl": f"wss%3A%2F%2Flocalcloud.invalid%2Fvnc%3Fs%3D{instance.uuid}"}


@action("cvm", "StopInstances", "InstanceIds")
def stop_instances(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = own_instances(cloud, call, call.params["InstanceIds"])
    mode = call.params.get("StoppedMode", "KEEP_CHARGING")
    if mode not in ("KEEP_CHARGING", "STOP_CHARGING"):
        raise ApiError("InvalidParameterValue", f"`StoppedMode` is KEEP_CHARGING or STOP_CHARGING, not {mode[:40]!r}.")
    for instance in found:
        check_state(instance, "RUNNING")
        if mode == "STOP_CHARGING" and instance.charge_type == "SPOTPAID":
            raise ApiError(
                "UnsupportedOperation.StoppedModeStopCharging", "Spot machines are charged until they are terminated."
            )
    for instance in found:
        changed = begin(cloud, call, instance, state="STOPPING", stop_charging_mode=mode)
        cloud.power_off(changed.instance_id)
        cloud.schedule("instance-stopped", changed.instance_id, call.time, cloud.db.settings.stop_seconds)
    return {}


@action("cvm", "StartInstances", "InstanceIds")
def start_instances(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = own_instances(cloud, call, call.params["InstanceIds"])
    for instance in found:
        check_state(instance, "STOPPED")
    for instance in found:
        begin(cloud, call, instance, state="STARTING")
        cloud.schedule("instance-started", instance.instance_id, call.time, cloud.db.settings.start_seconds)
    return {}


@action("cvm", "RebootInstances", "InstanceIds")
def reboot_instances(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = own_instances(cloud, call, call.params["InstanceIds"])
    for instance in found:
        check_state(instance, "RUNNING")
    for instance in found:
        begin(cloud, call, instance)
        reboot(cloud, instance, call.time)
    return {}


def reboot(cloud: Cloud, instance: Instance, at: float) -> None:
    """Power a machine off and on again."""
    cloud.db.instances.change(instance.instance_id, state="REBOOTING")
    cloud.power_off(instance.instance_id)
    cloud.schedule("instance-started", instance.instance_id, at, cloud.db.settings.start_seconds)


@action("cvm", "TerminateInstances", "InstanceIds")
def terminate_instances(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = own_instances(cloud, call, call.params["InstanceIds"])
    for instance in found:
        if instance.state == "TERMINATING":
            raise ApiError(
                "UnsupportedOperation.InstanceStateTerminating", f"{instance.instance_id} is being terminated."
            )
        check_state(instance, "RUNNING", "STOPPED", "LAUNCH_FAILED", "SHUTDOWN", "STARTING", "STOPPING", "REBOOTING")
        if instance.disable_api_termination:
            raise ApiError(
                "UnsupportedOperation.InstancesProtected", f"{instance.instance_id} is protected from termination."
            )
    for instance in found:
        begin(cloud, call, instance)
        if cloud.db.settings.recycle_bin and instance.state not in ("SHUTDOWN", "LAUNCH_FAILED"):
            _recycle(cloud, instance, call.time)
        else:
            terminate(cloud, instance, call.time)
    return {}


def _recycle(cloud: Cloud, instance: Instance, at: float) -> None:
    """Into the recycle bin: off, not charged, and gone after a while or at the second call."""
    cloud.unschedule(instance.instance_id)
    cloud.power_off(instance.instance_id)
    cloud.db.instances.change(instance.instance_id, state="SHUTDOWN", latest_operation_state="SUCCESS")
    _end_charges(cloud, instance, at)
    cloud.schedule("instance-recycled", instance.instance_id, at, cloud.db.settings.recycle_seconds)


def terminate(cloud: Cloud, instance: Instance, at: float) -> None:
    """Begin the end of a machine; it costs nothing from now on."""
    cloud.unschedule(instance.instance_id)
    cloud.power_off(instance.instance_id)
    cloud.db.instances.change(instance.instance_id, state="TERMINATING", busy_with="")
    _end_charges(cloud, instance, at)
    cloud.schedule("instance-gone", instance.instance_id, at, cloud.db.settings.terminate_seconds)


def _end_charges(cloud: Cloud, instance: Instance, at: float) -> None:
    cloud.billing.end(instance.instance_id, at)
    for disk in cloud.db.disks:
        if disk.instance_id == instance.instance_id and disk.delete_with_instance:
            cloud.billing.end(disk.disk_id, at)


@transition("instance-launched")
def _launched(cloud: Cloud, instance_id: str, at: float) -> None:
    instance = cloud.db.instances[instance_id]
    if instance.fails_at_launch:
        cloud.db.instances.change(
            instance_id,
            state="LAUNCH_FAILED",
            latest_operation_state="FAILED",
            latest_operation_error="The machine could not be launched (a fault asked for by the control interface).",
        )
        _end_charges(cloud, instance, at)
        return
    _running(cloud, instance_id, at)


@transition("instance-started")
def _running(cloud: Cloud, instance_id: str, at: float) -> None:  # noqa: ARG001
    changed = cloud.db.instances.change(
        instance_id, state="RUNNING", latest_operation_state="SUCCESS", stop_charging_mode="NOT_APPLICABLE"
    )
    cloud.power_on(changed)


@transition("instance-stopped")
def _stopped(cloud: Cloud, instance_id: str, at: float) -> None:  # noqa: ARG001
    instance = cloud.db.instances[instance_id]
    state = "OPERATING" if instance.busy_with else "SUCCESS"
    cloud.db.instances.change(instance_id, state="STOPPED", latest_operation_state=state)


@transition("instance-recycled")
def _recycled(cloud: Cloud, instance_id: str, at: float) -> None:
    terminate(cloud, cloud.db.instances[instance_id], at)


@transition("instance-gone")
def _gone(cloud: Cloud, instance_id: str, at: float) -> None:  # noqa: ARG001
    for disk in cloud.db.disks:
        if disk.instance_id != instance_id:
            continue
        if disk.delete_with_instance:
            _delete_disk(cloud, disk.disk_id, instance_id)
        else:
            cloud.db.disks.change(disk.disk_id, state="UNATTACHED", instance_id="", last_instance_id=instance_id)
    cloud.db.instances.delete(instance_id)


def _delete_disk(cloud: Cloud, disk_id: str, instance_id: str) -> None:
    cloud.db.disks.delete(disk_id)
    cloud.after(lambda: cloud.drives.remove_disk(disk_id, instance_id))
