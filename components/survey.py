"""One look at the cloud before an update: every fact that the plan needs, asked for at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pulumi

from components.announcement import unknown_lines
from components.context import Context
from components.prior import Prior
from components.settings import Settings
from components.zones import candidate_zones
from tencent.cloud import Cloud, ask
from tencent.errors import CloudError
from tencent.facts import Facts
from tencent.own_park import await_own_park, own_park
from tencent.ownership import Holdings, Owner, sort_out
from tencent.pace import poll_seconds
from tencent.power import PowerError
from words import later, phrase

NO_KEYS = later("No keys of Tencent Cloud were found: set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY.")


class BlindError(pulumi.RunError):
    """The cloud could not be looked at, and an update that does not know what exists could launch it twice."""


def demand_sight(facts: Facts) -> None:
    """Raise BlindError unless machines and images were seen. Previews go on without."""
    if facts.instances is None or facts.images is None:
        raise BlindError(
            phrase("Nothing was changed, because the cloud could not be looked at. ") + " ".join(unknown_lines(facts))
        )


def survey_at_rest(context: Context, prior: Prior, owner: Owner) -> tuple[Facts, Holdings]:
    """The look with which an update begins: a machine that is parking itself is waited for first. A preview says so.

    Raises BlindError where that comes to no end.
    """
    settings, cloud = context.settings, context.cloud
    seen = survey(settings, prior, owner, cloud, context.region)
    found = own_park(seen[1].machines, seen[1].images)
    if found is None or cloud is None or settings.discard:
        return seen
    machine, image = found
    if pulumi.runtime.is_dry_run():
        pulumi.log.info(
            phrase(
                "{machine} is parking itself right now ({image}). An update waits until that is over.",
                machine=machine.id,
                image=image.id,
            )
        )
        return seen
    try:
        await_own_park(cloud, machine.id, pulumi.log.info, poll_seconds(2.0))
    except (PowerError, CloudError) as error:
        raise BlindError(phrase("Nothing was changed. {error}", error=error)) from None
    return survey(settings, prior, owner, cloud, context.region)


def survey(settings: Settings, prior: Prior, owner: Owner, cloud: Cloud | None, region: str) -> tuple[Facts, Holdings]:
    """Look everything up in parallel; machines and images of the facts are the stack's own.

    What fails is left unknown, with the reason; nothing is raised.
    """
    now = datetime.now(UTC)
    zones = candidate_zones(settings, region)
    if cloud is None:
        return Facts(now=now, unknown={"everything": NO_KEYS}), Holdings()
    zone = prior.zone or next(iter(zones), "")
    family = settings.instance_type.partition(".")[0]
    pattern = re.compile(settings.image_name, re.IGNORECASE)
    questions: dict[str, Callable[[], Any]] = {
        "disk price": lambda: cloud.disk_price(settings.system_disk_type, settings.system_disk_gb),
        "machines": lambda: cloud.seen_machines(owner.machines, owner.vpc_id),
        "images": cloud.custom_images,
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
    if owner.vpc_id:
        questions["network"] = lambda: cloud.has_vpc(owner.vpc_id)
    if prior.security_group_id:
        questions["security group"] = lambda: cloud.ingress(prior.security_group_id)
    answers, unknown = ask(questions)
    holdings = sort_out(owner, answers.get("machines") or (), answers.get("images") or ())
    facts = Facts(
        now=now,
        instances=holdings.machines if "machines" in answers else None,
        images=holdings.images if "images" in answers else None,
        offers=answers.get("stock and prices"),
        disk=answers.get("disk"),
        disk_price=answers.get("disk price"),
        public_image_id=answers.get("public image"),
        named_image=answers.get("named image"),
        network=answers.get("network"),
        ingress=answers.get("security group"),
        unknown=unknown,
    )
    return facts, holdings
