"""Private addresses of subnets and the loopback addresses that stand for public ones."""

from __future__ import annotations

import ipaddress

from localcloud.cloud import Cloud
from localcloud.errors import ApiError
from localcloud.records import Subnet

# The first addresses of a subnet are Tencent's own (network, gateway, and what it keeps back).
_KEPT_BACK = 2


def used_private_addresses(cloud: Cloud, vpc_id: str) -> dict[str, str]:
    """The addresses in use in a VPC and the machine that has each; one is free again when its machine is gone."""
    return {item.private_ip: item.instance_id for item in cloud.db.instances if item.vpc_id == vpc_id}


def usable_addresses(subnet: Subnet) -> int:
    return ipaddress.ip_network(subnet.cidr).num_addresses - _KEPT_BACK - 1


def free_private_address(cloud: Cloud, subnet: Subnet, wanted: str = "") -> str:
    """The wanted address, or the lowest free one. Raises ApiError when it is taken, outside, or none is left."""
    network = ipaddress.ip_network(subnet.cidr)
    used = used_private_addresses(cloud, subnet.vpc_id)
    if wanted:
        try:
            inside = ipaddress.ip_address(wanted) in network
        except ValueError:
            raise ApiError("InvalidParameterValue.IPAddressMalformed", f"{wanted[:40]!r} is no address.") from None
        if not inside:
            raise ApiError("VpcAddrNotInSubNet", f"{wanted} is not in {subnet.cidr}.")
        if wanted in used:
            raise ApiError("VpcIpIsUsed", f"{wanted} is used by {used[wanted]}.")
        return wanted
    for number in range(_KEPT_BACK, network.num_addresses - 1):
        address = str(network[number])
        if address not in used:
            return address
    raise ApiError("FailedOperation.NoAvailableIpAddressCountInSubnet", f"No address is left in {subnet.subnet_id}.")


def free_public_address(cloud: Cloud) -> str:
    """The lowest loopback address that is nobody's, of whatever account."""
    used = {item.public_ip for item in cloud.db.instances.everywhere()}
    used |= {address.ip for address in cloud.db.addresses.everywhere()}
    for address in cloud.loopback.addresses():
        if address not in used:
            return address
    raise ApiError("InvalidParameterValue.ExternalIpQuotaLimited", "No public address is left.")
