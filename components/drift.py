"""What somebody changed outside Pulumi, in words: what was found and what this update does about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from components.firewall import find_drift
from components.prior import Prior
from components.settings import Settings
from tencent.facts import PASSING_STATES, Facts, Image, Instance
from tencent.firewall import Rule
from tencent.names import parse_image_name
from words import phrase


def drift_notes(settings: Settings, prior: Prior, facts: Facts, living: Instance | None) -> tuple[str, ...]:
    """One line for each thing. `living` is the machine that the stack has."""
    return (
        *_images(prior, facts.images),
        *_stuck_images(facts),
        *_machines(settings, facts, living),
        *_firewall(prior, facts),
    )


def _images(prior: Prior, images: tuple[Image, ...] | None) -> list[str]:
    if images is None:
        return []
    here = {image.id for image in images}
    deleted = [
        phrase(
            "The image {image_id} (capture {generation}) was deleted outside Pulumi; it is forgotten.",
            image_id=taken.image_id,
            generation=taken.generation,
        )
        for taken in prior.captures
        if taken.image_id not in here
    ]
    renamed = [
        phrase(
            "The image {image_id} (capture {generation}) was renamed to {image!r}; it is known "
            "by its tags, and keeps that name.",
            image_id=image.id,
            generation=image.generation,
            image=image.name,
        )
        for image in images
        if image.machine_id and parse_image_name(image.name) != (image.generation, image.machine_id)
    ]
    return deleted + renamed


def _stuck_images(facts: Facts) -> list[str]:
    return [
        phrase(
            "The image {image} ({image_id}) has been CREATING for {hours}, which no image takes: "
            "it is stuck, and nothing counts on it. Delete it in the console; where that is "
            "refused, open a ticket with Tencent, since its machine can be neither captured nor "
            "ended before.",
            image=image.name,
            image_id=image.id,
            hours=hours(facts.now - image.created),
        )
        for image in facts.images or ()
        if image.is_stuck(facts.now)
    ]


def hours(time: timedelta) -> str:
    return phrase("{hours} h", hours=int(time.total_seconds() // 3600))


def _machines(settings: Settings, facts: Facts, living: Instance | None) -> list[str]:
    instances = facts.instances
    if living is None:
        return []
    notes = [
        phrase(
            "Another machine carries this stack's tags and costs money: {machine_id} in {zone}. "
            "Terminate it if unwanted.",
            machine_id=other.id,
            zone=other.zone,
        )
        for other in instances or ()
        if other.alive and other.id != living.id
    ]
    if living.state == "STOPPED":
        does = phrase("captured as it is") if settings.state == "parked" else phrase("started by this update")
        notes.append(
            phrase(
                "{machine_id} is shut down, which costs as much as running: it is {does}.",
                machine_id=living.id,
                does=does,
            )
        )
    if living.is_stuck(facts.now):
        notes.append(
            phrase(
                "{machine_id} has been PENDING for {hours}, which no launch takes: it is stuck. "
                "Terminate it in the console, or open a ticket with Tencent; then pulumi up launches "
                "another.",
                machine_id=living.id,
                hours=hours(facts.now - living.created),
            )
        )
    elif living.state in PASSING_STATES:
        notes.append(
            phrase(
                "{machine_id} is {state}: the update waits until that is over.",
                machine_id=living.id,
                state=living.state,
            )
        )
    if living.disk_gb > settings.system_disk_gb:
        notes.append(
            phrase(
                "The disk of {machine_id} has {size} GB, chatglm:systemDiskGb says "
                "{wanted}. Disks cannot shrink, and its image will need {size} GB: pulumi "
                "config set chatglm:systemDiskGb {size}",
                machine_id=living.id,
                size=living.disk_gb,
                wanted=settings.system_disk_gb,
            )
        )
    return notes


def _firewall(prior: Prior, facts: Facts) -> list[str]:
    if facts.ingress is None or not prior.security_group_id:
        return []
    added, removed = find_drift(prior.ingress, facts.ingress)
    remedy = phrase("An update alone does not look at it; put back what the settings say with: pulumi up --refresh")
    group = prior.security_group_id
    notes = []
    if added:
        notes.append(
            phrase(
                "Opened by hand in the security group {group}: {told}. {remedy}",
                group=group,
                told=_told(added),
                remedy=remedy,
            )
        )
    if removed:
        notes.append(
            phrase(
                "Removed by hand from the security group {group}: {told}. {remedy}",
                group=group,
                told=_told(removed),
                remedy=remedy,
            )
        )
    return notes


def _told(rules: Iterable[Rule]) -> str:
    return phrase("; ").join(map(str, rules))
