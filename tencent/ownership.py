"""Whose a machine or an image is: what it carries, against what one state knows. Pure.

A name is no owner: on plain-file and S3 backends every `dev` of everybody is `organization/chatglm/dev`. So each state
has an identity of its own, made once, kept in the state, and written as a tag on what the state makes. A copied state
carries the same identity; therefore each update that changes something begins a new edition, which stands in the state
and on the machine, or on the newest image while the stack is parked. Who finds a later edition there than their own
state has, holds an older copy.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from tencent.facts import NO_LAUNCH, Image, Instance
from tencent.names import image_name
from words import later

#: Stands in the owner's place on an image that a destroy kept: the next update under that name may take it.
RELEASED = "released"

_EDITION = re.compile(r"(\d{1,9})-([0-9a-f]{8})")
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that look alike: a person may have to type an identity


@dataclass(frozen=True)
class Edition:
    """The turn of a state: its number, and letters that differ where two copies of one state begin the same number."""

    number: int
    letters: str

    @classmethod
    def parse(cls, text: str) -> Edition | None:
        """None for anything but an edition."""
        match = _EDITION.fullmatch(text)
        return cls(int(match[1]), match[2]) if match else None

    def next(self) -> Edition:
        return Edition(self.number + 1, secrets.token_hex(4))

    def is_behind(self, other: Edition | None) -> bool:
        """Whether the other is of an update that this one's state never saw."""
        if other is None:
            return False
        return other.number > self.number or (other.number == self.number and other.letters != self.letters)

    def __str__(self) -> str:
        return f"{self.number}-{self.letters}"


def new_identity() -> str:
    """Twelve letters that no other state has."""
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


@dataclass(frozen=True)
class Owner:
    """One state, as far as it matters for what it owns.

    `machines` and `images` are the ids that the state names, `launches` those that no complete update has seen the end
    of, `vpc_id` its network. `adopts` is the identity, or the id of one machine or image, that a person gave to it in
    words. `legacy`: the state is of a version that had no identities.
    """

    identity: str
    edition: Edition
    stack_id: str
    machines: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    launches: frozenset[str] = frozenset()
    vpc_id: str = ""
    adopts: str = ""
    legacy: bool = False

    @property
    def stack(self) -> str:
        return self.stack_id.rpartition("/")[2]


class Bond(Enum):
    """How a machine or an image stands to a state, in words that follow its name."""

    OWN = later("belongs to this state")
    NEWER = later("was used by a later edition of this state")
    STRAY = later("carries this state's tags, but this state never launched it (its tags were copied)")
    FREE = later("was kept by an earlier destroy under this name")
    ELSEWHERE = later("was kept by an earlier destroy under another name")
    FOREIGN = later("belongs to another state")
    UNKNOWN = later("was made by an earlier version, and this state does not know it")
    NONE = later("has nothing to do with this state")


def machine_bond(owner: Owner, machine: Instance) -> Bond:
    named = machine.id in owner.machines
    if owner.adopts and owner.adopts in (machine.owner, machine.id):
        return Bond.OWN
    if machine.owner == owner.identity:
        if owner.edition.is_behind(Edition.parse(machine.edition)):
            return Bond.NEWER
        return Bond.OWN if named or machine.launch in owner.launches else Bond.STRAY
    if machine.owner:
        return Bond.FOREIGN if named or machine.stack == owner.stack_id else Bond.NONE
    if named or _is_unmarked_launch(owner, machine):
        return Bond.OWN
    return Bond.UNKNOWN if machine.stack == owner.stack_id else Bond.NONE


def _is_unmarked_launch(owner: Owner, machine: Instance) -> bool:
    """Launched by an update that never learned of it, and its tags cannot be seen yet, or were none in those days."""
    own_network = bool(owner.vpc_id) and machine.vpc_id == owner.vpc_id
    if owner.legacy:
        return machine.stack == owner.stack_id and (own_network or not owner.machines)
    return own_network and not machine.stack and bool(owner.launches)


def _with_launch(owner: Owner, machine: Instance) -> Instance:
    """The machine with the launch that its tags would tell, if they could be seen."""
    if machine.launch != NO_LAUNCH or machine.id in owner.machines or not owner.launches:
        return machine
    return replace(machine, launch=max(owner.launches))


def image_bond(owner: Owner, image: Image) -> Bond:
    named = image.id in owner.images
    if owner.adopts and owner.adopts in (image.owner, image.id):
        return Bond.OWN
    if image.owner == owner.identity:
        return Bond.NEWER if owner.edition.is_behind(Edition.parse(image.edition)) else Bond.OWN
    if image.owner == RELEASED:
        return Bond.FREE if named or image.stack == owner.stack_id else Bond.ELSEWHERE
    concerns = named or image.stack == owner.stack_id or (bool(image.stack) and image.machine_id in owner.machines)
    if image.owner:
        return Bond.FOREIGN if concerns else Bond.NONE
    if named or (owner.legacy and image.stack == owner.stack_id) or _is_untagged_capture(owner, image):
        return Bond.OWN
    return Bond.UNKNOWN if image.stack == owner.stack_id else Bond.NONE


def _is_untagged_capture(owner: Owner, image: Image) -> bool:
    """A capture that was cut off before it got its tags: its whole name, and a machine that the state names."""
    if image.stack or image.machine_id not in owner.machines:
        return False
    return image.name == image_name(owner.stack, image.generation, image.machine_id)


@dataclass(frozen=True)
class Holdings:
    """What one look at the cloud found, sorted by whose it is. `machines` and `images` are the state's own.

    Images that are `free`, or of a version without identities, become its own where it has nothing else: they are in
    `images` then. `free` and `unknown` hold those that are left alone.
    """

    machines: tuple[Instance, ...] = ()
    images: tuple[Image, ...] = ()
    newer: tuple[Instance | Image, ...] = ()
    strays: tuple[Instance, ...] = ()
    foreign: tuple[Instance | Image, ...] = ()
    unknown: tuple[Instance | Image, ...] = ()
    free: tuple[Image, ...] = ()
    elsewhere: tuple[Image, ...] = ()  # released under other names
    lost: tuple[Instance | Image, ...] = ()  # the state's, and marked by another owner since

    def unmarked(self, owner: Owner) -> tuple[Instance | Image, ...]:
        """What is the state's own and does not say so yet, or says so under the name that the stack had before."""
        mark = (owner.identity, owner.stack_id)
        things: Sequence[Instance | Image] = (*self.machines, *self.images)
        return tuple(thing for thing in things if (thing.owner, thing.stack) != mark and is_there(thing))


def is_there(thing: Instance | Image) -> bool:
    return thing.alive if isinstance(thing, Instance) else thing.state != "CREATEFAILED"


def sort_out(owner: Owner, machines: Iterable[Instance], images: Iterable[Image]) -> Holdings:
    """Sort what was seen by whose it is. Raises nothing; what has nothing to do with the state is left out."""
    by_machine: dict[Bond, list[Instance]] = {bond: [] for bond in Bond}
    for machine in machines:
        bond = machine_bond(owner, machine)
        by_machine[bond].append(_with_launch(owner, machine) if bond is Bond.OWN else machine)
    by_image: dict[Bond, list[Image]] = {bond: [] for bond in Bond}
    for image in images:
        by_image[image_bond(owner, image)].append(image)
    alive = {bond: tuple(machine for machine in found if machine.alive) for bond, found in by_machine.items()}
    own, free, unknown = by_image[Bond.OWN], by_image[Bond.FREE], by_image[Bond.UNKNOWN]
    named = [image for image in free if image.id in owner.images]
    if not alive[Bond.OWN] and not own:
        # Nothing of its own: what the last owner of the name let go is there to be restored.
        own, free = free, []
        if not own and not alive[Bond.UNKNOWN]:
            own, unknown = unknown, []
    else:
        own, free = own + named, [image for image in free if image not in named]
    foreign: tuple[Instance | Image, ...] = (*alive[Bond.FOREIGN], *by_image[Bond.FOREIGN])
    return Holdings(
        machines=tuple(by_machine[Bond.OWN]),
        images=tuple(own),
        newer=(*alive[Bond.NEWER], *by_image[Bond.NEWER]),
        strays=alive[Bond.STRAY],
        foreign=foreign,
        unknown=(*alive[Bond.UNKNOWN], *unknown),
        free=tuple(free),
        elsewhere=tuple(by_image[Bond.ELSEWHERE]),
        lost=tuple(thing for thing in foreign if _was_ours(owner, thing)),
    )


def _was_ours(owner: Owner, thing: Instance | Image) -> bool:
    """What the state names, or an image that another owner made of a machine that the state names."""
    made_of_ours = isinstance(thing, Image) and thing.machine_id in owner.machines
    return made_of_ours or thing.id in owner.machines | owner.images
