"""What an image proves of its machine, and which images stay. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from components.prior import Prior, Taken
from components.settings import Settings
from guest.unattended.names import parse_parked
from guest.unattended.words import say
from tencent.facts import Facts, Image, Instance
from words import LANGUAGES, language, phrase

#: An image that is this young counts as the last state of its machine: an update that failed after its capture
#: may go on with that image. Twice the hour that the plug-in gives an image to become NORMAL.
FRESH = timedelta(hours=2)


@dataclass(frozen=True)
class CapturePlan:
    """An image to declare. `image_id` is empty until it is taken."""

    generation: int
    machine_id: str
    image_id: str = ""

    @property
    def name(self) -> str:
        return f"capture-{self.generation}"


def retained(
    settings: Settings, prior: Prior, facts: Facts, coming: int = 0, parking: bool = False, staying: str = ""
) -> tuple[tuple[CapturePlan, ...], tuple[Image, ...]]:
    """The captures to declare again, and the images that the update deletes.

    `coming` counts images that this update will add. Images that Pulumi's state does not hold (kept by an earlier
    destroy, or adopted) are retired only while the stack is parked or being parked; those that machines made of
    themselves always, or one would come with each night. What the machine that stays (`staying`) made of itself neither
    counts nor goes: it may be about to end itself by that image, or has worked on since and deletes it.
    """
    places = max(settings.keep_images - coming, 0)
    taken_ones = [taken for taken in prior.captures if taken.image_id not in prior.forgotten]
    if facts.images is None:
        held = sorted(taken_ones, key=lambda taken: taken.generation, reverse=True)[: places if coming else None]
        return tuple(_declared(taken) for taken in reversed(held)), ()
    counting = (image for image in facts.images if image.usable and not made_of_itself(image, staying))
    usable = sorted(counting, key=lambda image: image.created, reverse=True)
    # Never the one that a restore is pinned to: it may be what this very update restores from.
    kept = {image.id for image in usable[:places]} | {settings.restore_image_id}
    held_ids = {taken.image_id for taken in taken_ones}
    captures = tuple(_declared(taken) for taken in taken_ones if taken.image_id in kept)
    return captures, tuple(i for i in usable if i.id not in kept and (parking or i.parked or i.id in held_ids))


def pinned_notes(settings: Settings, facts: Facts, *, now: bool = False) -> tuple[str, ...]:
    """That a restore is pinned to one image, and how old that is beside the newest. `now`: in this update."""
    if not settings.restore_image_id or facts.images is None:
        return ()
    image, last = facts.named_image, newest(image for image in facts.images if image.usable)
    found = phrase(", ") + aged(image, facts) if image else phrase(", which does not exist here")
    line = phrase(
        "chatglm:restoreImageId pins {which} restore to {image_id}{found}",
        which=phrase("this") if now else phrase("the next"),
        image_id=settings.restore_image_id,
        found=found,
    )
    if last and last.id != settings.restore_image_id:
        line += phrase("; the newest is {newest}, {aged}", newest=last.id, aged=aged(last, facts))
    return (phrase("{line}. To restore from the newest again: pulumi config rm chatglm:restoreImageId", line=line),)


def _declared(taken: Taken) -> CapturePlan:
    return CapturePlan(taken.generation, taken.machine_id, taken.image_id)


def proves(image: Image, machine: Instance, facts: Facts) -> bool:
    """Whether the image holds the last state of a machine that lives.

    One that the machine made of itself never does: a machine that lives has given its own park up, and worked on.
    """
    return image.usable and not image.parked and image.machine_id == machine.id and facts.now - image.created <= FRESH


def made_of_itself(image: Image, machine_id: str) -> bool:
    """Whether this machine made the image of itself."""
    return bool(image.parked and machine_id) and image.machine_id == machine_id


def parked_itself(machine_id: str, image: Image) -> str:
    """When and why the machine parked itself, in words before others; empty where this image is not of its park."""
    if not made_of_itself(image, machine_id):
        return ""
    parked = parse_parked(image.parked)
    why = say(parked.reason)[LANGUAGES.index(language())]
    return phrase(
        "The machine {machine_id} parked itself at {at}: {why}.", machine_id=machine_id, at=parked.at, why=why
    )


def is_making(image: Image, machine: Instance, facts: Facts) -> bool:
    """Whether the image is being made of the machine right now, by a call whose answer was lost."""
    made_by_us = image.machine_id == machine.id and not image.parked
    return image.state == "CREATING" and made_by_us and not image.is_stuck(facts.now)


def newest(images: Iterable[Image]) -> Image | None:
    return max(images, key=lambda image: image.created, default=None)


def aged(image: Image, facts: Facts) -> str:
    """How old an image is, in words. A local cloud that lives faster than real time makes images in the future."""
    minutes = int((facts.now - image.created).total_seconds() // 60)
    if minutes < -1:
        made = f"{image.created:%Y-%m-%d %H:%M} UTC"
        return phrase(
            "made {made} by the cloud's clock, which runs {span} ahead of this computer's",
            made=made,
            span=_span(-minutes),
        )
    return phrase("{span} old", span=_span(max(0, minutes)))


def _span(minutes: int) -> str:
    if minutes < 60:
        return phrase("{minutes} min", minutes=minutes)
    if minutes < 48 * 60:
        return phrase("{hours} h", hours=minutes // 60)
    return phrase("{minutes} days", minutes=minutes // (24 * 60))
