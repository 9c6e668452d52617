"""What somebody changed outside Pulumi, in words: what was found and what this update does about it."""

from __future__ import annotations

from collections.abc import Iterable

from components.facts import Facts, Image, Instance
from components.firewall import Rule, find_drift
from components.names import parse_image_name
from components.prior import Prior
from components.settings import Settings


def drift_notes(settings: Settings, prior: Prior, facts: Facts, living: Instance | None) -> tuple[str, ...]:
    """One line for each thing. `living` is the machine that the stack has."""
    return (
        *_images(prior, facts.images),
        *_machines(settings, facts.instances, living),
        *_firewall(prior, facts),
    )


def _images(prior: Prior, images: tuple[Image, ...] | None) -> list[str]:
    if images is None:
        return []
    here = {image.id for image in images}
    deleted = [
        f"The image {taken.image_id} (capture {taken.generation}) was deleted outside Pulumi; it is forgotten."
        for taken in prior.captures
        if taken.image_id not in here
    ]
    renamed = [
        f"The image {image.id} (capture {image.generation}) was renamed to {image.name!r}; it is known by its tags, "
        "and keeps that name."
        for image in images
        if image.machine_id and parse_image_name(image.name) != (image.generation, image.machine_id)
    ]
    return deleted + renamed


def _machines(settings: Settings, instances: tuple[Instance, ...] | None, living: Instance | None) -> list[str]:
    if living is None:
        return []
    notes = [
        f"Another machine carries this stack's tags and costs money: {other.id} in {other.zone}. "
        "Terminate it if unwanted."
        for other in instances or ()
        if other.alive and other.id != living.id
    ]
    if living.state == "STOPPED":
        notes.append(f"{living.id} is shut down, which costs as much as running. Start it, or park the stack.")
    if living.disk_gb > settings.system_disk_gb:
        notes.append(
            f"The disk of {living.id} has {living.disk_gb} GB, chatglm:systemDiskGb says {settings.system_disk_gb}. "
            f"Disks cannot shrink, and its image will need {living.disk_gb} GB: "
            f"pulumi config set chatglm:systemDiskGb {living.disk_gb}"
        )
    return notes


def _firewall(prior: Prior, facts: Facts) -> list[str]:
    if facts.ingress is None or not prior.security_group_id:
        return []
    added, removed = find_drift(prior.ingress, facts.ingress)
    remedy = "An update alone does not look at it; put back what the settings say with: pulumi up --refresh"
    group = prior.security_group_id
    notes = []
    if added:
        notes.append(f"Opened by hand in the security group {group}: {_told(added)}. {remedy}")
    if removed:
        notes.append(f"Removed by hand from the security group {group}: {_told(removed)}. {remedy}")
    return notes


def _told(rules: Iterable[Rule]) -> str:
    return "; ".join(map(str, rules))
