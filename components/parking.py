"""What an update does beyond Pulumi's own steps: to machines and images that its state does not hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pulumi

from components.capture import Capture
from components.guards import Guards
from components.lifecycle import Action, Plan
from components.machine import Machine
from components.prior import Prior


def finish_parking(
    plan: Plan, prior: Prior, captures: Sequence[Capture], guards: Guards, machine: Machine | None = None
) -> pulumi.Output[bool]:
    """Once captures and machine stand: end a machine, and retire images, that dropping a resource would not reach.

    An update that was cut off can have launched a machine of which the state knows nothing; a destroy leaves an
    image that no later state holds, and so does a machine that parks itself. All would go on costing money. The proof
    is demanded here as in the hooks.
    """
    made_by_machines = any(image.parked for image in plan.retired)
    parks = plan.action in (Action.PARK, Action.STAY_PARKED)
    if not (parks or made_by_machines) or pulumi.runtime.is_dry_run():
        return pulumi.Output.from_input(False)
    # A machine that the state holds ends by its hook, after everything declared stands, and retires images then.
    stray = plan.leaving if plan.leaving and plan.leaving.id not in prior.held else None

    async def finish(_: Sequence[str]) -> bool:
        if stray:
            await asyncio.to_thread(guards.end_machine, stray.id)
        elif plan.retired and plan.leaving is None:
            await asyncio.to_thread(guards.retire_superseded)
        return True

    stands = [*(capture.image_id for capture in captures), *([machine.instance_id] if machine else [])]
    return pulumi.Output.all(*stands).apply(finish)
