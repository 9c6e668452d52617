"""Bringing a machine that somebody shut down up again, inside an update."""

from __future__ import annotations

import asyncio

import pulumi

from components.lifecycle import Plan
from components.machine import Machine
from components.readiness import NotReadyError
from components.settings import Settings
from tencent.cloud import Cloud
from tencent.pace import poll_seconds
from tencent.power import Power, PowerError


def bring_up(machine: Machine, plan: Plan, settings: Settings, cloud: Cloud | None) -> pulumi.Output[str]:
    """The machine's id, once it is up. Previews start nothing, nor does an update that may throw the machine away."""
    living = plan.machine.living if plan.machine else None
    if living is None or cloud is None or settings.discard or pulumi.runtime.is_dry_run():
        return machine.instance_id
    power = Power(cloud, pulumi.log.info, poll_seconds(2))

    async def start(instance_id: str) -> str:
        try:
            await asyncio.to_thread(power.bring_up, instance_id)
        except PowerError as error:
            raise NotReadyError(str(error)) from None
        return instance_id

    return machine.instance_id.apply(start)
