"""What a park does beyond Pulumi's own steps: to machines and images that its state does not hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pulumi

from components.capture import Capture
from components.guards import Guards
from components.lifecycle import Action, Plan
from components.prior import Prior


def finish_parking(plan: Plan, prior: Prior, captures: Sequence[Capture], guards: Guards) -> pulumi.Output[bool]:
    """Once the captures stand: end a machine, and retire images, that dropping a resource would not reach.

    An update that was cut off can have launched a machine of which the state knows nothing; a destroy leaves an
    image that no later state holds. Both would go on costing money. The proof is demanded here as in the hooks.
    """
    if plan.action not in (Action.PARK, Action.STAY_PARKED) or pulumi.runtime.is_dry_run():
        return pulumi.Output.from_input(False)
    stray = plan.leaving if plan.leaving and plan.leaving.id != prior.machine_id else None

    async def finish(_: Sequence[str]) -> bool:
        if stray:
            await asyncio.to_thread(guards.end_machine, stray.id)
        if plan.retired:
            await asyncio.to_thread(guards.retire_superseded)
        return True

    return pulumi.Output.all(*(capture.image_id for capture in captures)).apply(finish)
