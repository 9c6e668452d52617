"""What the stack's previous update left in its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.firewall import Rule

_KEYS = ("machineId", "zone", "captures", "securityGroupId", "ingress", "record", "outdatedImages")


@dataclass(frozen=True)
class Taken:
    """A capture that Pulumi's state holds."""

    generation: int
    image_id: str
    machine_id: str


@dataclass(frozen=True)
class Prior:
    """Outputs of the last update that came to its end; empty for a new stack."""

    machine_id: str = ""
    zone: str = ""
    captures: tuple[Taken, ...] = ()
    security_group_id: str = ""
    ingress: tuple[Rule, ...] = ()  # what the security group was given
    record: str = ""  # names the machine's resource
    outdated: tuple[str, ...] = ()  # images whose machine went on running

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> Prior:
        return cls(
            machine_id=outputs.get("machineId") or "",
            zone=outputs.get("zone") or "",
            captures=tuple(
                Taken(int(row["generation"]), str(row["imageId"]), str(row["machineId"]))
                for row in outputs.get("captures") or ()
                if isinstance(row.get("imageId"), str)  # unknown where the update never came to make the image
            ),
            security_group_id=outputs.get("securityGroupId") or "",
            record=outputs.get("record") or "",
            outdated=tuple(outputs.get("outdatedImages") or ()),
            ingress=tuple(Rule(**row) for row in outputs.get("ingress") or ()),
        )


async def read_prior() -> Prior:
    """Ask the engine for the stack's own outputs: a program cannot see its state, but may reference its stack."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    stack = pulumi.StackReference(name)
    details = {key: await stack.get_output_details(key) for key in _KEYS}
    return Prior.from_outputs({key: detail.value for key, detail in details.items()})
