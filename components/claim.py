"""Taking and holding what a state owns: may this state act at all, and the marks that tell every other state so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pulumi

from components.identity import Identity, stash
from components.images import newest
from components.lifecycle import Action, Plan
from components.prior import Prior
from components.settings import Settings
from tencent.cloud import Cloud
from tencent.errors import CloudError
from tencent.facts import TAG_STACK, Facts, Image, Instance
from tencent.names import owner_tags
from tencent.ownership import RELEASED, Bond, Edition, Holdings, Owner, image_bond, machine_bond
from words import phrase

Thing = Instance | Image


class NotOwnerError(pulumi.RunError):
    """The state may not act: an older copy, one that was taken over, or the loser of a race. Nothing was changed."""


def stop_reason(owner: Owner, holdings: Holdings, prior: Prior) -> str:
    """Why this state may only look; empty where it may act."""
    if holdings.newer:
        thing = max(holdings.newer, key=lambda one: _number(one.edition))
        return phrase(
            "This state is an older copy: {what} was last used by edition {number} of it, and "
            "this copy is at {own}. Nothing was changed. Work with the later copy; only if "
            "that one is lost, make this one the later: pulumi config set chatglm:adopt "
            "{identity}",
            what=_called(thing),
            number=_number(thing.edition),
            own=owner.edition.number,
            identity=owner.identity,
        )
    machines = [thing for thing in holdings.lost if isinstance(thing, Instance)]
    images = [thing for thing in holdings.lost if isinstance(thing, Image) and thing.usable]
    own = [one for one in holdings.machines if one.alive] + [one for one in holdings.images if one.usable]
    taken: list[Thing] = [*machines, *([] if own else images)]
    if taken:
        thing = taken[0]
        return phrase(
            "{what}, which this state names as its own, belongs to another state by now "
            "({owner}): it was taken over. Nothing was changed, and this state may only look. To "
            "take it back: pulumi config set chatglm:adopt {owner}. To forget this state: pulumi "
            "stack rm --force {stack} (nothing in the cloud ends by it).",
            what=_called(thing),
            owner=thing.owner,
            stack=owner.stack,
        )
    adopted = _adopted(owner, holdings)
    if adopted and owner.adopts != owner.identity and (prior.identity is None or not prior.identity.adopting):
        before = [one for one in own if one not in adopted]
        if before:
            return phrase(
                "chatglm:adopt is {adopts}, but this state has {held} already, and a state has one "
                "machine. Nothing was changed. Adopt in a stack of its own (pulumi stack init NAME), "
                "or remove the word: pulumi config rm chatglm:adopt",
                adopts=owner.adopts,
                held=_lower(_called(before[0])),
            )
    return ""


def with_theirs(facts: Facts, holdings: Holdings) -> Facts:
    """The facts as the state that owns it all would see them, for a preview of one that may only look."""
    theirs = (*holdings.newer, *holdings.lost)
    machines = tuple(thing for thing in theirs if isinstance(thing, Instance))
    images = tuple(thing for thing in theirs if isinstance(thing, Image))
    return replace(
        facts,
        instances=None if facts.instances is None else (*facts.instances, *machines),
        images=None if facts.images is None else (*facts.images, *images),
    )


def ownership_notes(owner: Owner, holdings: Holdings, settings: Settings) -> tuple[str, ...]:
    """What of this name is another's, what nobody's, and what is taken over: one line each."""
    notes = [_taken_over(owner, thing) for thing in holdings.unmarked(owner) if not _is_new(owner, thing)]
    notes += [
        phrase(
            "{what} has this stack's name but another owner ({owner}); it is left alone. Only "
            "if the state that it belongs to is lost, take it over: pulumi config set "
            "chatglm:adopt {owner}",
            what=_called(thing),
            owner=thing.owner,
        )
        for thing in holdings.foreign
    ]
    notes += [
        phrase(
            "{what} has this stack's name and was made by an earlier version, but this state "
            "does not know it; it is left alone. If it is yours: pulumi config set chatglm:adopt "
            "{id}",
            what=_called(thing),
            id=thing.id,
        )
        for thing in holdings.unknown
    ]
    notes += [
        phrase(
            "{machine_id} in {zone} {bond}; it is left alone, and costs money. End it in the "
            "console if nobody needs it.",
            machine_id=machine.id,
            zone=machine.zone,
            bond=phrase(Bond.STRAY.value),
        )
        for machine in holdings.strays
    ]
    notes += [
        phrase(
            "{what} was kept by an earlier destroy under this name; it is left alone, and "
            "costs money. To restore from it: pulumi config set chatglm:restoreImageId {image_id}",
            what=_called(image),
            image_id=image.id,
        )
        for image in holdings.free
    ]
    if not holdings.machines and not holdings.images:
        notes += [
            phrase(
                "{what} was kept by a destroy under another name ({stack}). To restore from it "
                "here: pulumi config set chatglm:adopt {image_id}",
                what=_called(image),
                stack=image.stack,
                image_id=image.id,
            )
            for image in holdings.elsewhere
        ]
    if settings.adopt and not owner.adopts:
        notes.append(
            phrase("chatglm:adopt {adopt} was obeyed. Remove it: pulumi config rm chatglm:adopt", adopt=settings.adopt)
        )
    elif owner.adopts and not _adopted(owner, holdings):
        notes.append(
            phrase(
                "Nothing here carries {adopts}, which chatglm:adopt names. Check the word and the region.",
                adopts=owner.adopts,
            )
        )
    return tuple(notes)


def _taken_over(owner: Owner, thing: Thing) -> str:
    if owner.adopts and owner.adopts in (thing.owner, thing.id):
        return phrase(
            "{what} is taken over from the state {owner}, as chatglm:adopt says.",
            what=_called(thing),
            owner=thing.owner or phrase("that knew it"),
        )
    if thing.owner:
        return phrase("{what} was kept by an earlier destroy under this name: it is taken over.", what=_called(thing))
    if not owner.legacy and thing.id in owner.machines | owner.images:
        return phrase("{what} has lost its owner's mark: it is marked again.", what=_called(thing))
    return phrase(
        "{what} was made by an earlier version, without an owner's mark: it is taken over, once.",
        what=_called(thing),
    )


def _is_new(owner: Owner, thing: Thing) -> bool:
    """Made by this state, which was called otherwise then, or a moment ago, so that its tags were not there yet."""
    unmarked = not (thing.stack or thing.owner or owner.legacy)
    return thing.owner == owner.identity or (unmarked and thing.id not in owner.machines | owner.images)


def _adopted(owner: Owner, holdings: Holdings) -> list[Thing]:
    things: list[Thing] = [*holdings.machines, *holdings.images]
    return [thing for thing in things if owner.adopts and owner.adopts in (thing.owner, thing.id)]


@dataclass(frozen=True)
class Claim:
    """How this update stands to what it works on: `owner` is what the cloud is told, `stash` what the state holds.

    `anchor` is the living machine, or the newest image while there is none: it carries the edition of the last update
    that changed something. `identity` is None where the state could not keep one.
    """

    owner: Owner
    stash: pulumi.Resource
    identity: Identity | None = None
    anchor: Thing | None = None
    cloud: Cloud | None = None
    log: Callable[[str], None] = field(default=pulumi.log.warn)

    @property
    def tags(self) -> dict[str, str]:
        """The marks for what this update makes."""
        return owner_tags(self.identity.name, str(self.identity.edition)) if self.identity else {}

    @property
    def network_tags(self) -> dict[str, str]:
        """The network costs nothing and holds no work, so it carries no edition, which would change it at each turn."""
        return owner_tags(self.identity.name) if self.identity else {}

    def demand(self) -> None:
        """Raise NotOwnerError when another state has used the anchor since this update looked."""
        found = _look(self.cloud, self.anchor)
        if found is not None and self.anchor is not None and not _is_as_claimed(self.owner, self.anchor, found):
            raise NotOwnerError(_lost_race(self.owner, found))

    def take(self, holdings: Holdings) -> None:
        """Write the marks: on the anchor, and on everything else of ours that has none yet. Raises NotOwnerError."""
        cloud, identity = self.cloud, self.identity
        if cloud is None or identity is None:
            return
        self.demand()
        unmarked = list(holdings.unmarked(self.owner))
        anchor = self.anchor
        if anchor and anchor.id not in {one.id for one in unmarked} and anchor.edition != str(identity.edition):
            unmarked.append(anchor)
        for thing in unmarked:
            kind = "instance" if isinstance(thing, Instance) else "image"
            tags = {**self.tags, TAG_STACK: self.owner.stack_id}
            try:
                cloud.mark(kind, thing.id, tags)
            except CloudError as error:
                # Not to be able to mark must not keep anybody from parking, which ends a bill.
                self.log(
                    phrase(
                        "{what} could not be marked as this state's own. {reason} Another state of this "
                        "name might take it for its own; grant tag:ModifyResourceTags, and the next update "
                        "marks it.",
                        what=_called(thing),
                        reason=error.reason,
                    )
                )
                return
        self.demand()


def find_anchor(plan: Plan, holdings: Holdings) -> Thing | None:
    """What an update works on: the machine, or the image that a restore starts from, or the newest image."""
    living = plan.leaving or (plan.machine.living if plan.machine else None)
    if living is not None and living.state != "UNKNOWN":
        return living
    usable = [image for image in holdings.images if image.usable]
    if plan.source is not None and plan.source in usable:
        return plan.source
    return newest(usable)


def is_idle(plan: Plan, prior: Prior, holdings: Holdings, owner: Owner) -> bool:
    """Whether the update changes neither what exists nor whose it is: then the edition stays."""
    if plan.refusal:
        return True
    if holdings.unmarked(owner) or plan.retired or _adopted(owner, holdings):
        return False
    if plan.action is Action.KEEP and plan.machine and plan.machine.living:
        return plan.machine.living.id == prior.machine_id
    return plan.action is Action.STAY_PARKED


async def stake(
    identity: Identity, owner: Owner, prior: Prior, plan: Plan, holdings: Holdings, cloud: Cloud | None
) -> Claim:
    """Put the identity into the state, then mark what is ours, in this order: a mark that no state knows locks all out.

    Raises NotOwnerError when another state, or another copy of this one, was quicker.
    """
    anchor = find_anchor(plan, holdings)
    machine = plan.leaving or (plan.machine.living if plan.machine else None)
    launch = machine.launch if machine else plan.machine.launch if plan.machine else ""
    things: tuple[Thing, ...] = (*holdings.machines, *holdings.images)
    beyond = max((_number(thing.edition) for thing in things), default=0) if owner.adopts == owner.identity else 0
    idle = is_idle(plan, prior, holdings, owner)
    wanted = identity if idle else identity.next({*prior.launches, launch}, owner.adopts, beyond)
    resource, held = await stash(wanted)
    if pulumi.runtime.is_dry_run():
        return Claim(_holding(owner, holdings), resource, held)
    if held != wanted and owner.adopts not in ("", owner.identity):
        pulumi.log.warn(
            phrase("chatglm:adopt is {adopts}, but a destroy takes nothing over: pulumi up does.", adopts=owner.adopts)
        )
        owner = replace(owner, adopts="")
    if held is None:
        for line in _left_alone(holdings):
            pulumi.log.warn(line)
        return Claim(_holding(owner, holdings), resource, prior.identity)
    # In a destroy the state keeps the edition that it had: nothing is claimed anew, and what is ours is let go.
    claim = Claim(_holding(replace(owner, edition=held.edition), holdings), resource, held, anchor, cloud)
    if held == wanted and not plan.refusal:
        await asyncio.to_thread(claim.take, holdings)
    return claim


def _holding(owner: Owner, holdings: Holdings) -> Owner:
    """The owner, naming also what it is about to take or let go: nobody's, and what it was told to adopt."""
    theirs = (owner.identity, owner.adopts, RELEASED, "")
    return replace(
        owner,
        machines=owner.machines | {machine.id for machine in holdings.machines if machine.owner in theirs},
        images=owner.images | {image.id for image in holdings.images if image.owner in theirs},
    )


def _left_alone(holdings: Holdings) -> list[str]:
    """What a run that keeps no identity (a destroy of an empty state) leaves as it found it."""
    return [
        phrase(
            "{what} stays where it is and costs money: this run takes nothing over, the next pulumi up does.",
            what=_called(image),
        )
        for image in holdings.images
    ]


def unreachable_notes(prior: Prior, holdings: Holdings, settings: Settings) -> list[str]:
    """Images that `keepImage false` means and that a destroy cannot reach: nothing in the state leads to them."""
    if settings.keep_image or not prior.is_empty:
        return []
    return [
        phrase(
            "chatglm:keepImage is false, but this state is empty, and a destroy of an empty "
            "state ends nothing: {what} would stay and go on costing money. To delete it with "
            "its snapshots: pulumi config set chatglm:state parked, pulumi up (which takes it "
            "over and launches nothing), then pulumi destroy --run-program.",
            what=_called(image),
        )
        for image in holdings.images
    ]


def _look(cloud: Cloud | None, thing: Thing | None) -> Thing | None:
    """The thing as it is now; None where it cannot be seen, since other guards tell that."""
    if cloud is None or thing is None:
        return None
    try:
        return cloud.instance(thing.id) if isinstance(thing, Instance) else cloud.image(thing.id)
    except CloudError:
        return None


def _is_as_claimed(owner: Owner, seen: Thing, found: Thing) -> bool:
    """Whether it carries what it carried when this update looked, or what this update wrote."""
    ours = (owner.identity, str(owner.edition))
    if not found.owner:
        return True  # tags can lag behind what was just made
    return (found.owner, found.edition) in ((seen.owner, seen.edition), ours, (owner.identity, seen.edition))


def _lost_race(owner: Owner, found: Thing) -> str:
    whose = (
        phrase("another copy of this state")
        if found.owner == owner.identity
        else phrase("another state ({owner})", owner=found.owner)
    )
    return phrase(
        "{what} was taken by {whose} while this update was beginning, so this one goes no "
        "further. Nothing of it was changed here. Look who it was, then run the command "
        "again: it tells how things stand.",
        what=_called(found),
        whose=whose,
    )


def demand_own_machine(owner: Owner, machine: Instance) -> None:
    """Raise NotOwnerError unless this state may end the machine."""
    bond = machine_bond(owner, machine)
    if bond is not Bond.OWN:
        raise NotOwnerError(
            phrase(
                "{machine_id} was not ended: it {bond}. {advice}",
                machine_id=machine.id,
                bond=phrase(bond.value),
                advice=_advice(bond),
            )
        )


def own_images(owner: Owner, images: tuple[Image, ...]) -> tuple[Image, ...]:
    """The images that this state may delete or release."""
    return tuple(
        image
        for image in images
        if (bond := image_bond(owner, image)) is Bond.OWN or (bond is Bond.FREE and image.id in owner.images)
    )


def _advice(bond: Bond) -> str:
    if bond is Bond.STRAY:
        return phrase("End it in the console if nobody needs it, then run the same command again.")
    return phrase("Run pulumi preview: it says whose it is, and what can be done.")


def _called(thing: Thing) -> str:
    if isinstance(thing, Instance):
        return phrase("The machine {id} in {zone}", id=thing.id, zone=thing.zone)
    return phrase("The image {name} ({id})", name=thing.name, id=thing.id)


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def _number(edition: str) -> int:
    parsed = Edition.parse(edition)
    return parsed.number if parsed else 0
