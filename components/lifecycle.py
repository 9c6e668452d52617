"""The plan of one update: which machine and which captures to declare. Pure: facts in, plan out.

Pulumi deletes what a program no longer declares, after everything that it declares stands. The plan leans on
that order: to park is to leave the machine out and to declare an image of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum

import pulumi

from components.drift import drift_notes
from components.facts import DiskOffer, Facts, Image, Instance
from components.prior import Prior, Taken
from components.settings import Settings

#: An image that is this young counts as the last state of its machine: an update that failed after its capture
#: may go on with that image. Twice the hour that the plug-in gives an image to become NORMAL.
FRESH = timedelta(hours=2)

#: Ends the name of the record of a machine that no complete update knew.
ADOPTED = "-adopted"

#: Zones that the type list names for GN7, per region (GPU computing types, product document 560, about 2022).
GN7_ZONES = {
    "ap-guangzhou": (3, 4),
    "ap-shanghai": (2, 4),
    "ap-nanjing": (1, 2),
    "ap-beijing": (3, 5),
    "ap-chengdu": (1,),
    "ap-chongqing": (1,),
    "ap-hongkong": (2,),
    "ap-singapore": (1,),
    "ap-mumbai": (2,),
    "na-siliconvalley": (2,),
    "na-ashburn": (2,),
    "eu-frankfurt": (1,),
}


class Action(Enum):
    """What an update does to the machine, in one word."""

    LAUNCH = "launch"
    RESTORE = "restore"
    KEEP = "keep"
    PARK = "park"
    STAY_PARKED = "stay parked"


@dataclass(frozen=True)
class Machine:
    """The machine to declare. `living` is set when it exists: then nothing of it may change.

    `record` names the resource; it is that of the launch, except for a machine that was adopted.
    """

    launch: str
    zone: str
    image_id: str
    record: str
    living: Instance | None = None

    @property
    def name(self) -> str:
        return f"machine-{self.record}"


@dataclass(frozen=True)
class Capture:
    """An image to declare. `image_id` is empty until it is taken."""

    generation: int
    machine_id: str
    image_id: str = ""

    @property
    def name(self) -> str:
        return f"capture-{self.generation}"


@dataclass(frozen=True)
class Plan:
    """What to declare, what that will do, and what stands in the way.

    `refusal` is what makes the update impossible; it is raised where a resource would be created, so that a
    `destroy`, which creates nothing, is never in its way. `leaving` is the machine that a park ends, `source` the
    image that a restore starts from, `retired` the images that the update deletes with their snapshots, `outdated`
    the ids of images whose machine went on running: they are no proof of its last state, however young.
    """

    action: Action
    zone: str
    machine: Machine | None = None
    captures: tuple[Capture, ...] = ()
    leaving: Instance | None = None
    source: Image | None = None
    retired: tuple[Image, ...] = ()
    outdated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def new_capture(self) -> Capture | None:
        return next((capture for capture in self.captures if not capture.image_id), None)


class PlanError(pulumi.RunError):
    """The wanted state cannot be reached; the text says why and what to do."""


def candidate_zones(settings: Settings, region: str) -> tuple[str, ...]:
    """The zones to try, best first: the ones that the settings name, else the region's known ones."""
    return settings.zones or tuple(f"{region}-{number}" for number in GN7_ZONES.get(region, ()))


def plan(settings: Settings, prior: Prior, facts: Facts, region: str) -> Plan:
    """Decide one update. Raises PlanError where there is nothing that a `destroy` could be kept from."""
    machine = _living(prior, facts)
    if settings.state == "parked":
        return _park(settings, prior, facts, machine) if machine else _stay(settings, prior, facts, region)
    if machine:
        return _keep(settings, prior, facts, machine)
    return _launch(settings, prior, facts, region)


def _living(prior: Prior, facts: Facts) -> Instance | None:
    """The stack's machine. Tags find one that an earlier update launched without learning of it."""
    if facts.instances is None:
        if not prior.machine_id:
            return None
        return Instance(prior.machine_id, "UNKNOWN", prior.zone, "", prior.record or "unknown", facts.now)
    alive = [instance for instance in facts.instances if instance.alive]
    known = [instance for instance in alive if instance.id == prior.machine_id]
    machine = max(known or alive, key=lambda instance: instance.created, default=None)
    if machine and machine.launch == "unknown" and machine.id == prior.machine_id:
        return replace(machine, launch=prior.record.removesuffix(ADOPTED))  # somebody took its tag away
    return machine


def _record(machine: Instance, prior: Prior) -> str:
    """What a living machine's resource is called after.

    A machine that the last complete update did not know gets another name than its launch gave it: a record that
    a failed launch left half-made would have the plug-in replace the machine. It is dropped, and the machine adopted.
    """
    if machine.id == prior.machine_id:
        return prior.record or machine.launch
    return machine.launch + ADOPTED


def _keep(settings: Settings, prior: Prior, facts: Facts, living: Instance) -> Plan:
    machine = Machine(living.launch, living.zone, living.image_id, _record(living, prior), living)
    captures, retired = _retention(settings, prior, facts)
    # Whoever says `running` after a park that failed goes on working: the image that it left is outdated.
    outdated = tuple(image.id for image in facts.images or () if image.machine_id == living.id)
    notes = drift_notes(settings, prior, facts, living)
    return Plan(Action.KEEP, living.zone, machine, captures, retired=retired, outdated=outdated, notes=notes)


def _park(settings: Settings, prior: Prior, facts: Facts, living: Instance) -> Plan:
    images = facts.images or ()
    current = [image for image in images if image.id not in prior.outdated]
    made = newest(image for image in current if proves(image, living, facts) or is_making(image, living))
    captures, retired = _retention(settings, prior, facts, coming=0 if made and made.usable else 1, parking=True)
    notes = drift_notes(settings, prior, facts, living)
    if made:
        notes = (*notes, f"An image of this machine exists already ({made.name}, {made.id}): it is used, none is made.")
    else:
        known = [image.generation for image in images] + [taken.generation for taken in prior.captures]
        captures = (*captures, Capture(max(known, default=0) + 1, living.id))
    return Plan(
        Action.PARK,
        living.zone,
        None,
        captures,
        leaving=living,
        source=made,
        retired=retired,
        # Said again, for an update that ends without the capture (`--target`): the next one must not take them either.
        outdated=tuple(image.id for image in images if image.id in prior.outdated),
        notes=notes,
    )


def _stay(settings: Settings, prior: Prior, facts: Facts, region: str) -> Plan:
    captures, retired = _retention(settings, prior, facts, parking=True)
    image = newest(image for image in facts.images or () if image.usable)
    notes = drift_notes(settings, prior, facts, None)
    if facts.images is not None and image is None and not settings.discard:
        if prior.captures:
            raise PlanError(_lost(prior.captures))
        raise PlanError(
            "chatglm:state is parked, but this stack has neither a machine to park nor an image. "
            "To launch one: pulumi config set chatglm:state running. "
            "To destroy what is left of the stack: pulumi config set chatglm:discard true, then pulumi destroy."
        )
    if prior.machine_id and facts.instances is not None and image is not None:
        notes = (
            *notes,
            f"The machine {prior.machine_id} is gone (reclaimed or terminated): there is nothing to capture. "
            f"The last image stays: {image.name} ({image.id}), {age(image, facts)} old.",
        )
    zone = prior.zone or first(candidate_zones(settings, region))
    return Plan(Action.STAY_PARKED, zone, None, captures, source=image, retired=retired, notes=notes)


def _launch(settings: Settings, prior: Prior, facts: Facts, region: str) -> Plan:
    captures, retired = _retention(settings, prior, facts)
    notes = list(drift_notes(settings, prior, facts, None))
    source = _source(settings, facts)
    refusal = ""
    if settings.restore_image_id and facts.images is not None and source is None:
        refusal = (
            f"chatglm:restoreImageId is {settings.restore_image_id}, but there is no such image in {region} "
            "that is NORMAL. Name another, or remove the setting to restore from the newest one."
        )
    elif source is None and prior.captures and facts.images is not None and not settings.discard:
        refusal = _lost(prior.captures)
    elif source is not None and source.size_gb > settings.system_disk_gb:
        refusal = (
            f"chatglm:systemDiskGb is {settings.system_disk_gb}, but the image {source.id} needs {source.size_gb} GB: "
            f"a disk cannot be smaller than its image. Set it to {source.size_gb} or more."
        )
    zone, zone_refusal, zone_notes = choose_zone(settings, prior, facts, region)
    notes += zone_notes
    if facts.disk and not refusal:
        refusal = _disk_refusal(settings, facts.disk)
    image_id = source.id if source else _unseen_image(settings, prior, facts)
    if not refusal and not image_id and "public image" in facts.unknown:
        refusal = f"The Windows image could not be looked up. {facts.unknown['public image']}"
    elif not refusal and not image_id and facts.images is not None:
        refusal = (
            f"No public image in {region} matches chatglm:imageName ({settings.image_name!r}). "
            "Name one with chatglm:imageId."
        )
    if prior.machine_id and facts.instances is not None:
        aged = f"its last image is {age(source, facts)} old" if source else "there is no image of it"
        notes.append(f"The machine {prior.machine_id} is gone (reclaimed or terminated); {aged}.")
    launch = facts.now.strftime("%Y%m%d-%H%M%S")
    machine = Machine(launch, zone, image_id, launch)
    restoring = source or (facts.images is None and (settings.restore_image_id or prior.captures))
    action = Action.RESTORE if restoring else Action.LAUNCH
    return Plan(
        action,
        zone,
        machine,
        captures,
        source=source,
        retired=retired,
        notes=tuple(notes),
        refusal=refusal or zone_refusal,
    )


def _source(settings: Settings, facts: Facts) -> Image | None:
    if settings.restore_image_id:
        return facts.named_image if facts.named_image and facts.named_image.usable else None
    return newest(image for image in facts.images or () if image.usable)


def _unseen_image(settings: Settings, prior: Prior, facts: Facts) -> str:
    """The image to launch from where no capture was found; without a look at the cloud, the last one known."""
    if facts.images is None and (settings.restore_image_id or prior.captures):
        return settings.restore_image_id or prior.captures[-1].image_id
    return settings.image_id or facts.public_image_id or ""


def choose_zone(settings: Settings, prior: Prior, facts: Facts, region: str) -> tuple[str, str, list[str]]:
    """The first candidate with stock, or why there is none; and what to say about the ones passed over."""
    zones = candidate_zones(settings, region)
    if not zones:
        return "", f"No zone of {region} is known to sell GPU machines: name some with chatglm:zones.", []
    if facts.offers is None and prior.zone in zones:
        zones = (prior.zone, *(zone for zone in zones if zone != prior.zone))
    passed: list[str] = []
    for zone in zones:
        why = _no_launch(settings, facts, zone)
        if not why:
            return zone, "", passed
        passed.append(f"{settings.instance_type} in {zone}: {why.rstrip('.')}.")
    elsewhere = [
        f"{offer.instance_type} in {offer.zone}" + (f" at {offer.price} CNY/h" if offer.price is not None else "")
        for offer in facts.offers or ()
        if offer.in_stock and (offer.zone not in facts.refused_zones or offer.instance_type != settings.instance_type)
    ]
    advice = f"In stock now: {'; '.join(elsewhere)}." if elsewhere else "No GPU type of this size is in stock here now."
    return zones[0], f"No zone can launch the machine. {' '.join(passed)} {advice} Nothing was changed.", []


def _no_launch(settings: Settings, facts: Facts, zone: str) -> str:
    """Why a zone cannot launch the machine, as far as it is known."""
    if zone in facts.refused_zones:
        return facts.refused_zones[zone]
    if facts.offers is None:
        return ""
    offer = facts.offer(zone, settings.instance_type)
    if offer is None:
        return "does not sell this type"
    return "" if offer.in_stock else offer.reason or "sold out"


def _disk_refusal(settings: Settings, disk: DiskOffer) -> str:
    size = settings.system_disk_gb
    if disk.minimum <= size <= disk.maximum and (size - disk.minimum) % max(disk.step, 1) == 0:
        return ""
    return (
        f"chatglm:systemDiskGb is {size}, but {disk.zone} takes {settings.system_disk_type} system disks of "
        f"{disk.minimum} to {disk.maximum} GB in steps of {disk.step}."
    )


def _retention(
    settings: Settings, prior: Prior, facts: Facts, coming: int = 0, parking: bool = False
) -> tuple[tuple[Capture, ...], tuple[Image, ...]]:
    """The captures to declare again, and the images that the update deletes.

    `coming` counts images that this update will add. Images that Pulumi's state does not hold (kept by an earlier
    destroy, or adopted) are retired only while the stack is parked or being parked.
    """
    places = max(settings.keep_images - coming, 0)
    if facts.images is None:
        held = sorted(prior.captures, key=lambda taken: taken.generation, reverse=True)[: places if coming else None]
        return tuple(_declared(taken) for taken in reversed(held)), ()
    usable = sorted((image for image in facts.images if image.usable), key=lambda image: image.created, reverse=True)
    kept = {image.id for image in usable[:places]}
    held_ids = {taken.image_id for taken in prior.captures}
    captures = tuple(_declared(taken) for taken in prior.captures if taken.image_id in kept)
    return captures, tuple(i for i in usable if i.id not in kept and (parking or i.id in held_ids))


def _declared(taken: Taken) -> Capture:
    return Capture(taken.generation, taken.machine_id, taken.image_id)


def proves(image: Image, machine: Instance, facts: Facts) -> bool:
    """Whether the image holds the machine's last state."""
    return image.usable and image.machine_id == machine.id and facts.now - image.created <= FRESH


def is_making(image: Image, machine: Instance) -> bool:
    """Whether the image is being made of the machine right now, by a call whose answer was lost."""
    return image.state == "CREATING" and image.machine_id == machine.id


def newest(images: Iterable[Image]) -> Image | None:
    return max(images, key=lambda image: image.created, default=None)


def first(zones: tuple[str, ...]) -> str:
    return zones[0] if zones else ""


def _lost(captures: tuple[Taken, ...]) -> str:
    last = max(captures, key=lambda taken: taken.generation)
    return (
        f"The image {last.image_id} (capture {last.generation}), which held the parked machine, was deleted outside "
        "Pulumi, and there is no other image of this stack. Restore from another image of yours with "
        "pulumi config set chatglm:restoreImageId img-..., or begin anew from a bare Windows with "
        "pulumi config set chatglm:discard true."
    )


def age(image: Image, facts: Facts) -> str:
    """How old an image is, in words."""
    minutes = max(0, int((facts.now - image.created).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"
