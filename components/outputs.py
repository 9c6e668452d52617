"""What an update leaves behind: for people, and for the next update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pulumi

from components.announcement import cost
from components.capture import Capture
from components.facts import Facts
from components.firewall import operator_rules
from components.lifecycle import Plan
from components.machine import Machine
from components.network import Network
from components.rules import RDP_PORT
from components.settings import Settings


def stack_outputs(
    plan: Plan,
    settings: Settings,
    facts: Facts,
    region: str,
    network: Network,
    machine: Machine | None,
    captures: Sequence[Capture],
) -> dict[str, pulumi.Input[Any]]:
    """Prices are texts in CNY, "unknown" where they could not be looked up."""
    prices = cost(plan, settings, facts, region)
    outputs: dict[str, pulumi.Input[Any]] = {
        "state": settings.state,
        "zone": plan.zone,
        "captures": [
            {"generation": each.generation, "machineId": each.machine_id, "imageId": capture.image_id}
            for each, capture in zip(plan.captures, captures, strict=True)
        ],
        "securityGroupId": network.security_group_id,
        "ingress": [asdict(rule) for rule in operator_rules(settings)],
        "hourlyPrice": "unknown" if prices.hourly is None else f"{prices.hourly:.2f}",
        "parkedMonthlyPrice": "unknown" if prices.parked_monthly is None else f"{prices.parked_monthly:.2f}",
    }
    if plan.outdated:
        outputs["outdatedImages"] = list(plan.outdated)
    if machine and plan.machine:
        outputs |= {
            "record": plan.machine.record,
            "machineId": machine.instance_id,
            "address": machine.address,
            "demoUrl": pulumi.Output.concat("http://", machine.address, f":{settings.demo_port}"),
            "rdpAddress": pulumi.Output.concat(machine.address, f":{RDP_PORT}"),
            "demoUser": settings.demo_user,
            "demoPassword": pulumi.Output.secret(settings.login_password(pulumi.get_stack())),
        }
    return outputs
