"""Elastic public addresses (EIP): had apart from a machine, and kept when it ends."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from localcloud.call import Call
from localcloud.clock import iso_time
from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.query import page, select
from localcloud.records import ElasticAddress
from localcloud.registry import action
from localcloud.services.addresses import free_public_address
from localcloud.services.tags import read_tags, tag_list

MAX_ADDRESSES = 20


def _own(cloud: Cloud, call: Call, address_id: str) -> ElasticAddress:
    found = cloud.db.addresses.get(address_id)
    if found is None or found.region != call.region:
        raise ApiError("InvalidAddressId.NotFound", f"The address {address_id[:40]} does not exist.")
    return found


def _machine(cloud: Cloud, address: ElasticAddress) -> str:
    """The machine that has the address; one that has ended has left it."""
    return address.instance_id if address.instance_id in cloud.db.instances else ""


def _answer(cloud: Cloud, address: ElasticAddress) -> dict[str, Any]:
    machine = _machine(cloud, address)
    return {
        "AddressId": address.address_id,
        "AddressName": address.name,
        "AddressStatus": "BIND" if machine else "UNBIND",
        "AddressIp": address.ip,
        "InstanceId": machine,
        "CreatedTime": iso_time(address.created),
        "NetworkInterfaceId": "",
        "PrivateAddressIp": cloud.db.instances[machine].private_ip if machine else "",
        "IsArrears": False,
        "IsBlocked": False,
        "IsEipDirectConnection": False,
        "AddressType": "EIP",
        "CascadeRelease": False,
        "InternetServiceProvider": "BGP",
        "LocalBgp": False,
        "Bandwidth": address.bandwidth,
        "InternetChargeType": "TRAFFIC_POSTPAID_BY_HOUR",
        "TagSet": tag_list(address.tags),
        "InstanceType": "CVM" if machine else "",
        "Egress": "center_egress1",
    }


@action("vpc", "AllocateAddresses")
def allocate_addresses(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    count = params.get("AddressCount", 1)
    held = sum(1 for address in cloud.db.addresses if address.region == call.region)
    if count < 1 or held + count > MAX_ADDRESSES:
        raise ApiError("AddressQuotaLimitExceeded", f"At most {MAX_ADDRESSES} addresses in {call.region}.")
    made = [
        cloud.db.addresses.put(
            ElasticAddress(
                cloud.new_id("eip"),
                call.region,
                params.get("AddressName", ""),
                free_public_address(cloud),
                call.time,
                params.get("InternetMaxBandwidthOut", 1),
                tags=read_tags(params.get("Tags")),
            )
        )
        for _ in range(count)
    ]
    return {"AddressSet": [address.address_id for address in made], "TaskId": uuid4().hex}


@action("vpc", "DescribeAddresses")
def describe_addresses(cloud: Cloud, call: Call) -> dict[str, Any]:
    found = select(
        call.params,
        [address for address in cloud.db.addresses if address.region == call.region],
        {
            "address-id": lambda a: a.address_id,
            "address-name": lambda a: a.name,
            "address-ip": lambda a: a.ip,
            "address-status": lambda a: "BIND" if _machine(cloud, a) else "UNBIND",
            "instance-id": lambda a: _machine(cloud, a),
        },
        ids="AddressIds",
        read_id=lambda a: a.address_id,
        tags=lambda a: a.tags,
    )
    return {"TotalCount": len(found), "AddressSet": [_answer(cloud, each) for each in page(call.params, found)]}


@action("vpc", "AssociateAddress", "AddressId", "InstanceId")
def associate_address(cloud: Cloud, call: Call) -> dict[str, Any]:
    """The machine's own public address, if it has one, is given back."""
    address, machine = _own(cloud, call, call.params["AddressId"]), cloud.db.instances.get(call.params["InstanceId"])
    if machine is None or machine.region != call.region:
        raise ApiError("InvalidInstanceId.NotFound", f"The machine {call.params['InstanceId'][:40]} does not exist.")
    if _machine(cloud, address):
        raise ApiError("InvalidAddressIdStatus.NotPermit", f"{address.address_id} is bound to {address.instance_id}.")
    cloud.db.addresses.change(address.address_id, instance_id=machine.instance_id)
    _move(cloud, machine.instance_id, address.ip)
    return {"TaskId": uuid4().hex}


@action("vpc", "DisassociateAddress", "AddressId")
def disassociate_address(cloud: Cloud, call: Call) -> dict[str, Any]:
    address = _own(cloud, call, call.params["AddressId"])
    machine = _machine(cloud, address)
    if not machine:
        raise ApiError("InvalidAddressIdStatus.NotPermit", f"{address.address_id} is bound to nothing.")
    cloud.db.addresses.change(address.address_id, instance_id="")
    _move(cloud, machine, "")
    return {"TaskId": uuid4().hex}


def _move(cloud: Cloud, instance_id: str, ip: str) -> None:
    """Give a machine another public address; what runs inside answers there."""
    machine = cloud.db.instances.change(instance_id, public_ip=ip)
    if machine.state == "RUNNING":
        cloud.power_off(instance_id)
        cloud.power_on(machine)


@action("vpc", "ReleaseAddresses", "AddressIds")
def release_addresses(cloud: Cloud, call: Call) -> dict[str, Any]:
    """All or none."""
    for address_id in call.params["AddressIds"]:
        if _machine(cloud, _own(cloud, call, address_id)):
            raise ApiError("InvalidAddressIdStatus.NotPermit", f"{address_id} is bound to a machine.")
    for address_id in call.params["AddressIds"]:
        cloud.db.addresses.delete(address_id)
    return {"TaskId": uuid4().hex}
