"""One look at the cloud before an update: every fact that the plan needs, asked for at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pulumi

from components.announcement import unknown_lines
from components.cloud import Cloud, ask
from components.facts import Facts
from components.lifecycle import candidate_zones
from components.prior import Prior
from components.settings import Settings

NO_KEYS = "No keys of Tencent Cloud were found: set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY."


class BlindError(pulumi.RunError):
    """The cloud could not be looked at, and an update that does not know what exists could launch it twice."""


def demand_sight(facts: Facts) -> None:
    """Raise BlindError unless machines and images were seen. Previews go on without."""
    if facts.instances is None or facts.images is None:
        raise BlindError(
            "Nothing was changed, because the cloud could not be looked at. " + " ".join(unknown_lines(facts))
        )


def survey(settings: Settings, prior: Prior, cloud: Cloud | None, stack_id: str, region: str) -> Facts:
    """Look everything up in parallel. What fails is left unknown, with the reason; nothing is raised."""
    now = datetime.now(UTC)
    zones = candidate_zones(settings, region)
    if cloud is None:
        return Facts(now=now, unknown={"everything": NO_KEYS})
    zone = prior.zone or next(iter(zones), "")
    family = settings.instance_type.partition(".")[0]
    pattern = re.compile(settings.image_name, re.IGNORECASE)
    questions: dict[str, Callable[[], Any]] = {
        "disk price": lambda: cloud.disk_price(settings.system_disk_type, settings.system_disk_gb),
        "machines": lambda: cloud.instances(stack_id, prior.machine_id),
        "images": lambda: cloud.images(stack_id),
        "stock and prices": lambda: cloud.offers({*zones, zone} - {""}, settings.instance_charge_type),
    }
    if zone:
        questions["disk"] = lambda: cloud.disk_offer(zone, settings.system_disk_type, family)
    if not settings.image_id:
        questions["public image"] = lambda: cloud.public_image(
            lambda name: bool(pattern.search(name)), settings.instance_type
        )
    if settings.restore_image_id:
        questions["named image"] = lambda: cloud.image(settings.restore_image_id)
    if prior.security_group_id:
        questions["security group"] = lambda: cloud.ingress(prior.security_group_id)
    answers, unknown = ask(questions)
    return Facts(
        now=now,
        instances=answers.get("machines"),
        images=answers.get("images"),
        offers=answers.get("stock and prices"),
        disk=answers.get("disk"),
        disk_price=answers.get("disk price"),
        public_image_id=answers.get("public image"),
        named_image=answers.get("named image"),
        ingress=answers.get("security group"),
        unknown=unknown,
    )
