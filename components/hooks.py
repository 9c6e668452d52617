"""The hooks that the resources carry: when Pulumi is about to make, change or delete something, who is asked first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pulumi
from pulumi.output import UNKNOWN, Unknown

from components.guards import Guards, RefusedError
from components.lifecycle import Plan
from words import later, phrase

#: Inputs whose change the plug-in carries out by reinstalling, resizing or rebooting the living machine.
DANGEROUS_INPUTS = {
    "imageId": later("it would reinstall the system disk and wipe the machine"),
    "keepImageLogin": later("it would reinstall the system disk and wipe the machine"),
    "disableSecurityService": later("it would reinstall the system disk and wipe the machine"),
    "disableMonitorService": later("it would reinstall the system disk and wipe the machine"),
    "disableAutomationService": later("it would reinstall the system disk and wipe the machine"),
    "instanceType": later("it would stop the machine, and spot machines cannot change their type"),
    "systemDiskSize": later("it would stop the machine, and disks of spot machines cannot grow"),
    "systemDiskType": later("it would stop the machine, and disks of spot machines cannot change"),
    "password": later("it would force the machine off"),
    "hostname": later("it would reboot the machine"),
}


@dataclass(frozen=True)
class Hooks:
    """The hooks of one program run, registered by name. A parked program registers them too, for the deletion."""

    machine: pulumi.ResourceHookBinding
    capture: pulumi.ResourceHookBinding
    vpc: pulumi.ResourceHookBinding
    subnet: pulumi.ResourceHookBinding
    security_group: pulumi.ResourceHookBinding


async def refuse_dangerous_change(args: pulumi.ResourceHookArgs) -> None:
    """Stop an update that would reinstall or reboot a living machine. The program ignores such changes already."""
    old, new = args.old_inputs or {}, args.new_inputs or {}
    changed = [name for name in DANGEROUS_INPUTS if await _differs(old.get(name), new.get(name))]
    if changed:
        reasons = phrase("; ").join(
            phrase("{title}: {told}", title=name, told=phrase(DANGEROUS_INPUTS[name])) for name in changed
        )
        raise RefusedError(
            phrase(
                "{id} stays as it is ({reasons}). Park and restore: the new machine takes the new settings.",
                id=args.id,
                reasons=reasons,
            )
        )


async def _differs(old: object, new: object) -> bool:
    """Whether an input really changes. The engine passes secrets as Outputs, of which no two are equal.

    An adopted machine's inputs lack what the API does not tell; the plug-in takes absent and false for the same.
    What a preview does not know yet is judged in the update.
    """
    before, after = await _plain(old), await _plain(new)
    return not isinstance(after, Unknown) and (before or None) != (after or None)


async def _plain(value: object) -> object:
    if not isinstance(value, pulumi.Output):
        return value
    return await value.future() if await value.is_known() else UNKNOWN


def register_hooks(guards: Guards, plan: Plan, demand_claim: Callable[[], None]) -> Hooks:
    """Register every hook. The plan's refusal stops each creation, in previews too; a destroy creates nothing.

    `demand_claim` raises when another state has taken what this one works on since it looked.
    """
    living = plan.machine.living if plan.machine else None

    def refuse_creation(_: pulumi.ResourceHookArgs) -> None:
        if plan.refusal:
            raise RefusedError(plan.refusal)

    def refuse_second_machine(_: pulumi.ResourceHookArgs) -> None:
        if living and living.state != "UNKNOWN":
            raise RefusedError(
                phrase(
                    "{machine_id} lives, so no other machine is launched in its place. To replace it, "
                    "park and restore: pulumi config set chatglm:state parked, pulumi up, and the same "
                    "with running.",
                    machine_id=living.id,
                )
            )

    async def demand_claim_still(_: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(demand_claim)

    # The work waits on the cloud for minutes, so it must not hold up the event loop that answers the engine.
    async def end_machine(args: pulumi.ResourceHookArgs) -> None:
        if living and plan.machine and args.id == living.id and args.name != plan.machine.name:
            return  # only its record goes: the program declares the machine under another name
        await asyncio.to_thread(guards.end_machine, args.id)

    async def retire_capture(args: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(guards.retire_capture, args.name)

    async def end_vpc(args: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(guards.end_stack)
        await asyncio.to_thread(guards.clear_subnets, args.id, (args.old_inputs or {})["name"])

    async def clear_subnet(args: pulumi.ResourceHookArgs) -> None:
        wanted = args.new_inputs or {}
        await asyncio.to_thread(guards.clear_subnets, wanted["vpcId"], wanted["name"], wanted["cidrBlock"])

    async def end_security_group(args: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(guards.end_security_group, args.id)

    async def end_strays_of_subnet(args: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(guards.end_strays, args.id)

    async def demand_image_quota(args: pulumi.ResourceHookArgs) -> None:
        await asyncio.to_thread(guards.demand_image_quota)
        await asyncio.to_thread(guards.settle_machine, (args.new_inputs or {})["instanceId"])

    previewed = pulumi.ResourceHookOptions(on_dry_run=True)
    refuse = pulumi.ResourceHook("refuse-creation", refuse_creation, previewed)
    keep = pulumi.ResourceHook("keep-machine", refuse_dangerous_change, previewed)
    return Hooks(
        machine=pulumi.ResourceHookBinding(
            before_create=[
                refuse,
                pulumi.ResourceHook("keep-only-machine", refuse_second_machine, previewed),
                pulumi.ResourceHook("demand-claim", demand_claim_still),
            ],
            before_update=[keep],
            before_delete=[pulumi.ResourceHook("end-machine", end_machine)],
        ),
        capture=pulumi.ResourceHookBinding(
            before_create=[pulumi.ResourceHook("demand-image-quota", demand_image_quota)],
            before_delete=[pulumi.ResourceHook("retire-capture", retire_capture)],
        ),
        # Only a destroy deletes the VPC: the moment for what no resource of the state stands for.
        vpc=pulumi.ResourceHookBinding(before_create=[refuse], before_delete=[pulumi.ResourceHook("end-vpc", end_vpc)]),
        subnet=pulumi.ResourceHookBinding(
            before_create=[refuse, pulumi.ResourceHook("clear-subnet", clear_subnet)],
            before_delete=[pulumi.ResourceHook("end-strays-of-subnet", end_strays_of_subnet)],
        ),
        security_group=pulumi.ResourceHookBinding(
            before_delete=[pulumi.ResourceHook("end-security-group", end_security_group)]
        ),
    )
