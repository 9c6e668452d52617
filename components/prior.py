"""What the stack's previous update left in its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi


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

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> Prior:
        return cls(
            machine_id=outputs.get("machineId") or "",
            zone=outputs.get("zone") or "",
            captures=tuple(
                Taken(int(row["generation"]), str(row["imageId"]), str(row["machineId"]))
                for row in outputs.get("captures") or ()
            ),
        )


async def read_prior() -> Prior:
    """Ask the engine for the stack's own outputs: a program cannot see its state, but may reference its stack."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    stack = pulumi.StackReference(name)
    details = {key: await stack.get_output_details(key) for key in ("machineId", "zone", "captures")}
    return Prior.from_outputs({key: detail.value for key, detail in details.items()})
