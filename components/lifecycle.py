"""The plan of one update: which machine and which captures to declare. Pure: facts in, plan out.

Pulumi deletes what a program no longer declares, after everything that it declares stands. The plan leans on
that order: to park is to leave the machine out and to declare an image of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import pulumi

from components.drift import drift_notes
from components.images import CapturePlan, aged, is_making, newest, parked_itself, pinned_notes, proves, retained
from components.prior import Prior, Taken
from components.settings import Settings
from components.zones import candidate_zones, choose_zone, first
from tencent.facts import DiskOffer, Facts, Image, Instance
from words import phrase

#: Ends the name of the record of a machine that no complete update knew.
ADOPTED = "-adopted"


class Action(Enum):
    """What an update does to the machine, in one word."""

    LAUNCH = "launch"
    RESTORE = "restore"
    KEEP = "keep"
    PARK = "park"
    STAY_PARKED = "stay parked"


@dataclass(frozen=True)
class MachinePlan:
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
class Plan:
    """What to declare, what that will do, and what stands in the way.

    `refusal` is what makes the update impossible; it is raised where a resource would be created, so that a
    `destroy`, which creates nothing, is never in its way. `leaving` is the machine that a park ends, `source` the
    image that a restore starts from, `retired` the images that the update deletes with their snapshots, `outdated`
    the ids of images whose machine went on running: they are no proof of its last state, however young.
    """

    action: Action
    zone: str
    machine: MachinePlan | None = None
    captures: tuple[CapturePlan, ...] = ()
    leaving: Instance | None = None
    source: Image | None = None
    retired: tuple[Image, ...] = ()
    outdated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def new_capture(self) -> CapturePlan | None:
        return next((capture for capture in self.captures if not capture.image_id), None)


class PlanError(pulumi.RunError):
    """The wanted state cannot be reached; the text says why and what to do."""


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
    machine = MachinePlan(living.launch, living.zone, living.image_id, _record(living, prior), living)
    captures, retired = retained(settings, prior, facts, staying=living.id)
    # Whoever says `running` after a park that failed goes on working: the image that it left is outdated.
    outdated = tuple(image.id for image in facts.images or () if image.machine_id == living.id)
    notes = (*drift_notes(settings, prior, facts, living), *pinned_notes(settings, facts))
    return Plan(Action.KEEP, living.zone, machine, captures, retired=retired, outdated=outdated, notes=notes)


def _park(settings: Settings, prior: Prior, facts: Facts, living: Instance) -> Plan:
    images = facts.images or ()
    current = [image for image in images if image.id not in prior.outdated]
    made = newest(image for image in current if proves(image, living, facts) or is_making(image, living, facts))
    captures, retired = retained(settings, prior, facts, coming=0 if made and made.usable else 1, parking=True)
    notes = (*drift_notes(settings, prior, facts, living), *pinned_notes(settings, facts))
    if made:
        notes = (
            *notes,
            phrase(
                "An image of this machine exists already ({made}, {image_id}): it is used, none is made.",
                made=made.name,
                image_id=made.id,
            ),
        )
    else:
        known = [image.generation for image in images] + [taken.generation for taken in prior.captures]
        captures = (*captures, CapturePlan(max(known, default=0) + 1, living.id))
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
    captures, retired = retained(settings, prior, facts, parking=True)
    image = newest(image for image in facts.images or () if image.usable)
    notes = (*drift_notes(settings, prior, facts, None), *pinned_notes(settings, facts))
    if facts.images is not None and image is None and not settings.discard:
        if prior.captures:
            raise PlanError(_lost(prior.captures))
        raise PlanError(
            phrase(
                "chatglm:state is parked, but this stack has neither a machine to park nor an image. "
                "To launch one: pulumi config set chatglm:state running. To destroy what is left of "
                "the stack: pulumi config set chatglm:discard true, then pulumi destroy."
            )
        )
    if prior.machine_id and facts.instances is not None and image is not None:
        told = parked_itself(prior.machine_id, image)
        gone = phrase(
            "The machine {machine_id} is gone (reclaimed or terminated): there is nothing to capture.",
            machine_id=prior.machine_id,
        )
        stays = phrase(
            "The last image stays: {image} ({image_id}), {aged}.",
            image=image.name,
            image_id=image.id,
            aged=aged(image, facts),
        )
        notes = (*notes, f"{(told or gone).strip()} {stays}")
    zone = prior.zone or first(candidate_zones(settings, region))
    return Plan(Action.STAY_PARKED, zone, None, captures, source=image, retired=retired, notes=notes)


def _launch(settings: Settings, prior: Prior, facts: Facts, region: str) -> Plan:
    captures, retired = retained(settings, prior, facts)
    source = _source(settings, facts)
    image_id = source.id if source else _unseen_image(settings, prior, facts)
    zone, zone_refusal, passed = choose_zone(settings, prior, facts, region)
    launch = facts.now.strftime("%Y%m%d-%H%M%S")
    restoring = source or (facts.images is None and (settings.restore_image_id or prior.captures))
    return Plan(
        Action.RESTORE if restoring else Action.LAUNCH,
        zone,
        MachinePlan(launch, zone, image_id, launch),
        captures,
        source=source,
        retired=retired,
        notes=(
            *drift_notes(settings, prior, facts, None),
            *pinned_notes(settings, facts, now=True),
            *passed,
            *_gone(prior, facts, source),
        ),
        refusal=_source_refusal(settings, prior, facts, region, source)
        or _disk_refusal(settings, facts.disk)
        or _no_image(settings, facts, region, image_id)
        or zone_refusal,
    )


def _source_refusal(settings: Settings, prior: Prior, facts: Facts, region: str, source: Image | None) -> str:
    """Why the network or the image of this stack can carry no machine; empty where they can."""
    if facts.network is False:
        return phrase(
            "The network {vpc_id} of this state is gone: it was deleted outside Pulumi, or by "
            "another copy of the state. Let Pulumi find that out, then it makes another: pulumi "
            "up --refresh",
            vpc_id=prior.vpc_id,
        )
    if source is None and facts.images is not None:
        if settings.restore_image_id:
            return phrase(
                "chatglm:restoreImageId is {image_id}, but there is no such image in "
                "{region} that is NORMAL. Name another, or remove the setting to restore from the "
                "newest one.",
                image_id=settings.restore_image_id,
                region=region,
            )
        if prior.captures and not settings.discard:
            return _lost(prior.captures)
    if source is not None and source.size_gb > settings.system_disk_gb:
        return phrase(
            "chatglm:systemDiskGb is {size}, but the image {source_id} needs {needed} "
            "GB: a disk cannot be smaller than its image. Set it to {needed} or more.",
            size=settings.system_disk_gb,
            source_id=source.id,
            needed=source.size_gb,
        )
    return ""


def _no_image(settings: Settings, facts: Facts, region: str, image_id: str) -> str:
    """Why there is no image to launch from; empty where there is one, and where nothing was looked up."""
    if image_id:
        return ""
    if "public image" in facts.unknown:
        return phrase("The Windows image could not be looked up. {reason}", reason=facts.unknown["public image"])
    if facts.images is None:
        return ""
    return phrase(
        "No public image in {region} matches chatglm:imageName ({image_name!r}). Name one with chatglm:imageId.",
        region=region,
        image_name=settings.image_name,
    )


def _gone(prior: Prior, facts: Facts, source: Image | None) -> tuple[str, ...]:
    """That the machine of the last update is gone, and what is left of it."""
    if not prior.machine_id or facts.instances is None:
        return ()
    if source and (told := parked_itself(prior.machine_id, source)):
        return (told,)
    known = (
        phrase("its last image is {aged}", aged=aged(source, facts)) if source else phrase("there is no image of it")
    )
    return (
        phrase(
            "The machine {machine_id} is gone (reclaimed or terminated); {known}.",
            machine_id=prior.machine_id,
            known=known,
        ),
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


def _disk_refusal(settings: Settings, disk: DiskOffer | None) -> str:
    size = settings.system_disk_gb
    if disk is None or disk.takes(size):
        return ""
    return phrase(
        "chatglm:systemDiskGb is {size}, but {zone} takes {disk} system disks of "
        "{minimum} to {maximum} GB in steps of {step}.",
        size=size,
        zone=disk.zone,
        disk=settings.system_disk_type,
        minimum=disk.minimum,
        maximum=disk.maximum,
        step=disk.step,
    )


def _lost(captures: tuple[Taken, ...]) -> str:
    last = max(captures, key=lambda taken: taken.generation)
    return phrase(
        "The image {image_id} (capture {generation}), which held the parked machine, was "
        "deleted outside Pulumi, and there is no other image of this stack. Restore from "
        "another image of yours with pulumi config set chatglm:restoreImageId img-..., or "
        "begin anew from a bare Windows with pulumi config set chatglm:discard true.",
        image_id=last.image_id,
        generation=last.generation,
    )
