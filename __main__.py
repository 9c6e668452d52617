"""A ChatGLM machine on Tencent Cloud: `chatglm:state` is its one word, running or parked.

Read the settings, look at the cloud, plan, say the plan, declare what it names, wait until the demo answers.
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pulumi

from components import announcement
from components.capture import Capture, CaptureArgs
from components.claim import (
    NotOwnerError,
    ownership_notes,
    stake,
    stop_reason,
    unreachable_notes,
    with_theirs,
)
from components.context import read_context, render_bootstrap
from components.effects import as_it_stands, effect_notes, find_changes
from components.firewall import address_notes, sent_as_of
from components.guards import Guards
from components.home import HomeRecord, begin_to_ask, look
from components.hooks import register_hooks
from components.identity import Identity
from components.lifecycle import Action
from components.machine import Machine, MachineArgs
from components.network import Network, NetworkArgs
from components.outputs import Now, stack_outputs
from components.parking import finish_parking
from components.power import bring_up
from components.prior import Prior, read_state
from components.readiness import Waited, wait_until_ready
from components.stock import plan_with_stock
from components.survey import demand_sight, survey_at_rest
from tencent.names import image_tags, machine_tags

# Pulumi takes the program's folder off the path before main runs, and what only an update needs is imported then.
sys.path.append(str(Path(__file__).parent))


async def main() -> pulumi.Inputs:
    context = read_context()
    settings, region = context.settings, context.region
    account = begin_to_ask(context)
    state = await read_state()
    here = look(context, state, account)
    prior = Prior.from_state(state).without_images(here.dwelling.forgotten)
    identity = prior.identity or Identity.new()
    owner = prior.owner(identity, context.stack_id, settings.adopt)
    looking = asyncio.ensure_future(asyncio.to_thread(survey_at_rest, context, prior, owner))
    # Where it is certain already, the provider is declared first: its plug-in starts while the cloud is looked at.
    settled = await here.settled()
    early = HomeRecord(settled, context) if settled else None
    facts, holdings = await looking
    arrival = await here.arrive(facts)
    if stop := stop_reason(owner, holdings, prior):
        if not pulumi.runtime.is_dry_run():
            raise NotOwnerError(stop)
        pulumi.log.warn(stop)
        facts = with_theirs(facts, holdings)
    if not pulumi.runtime.is_dry_run():
        demand_sight(facts)
    for line in (*ownership_notes(owner, holdings, settings), *unreachable_notes(prior, holdings, settings)):
        pulumi.log.warn(line)
    seller = None if pulumi.runtime.is_dry_run() else context.cloud
    plan = await asyncio.to_thread(plan_with_stock, settings, prior, facts, region, seller)
    for line in announcement.announce(plan, settings, facts, region, context.stack):
        pulumi.log.info(line)

    living = plan.machine.living if plan.machine else None
    for line in (*effect_notes(find_changes(settings, prior, living), settings), *address_notes(settings, living)):
        pulumi.log.info(line)

    claim = await stake(identity, owner, prior, plan, holdings, context.cloud)
    declared = [capture.generation for capture in plan.captures]
    staying = living.id if living else ""
    guards = Guards(context.cloud, claim.owner, settings, declared, prior.outdated, staying)
    hooks = register_hooks(guards, plan, claim.demand)
    at_home = (early or HomeRecord(arrival.home, context)).options
    parking = plan.action in (Action.PARK, Action.STAY_PARKED)
    # Only once the state has it: in a destroy, what depends on something that was never made is passed over.
    after = [claim.stash] if prior.identity or not prior.is_legacy else []
    as_of = sent_as_of(prior.ingress)
    if not as_of or (plan.machine and not pulumi.runtime.is_dry_run()):
        as_of = f"{facts.now:%Y-%m-%d %H:%M:%S} UTC"
    stored = (facts.ingress or ()) if pulumi.runtime.is_dry_run() else ()
    network_args = NetworkArgs(
        plan.zone, settings, hooks, arrival.found, claim.network_tags, after, parking, as_of, stored
    )
    network = Network("network", network_args, at_home)
    captures = [
        Capture(
            each.name,
            CaptureArgs(
                each,
                image_tags(context.stack_id, each.machine_id, each.generation, context.commit) | claim.tags,
                hooks.capture,
                after,
            ),
            at_home,
        )
        for each in plan.captures
    ]
    machine, waited = None, pulumi.Output.from_input(Waited())
    standing = as_it_stands(settings, prior, living)
    if plan.machine:
        # A preview of a living machine changes nothing of it, so it needs no user data.
        idle = plan.machine.living is not None and pulumi.runtime.is_dry_run()
        rendered = None if idle else render_bootstrap(replace(context, settings=standing))
        tags = {**settings.tags, **machine_tags(context.stack_id, plan.machine.launch), **claim.tags}
        user_data = rendered.user_data if rendered else ""
        after_machine = [capture.image for capture in captures]
        machine_args = MachineArgs(plan.machine, network, settings, user_data, tags, hooks.machine, after_machine)
        machine = Machine("machine", machine_args, at_home)
        is_up = bring_up(machine, plan, settings, context.cloud)
        waited = wait_until_ready(machine, plan, standing, rendered, context.cloud, is_up, region)
    parked = finish_parking(plan, prior, captures, guards, machine)
    now = Now(prior, living is not None and living.id == prior.machine_id, waited, as_of)
    outputs = stack_outputs(plan, standing, facts, region, network, machine, captures, claim, parked, now)
    return outputs | arrival.home.outputs()


pulumi.run(main)
