"""Who a state is: its identity and edition, kept in the state itself by a resource of the engine's own.

The stack's outputs would not do: an update that is killed writes none. The engine's Stash is in the state before
anything is made, goes with every export, import, rename and change of backend, and an older value of it tells an
older copy of the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from tencent.ownership import Edition, new_identity

STASH = "identity"
_STASH = "pulumi:index:Stash"


@dataclass(frozen=True)
class Identity:
    """`launches` are those that no complete update has seen the end of; `adopting` is the word that is being obeyed."""

    name: str
    edition: Edition
    launches: tuple[str, ...] = ()
    adopting: str = ""

    @classmethod
    def new(cls) -> Identity:
        return cls(new_identity(), Edition(0, "00000000"))

    @classmethod
    def from_stash(cls, value: object) -> Identity | None:
        """None where the state holds none, or one that nobody could have written."""
        if not isinstance(value, Mapping) or not value.get("name"):
            return None
        edition = Edition.parse(str(value.get("edition")))
        launches = tuple(str(launch) for launch in value.get("launches") or ())
        return cls(str(value["name"]), edition, launches, str(value.get("adopting") or "")) if edition else None

    @classmethod
    def from_state(cls, resources: Mapping[str, Mapping[str, Any]]) -> Identity | None:
        """What the state holds, given its resources by URN; None where there is no identity among them."""
        for urn, resource in resources.items():
            if resource.get("type") == _STASH and urn.endswith(f"::{STASH}"):
                return cls.from_stash((resource.get("outputs") or {}).get("input"))
        return None

    def next(self, launches: Iterable[str], adopting: str = "", beyond: int = 0) -> Identity:
        """The identity at the begin of an update that changes something.

        `beyond` is the highest edition that anything of ours carries: an older copy that becomes the later one passes
        it.
        """
        edition = replace(self.edition, number=max(self.edition.number, beyond)).next()
        return replace(self, edition=edition, launches=tuple(sorted({*launches} - {""})), adopting=adopting)

    def stashed(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "edition": str(self.edition),
            "launches": list(self.launches),
            "adopting": self.adopting,
        }


async def stash(identity: Identity) -> tuple[pulumi.Stash, Identity | None]:
    """Write the identity into the state; give the resource, and the identity that the state then really holds.

    That is an older one, or None, in a destroy or where `--target` leaves the resource out: nothing was written then.
    """
    resource = pulumi.Stash(STASH, input=identity.stashed())
    # A resource that is passed over is told its own inputs for outputs; but it has no id.
    if not pulumi.runtime.is_dry_run() and not (await resource.id.is_known() and await resource.id.future()):
        return resource, None
    return resource, Identity.from_stash(await resource.input.future())
