"""What in the cloud is a stack's own, by the rules of the updates: another state's of that name is never shown as ours.

A removed stack has no state that could own anything: for it the name must do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from operate.stacks import Stack
from tencent.cloud import Cloud
from tencent.facts import Image, Instance
from tencent.ownership import RELEASED, Edition, Owner, sort_out
from words import phrase

#: Stands for the identity of a state that has none (yet): nothing carries it.
_NOBODY = "-"


@dataclass(frozen=True)
class Own:
    """`others` are machines and images of the stack's name that belong to another state, or are marked as copies."""

    machines: tuple[Instance, ...] = ()
    images: tuple[Image, ...] = ()
    others: tuple[Instance | Image, ...] = ()

    def note(self) -> str:
        """What of this name is another's, in one line; empty where nothing is."""
        if not self.others:
            return ""
        named = ", ".join(phrase("{id} (owner {owner})", id=one.id, owner=one.owner) for one in self.others)
        return phrase("Of this stack's name, but another state's, and no part of this: {named}.", named=named)


def owner_of(stack: Stack) -> Owner | None:
    """The stack's state as an owner; None for a stack that was removed."""
    if not stack.exists:
        return None
    told, held = stack.outputs, stack.identity
    captures = [row for row in told.get("captures") or () if isinstance(row.get("imageId"), str)]
    name = str(told.get("identity") or (held.name if held else _NOBODY))
    edition = Edition.parse(str(told.get("edition") or "")) or (held.edition if held else Edition(0, "00000000"))
    return Owner(
        name,
        edition,
        stack.id,
        frozenset({stack.machine_id, *(str(row["machineId"]) for row in captures)} - {""}),
        frozenset(str(row["imageId"]) for row in captures),
        frozenset(held.launches if held else ()),
        str(told.get("vpcId") or ""),
        legacy=name == _NOBODY,
    )


def is_anothers(owner: Owner | None, marked: str) -> bool:
    """Whether what has the stack's name and this owner's mark is another state's."""
    return owner is not None and marked not in ("", RELEASED, owner.identity)


def sort_own(stack: Stack, machines: Iterable[Instance], images: Iterable[Image]) -> Own:
    """What of all that was seen is the stack's own. What a later copy of its state has used is shown as well."""
    owner = owner_of(stack)
    if owner is None:
        named = tuple(one for one in machines if one.stack == stack.id)
        return Own(named, tuple(one for one in images if one.stack == stack.id or _is_named(stack, one)))
    found = sort_out(owner, machines, images)
    return Own(
        (*found.machines, *(one for one in found.newer if isinstance(one, Instance))),
        (*found.images, *(one for one in found.newer if isinstance(one, Image))),
        (*found.foreign, *found.strays),
    )


def find_own(stack: Stack, cloud: Cloud) -> Own:
    """Look in the stack's region. Raises CloudError."""
    return sort_own(stack, seen_machines(stack, cloud), cloud.custom_images())


def seen_machines(stack: Stack, cloud: Cloud) -> tuple[Instance, ...]:
    """Every machine in the region that may be the stack's. Raises CloudError."""
    return cloud.seen_machines({stack.machine_id} - {""})


def _is_named(stack: Stack, image: Image) -> bool:
    """A capture that was cut off before it got its tags."""
    return not image.stack and image.name.startswith(f"chatglm-{stack.id.rpartition('/')[2]}-")
