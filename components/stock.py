"""Asking Tencent, before anything is made, whether it would take the launch: zone after zone until one does.

The list of offers can say SELL where a launch is refused a moment later. RunInstances with DryRun checks the stock
itself and buys nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from components import lifecycle
from components.cloud import Cloud
from components.cloud_errors import CloudError
from components.facts import Facts
from components.prior import Prior
from components.settings import Settings

#: Refusals that another zone may not repeat: no stock, no quota left there, a type or disk that is not sold there.
#: Others (a price, a balance, a password) are left to the launch itself, which says them as they are.
_OF_THE_ZONE = (
    "ResourceInsufficient.",
    "ResourcesSoldOut.",
    "ResourceUnavailable.InstanceType",
    "ResourceNotFound.InvalidZoneInstanceType",
    "InvalidParameter.InvalidCloudDiskSoldOut",
    "InvalidParameterValue.InsufficientOffering",
    "InvalidParameterValue.ZoneNotSupported",
    "LimitExceeded.SpotQuota",
    "LimitExceeded.UserSpotQuota",
)


def plan_with_stock(settings: Settings, prior: Prior, facts: Facts, region: str, cloud: Cloud | None) -> lifecycle.Plan:
    """The plan whose launch Tencent takes, in the first zone that can. Raises PlanError as `lifecycle.plan` does."""
    while True:
        plan = lifecycle.plan(settings, prior, facts, region)
        launches = plan.machine is not None and plan.machine.living is None and not plan.refusal
        reason = _refusal(settings, plan, cloud) if cloud and launches else ""
        if not reason:
            return plan
        facts = replace(facts, refused_zones={**facts.refused_zones, plan.zone: reason})


def _refusal(settings: Settings, plan: lifecycle.Plan, cloud: Cloud) -> str:
    """Why the plan's zone cannot launch its machine; empty where it can, or where nothing is known."""
    try:
        cloud.dry_run(launch_request(settings, plan))
    except CloudError as error:
        return error.reason if error.code.startswith(_OF_THE_ZONE) else ""
    return ""


def launch_request(settings: Settings, plan: lifecycle.Plan) -> dict[str, Any]:
    """What of RunInstances decides about stock."""
    request: dict[str, Any] = {
        "Placement": {"Zone": plan.zone},
        "InstanceType": settings.instance_type,
        "InstanceChargeType": settings.instance_charge_type,
        "ImageId": plan.machine.image_id if plan.machine else "",
        "SystemDisk": {"DiskType": settings.system_disk_type, "DiskSize": settings.system_disk_gb},
    }
    if settings.spot_max_price:
        spot = {"MaxPrice": settings.spot_max_price, "SpotInstanceType": "one-time"}
        request["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": spot}
    return request
