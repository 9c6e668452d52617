"""A ChatGLM machine on Tencent Cloud: `chatglm:state` is its one word, running or parked.

Read the settings, look at the cloud, plan, say the plan, declare what it names.
"""

import asyncio

import pulumi

from components import announcement, lifecycle
from components.capture import Capture, CaptureArgs
from components.cloud import Access, Cloud, find_region
from components.guards import Guards, register_hooks
from components.machine import Machine, MachineArgs
from components.names import find_commit, image_tags, machine_tags
from components.network import Network, NetworkArgs
from components.outputs import end_stray, stack_outputs
from components.prior import read_prior
from components.settings import load_settings
from components.survey import demand_sight, survey


async def main() -> pulumi.Inputs:
    config = pulumi.runtime.get_config_env()
    settings = load_settings(config, pulumi.runtime.get_config_secret_keys_env())
    stack = pulumi.get_stack()
    stack_id = f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}"
    region, commit = find_region(config), find_commit()
    access = Access.find(config)
    cloud = Cloud(access) if access else None

    prior = await read_prior()
    facts = await asyncio.to_thread(survey, settings, prior, cloud, stack_id, region)
    if not pulumi.runtime.is_dry_run():
        demand_sight(facts)
    plan = lifecycle.plan(settings, prior, facts, region)
    for line in announcement.announce(plan, settings, facts, region, stack):
        pulumi.log.info(line)

    guards = Guards(cloud, stack_id, settings, declared=[capture.generation for capture in plan.captures])
    hooks = register_hooks(guards, plan.refusal)
    network = Network("network", NetworkArgs(plan.zone, settings, hooks))
    captures = [
        Capture(
            each.name, CaptureArgs(each, image_tags(stack_id, each.generation, each.machine_id, commit), hooks.capture)
        )
        for each in plan.captures
    ]
    machine = None
    if plan.machine:
        tags = {**settings.tags, **machine_tags(stack_id, plan.machine.launch)}
        machine = Machine(
            "machine",
            MachineArgs(
                plan.machine,
                network,
                settings,
                "<powershell>Set-Content C:\\chatglm.txt up</powershell>",
                tags,
                hooks.machine,
            ),
        )
    end_stray(plan, prior, captures, guards)
    return stack_outputs(plan, settings, facts, region, machine, captures)


pulumi.run(main)
