"""Asking Tencent, before anything is made, whether it would take the launch: zone after zone until one does.

The list of offers can say SELL where a launch is refused a moment later. RunInstances with DryRun checks the stock
itself and buys nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from components import lifecycle
from components.prior import Prior
from components.settings import Settings
from tencent.cloud import Cloud
from tencent.errors import CloudError
from tencent.facts import Facts
from words import phrase

#: What a zone answers that has no stock, or does not sell the type or its disk.
STOCK_REFUSALS = (
    "ResourceInsufficient.",
    "ResourcesSoldOut.",
    "ResourceUnavailable.InstanceType",
    "ResourceNotFound.InvalidZoneInstanceType",
    "InvalidParameter.InvalidCloudDiskSoldOut",
    "InvalidParameterValue.InsufficientOffering",
    "InvalidParameterValue.ZoneNotSupported",
)
#: What a zone answers in which the account's quota of spot vCPUs is used up.
QUOTA_REFUSALS = ("LimitExceeded.SpotQuota", "LimitExceeded.UserSpotQuota")

#: Refusals that another zone may not repeat. Others (a price, a balance, a password) are left to the launch itself,
#: which says them as they are.
_OF_THE_ZONE = STOCK_REFUSALS + QUOTA_REFUSALS

#: Refusals that no zone takes away, and that the launch would say only after the network was made.
ROLE_REFUSALS = ("AuthFailure.CamRoleNameAuthenticateFailed",)


def plan_with_stock(settings: Settings, prior: Prior, facts: Facts, region: str, cloud: Cloud | None) -> lifecycle.Plan:
    """The plan whose launch Tencent takes, in the first zone that can. Raises PlanError as `lifecycle.plan` does."""
    while True:
        plan = lifecycle.plan(settings, prior, facts, region)
        launches = plan.machine is not None and plan.machine.living is None and not plan.refusal
        refused = _refusal(settings, plan, cloud) if cloud and launches else None
        if refused is None:
            return plan
        if refused.code.startswith(ROLE_REFUSALS):
            wrong = phrase("chatglm:camRole is {role}. {reason}", role=settings.cam_role, reason=refused.reason)
            return replace(plan, refusal=wrong)
        facts = replace(facts, refused_zones={**facts.refused_zones, plan.zone: refused.reason})


def _refusal(settings: Settings, plan: lifecycle.Plan, cloud: Cloud) -> CloudError | None:
    """Why the plan's zone cannot launch its machine; None where it can, or where nothing is known."""
    try:
        cloud.dry_run(launch_request(settings, plan.zone, plan.machine.image_id if plan.machine else ""))
    except CloudError as error:
        return error if error.code.startswith(_OF_THE_ZONE + ROLE_REFUSALS) else None
    return None


def launch_request(settings: Settings, zone: str, image_id: str) -> dict[str, Any]:
    """RunInstances as an update would send it, but for network, tags and user data."""
    request: dict[str, Any] = {
        "Placement": {"Zone": zone},
        "InstanceType": settings.instance_type,
        "InstanceChargeType": settings.instance_charge_type,
        "ImageId": image_id,
        "InstanceCount": 1,
        "SystemDisk": {"DiskType": settings.system_disk_type, "DiskSize": settings.system_disk_gb},
        "InternetAccessible": {
            "InternetChargeType": "TRAFFIC_POSTPAID_BY_HOUR",
            "InternetMaxBandwidthOut": settings.bandwidth_mbps,
            "PublicIpAssigned": True,
        },
        "LoginSettings": {"Password": settings.admin_password.get_secret_value()},
        "HostName": settings.hostname,
    }
    if settings.cam_role:
        request["CamRoleName"] = settings.cam_role
    if settings.spot_max_price:
        spot = {"MaxPrice": settings.spot_max_price, "SpotInstanceType": "one-time"}
        request["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": spot}
    return request
