"""A ChatGLM machine on Tencent Cloud: `chatglm:state` is its one word, running or parked.

Read the settings, look at the cloud, plan, say the plan, declare what it names, wait until the demo answers.
"""

import asyncio

import pulumi

from components import announcement
from components.capture import Capture, CaptureArgs
from components.context import read_context, render_bootstrap
from components.guards import Guards
from components.hooks import register_hooks
from components.machine import Machine, MachineArgs
from components.names import image_tags, machine_tags
from components.network import Network, NetworkArgs
from components.outputs import stack_outputs
from components.parking import finish_parking
from components.prior import read_prior
from components.stock import plan_with_stock
from components.survey import demand_sight, survey
from components.waiting import wait_until_ready


async def main() -> pulumi.Inputs:
    context = read_context()
    settings, region = context.settings, context.region
    prior = await read_prior()
    facts = await asyncio.to_thread(survey, settings, prior, context.cloud, context.stack_id, region)
    if not pulumi.runtime.is_dry_run():
        demand_sight(facts)
    seller = None if pulumi.runtime.is_dry_run() else context.cloud
    plan = await asyncio.to_thread(plan_with_stock, settings, prior, facts, region, seller)
    for line in announcement.announce(plan, settings, facts, region, context.stack):
        pulumi.log.info(line)

    declared = [capture.generation for capture in plan.captures]
    guards = Guards(context.cloud, context.stack_id, settings, declared, prior.outdated)
    hooks = register_hooks(guards, plan)
    network = Network("network", NetworkArgs(plan.zone, settings, hooks))
    captures = [
        Capture(each.name, CaptureArgs(each, image_tags(context.stack_id, each, context.commit), hooks.capture))
        for each in plan.captures
    ]
    machine = None
    if plan.machine:
        # A preview of a living machine changes nothing of it, so it needs no user data.
        idle = plan.machine.living is not None and pulumi.runtime.is_dry_run()
        rendered = None if idle else render_bootstrap(context)
        tags = {**settings.tags, **machine_tags(context.stack_id, plan.machine.launch)}
        user_data = rendered.user_data if rendered else ""
        machine = Machine("machine", MachineArgs(plan.machine, network, settings, user_data, tags, hooks.machine))
        wait_until_ready(machine, plan, settings, rendered, context.cloud)
    finish_parking(plan, prior, captures, guards)
    return stack_outputs(plan, settings, facts, region, network, machine, captures)


pulumi.run(main)
