"""The plan in words: what will be captured, launched, terminated and deleted, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from components.facts import Facts
from components.lifecycle import Action, Plan, age
from components.names import image_name
from components.settings import Settings

_CENT = Decimal("0.01")

#: CNY a GB-month of snapshots, in which images are stored (CBS price overview, about 2022-23; Tencent sells no
#: look-up of this price). The free amount of a region is left out: it depends on what else the account has there.
SNAPSHOT_PRICES = {
    "ap-guangzhou": Decimal("0.13"),
    "ap-shanghai": Decimal("0.13"),
    "ap-nanjing": Decimal("0.13"),
    "ap-beijing": Decimal("0.13"),
    "ap-chengdu": Decimal("0.099"),
    "ap-chongqing": Decimal("0.099"),
    "ap-hongkong": Decimal("0.156"),
    "ap-singapore": Decimal("0.168"),
    "na-siliconvalley": Decimal("0.13"),
    "na-ashburn": Decimal("0.125"),
    "eu-frankfurt": Decimal("0.148"),
    "ap-mumbai": Decimal("0.156"),
}


@dataclass(frozen=True)
class Cost:
    """CNY an hour of the machine with its disk, and CNY a month of a parked image at most; None is unknown."""

    hourly: Decimal | None
    parked_monthly: Decimal | None


def cost(plan: Plan, settings: Settings, facts: Facts, region: str) -> Cost:
    offers = [o for o in facts.offers or () if o.zone == plan.zone and o.instance_type == settings.instance_type]
    machine = offers[0].price if offers else None
    disk = facts.disk_price
    hourly = machine + disk if machine is not None and disk is not None else None
    snapshot = SNAPSHOT_PRICES.get(region)
    size = plan.source.size_gb if plan.source else settings.system_disk_gb
    return Cost(hourly, snapshot * size if snapshot is not None else None)


def announce(plan: Plan, settings: Settings, facts: Facts, region: str, stack: str) -> list[str]:
    """Lines for a person, most important first."""
    return [
        *_deeds(plan, settings, facts, stack),
        _cost_line(plan, cost(plan, settings, facts, region)),
        *plan.notes,
        *unknown_lines(facts),
        *(["chatglm:discard is true: a machine may be terminated without an image of it."] if settings.discard else []),
    ]


def _deeds(plan: Plan, settings: Settings, facts: Facts, stack: str) -> list[str]:
    lines: list[str] = []
    match plan.action:
        case Action.LAUNCH:
            lines.append(
                f"Launch: a new {settings.instance_type} ({settings.charge_type}) in {plan.zone} "
                f"from the Windows image {_image(plan)}; everything is installed from the start."
            )
        case Action.RESTORE if plan.source:
            lines.append(
                f"Restore: a new {settings.instance_type} ({settings.charge_type}) in {plan.zone} from the image "
                f"{plan.source.name} ({plan.source.id}), {age(plan.source, facts)} old."
            )
        case Action.RESTORE:
            lines.append(f"Restore: a new {settings.instance_type} in {plan.zone} from the image {_image(plan)}.")
        case Action.KEEP if plan.machine and plan.machine.living:
            lines.append(f"Keep: the machine {plan.machine.living.id} in {plan.zone} goes on running.")
        case Action.PARK if plan.leaving:
            if capture := plan.new_capture:
                name = image_name(stack, capture.generation, capture.machine_id)
                lines.append(f"Park: {plan.leaving.id} is switched off and captured as the image {name}.")
            lines.append(f"Only when its image is NORMAL, {plan.leaving.id} is terminated, with its disk.")
        case Action.STAY_PARKED if plan.source:
            lines.append(
                f"Parked: the image {plan.source.name} ({plan.source.id}), {age(plan.source, facts)} old, stays."
            )
    lines += [
        f"Then the image {i.name} ({i.id}), {age(i, facts)} old, is deleted with its snapshots." for i in plan.retired
    ]
    return lines


def unknown_lines(facts: Facts) -> list[str]:
    """What could not be looked up, one line for each reason."""
    reasons: dict[str, list[str]] = {}
    for what, why in facts.unknown.items():
        reasons.setdefault(why, []).append(what)
    return [f"Could not look up {', '.join(what)}. {why}" for why, what in reasons.items()]


def _image(plan: Plan) -> str:
    return (plan.machine.image_id if plan.machine else "") or "unknown"


def _cost_line(plan: Plan, cost: Cost) -> str:
    running = f"{cost.hourly.quantize(_CENT)} CNY/h" if cost.hourly is not None else "unknown"
    nothing = "0.00 CNY/h"
    now = running if plan.action in (Action.KEEP, Action.PARK) else nothing
    after = running if plan.action in (Action.KEEP, Action.LAUNCH, Action.RESTORE) else nothing
    line = f"Price of machine and disk: now {now}, after {after}; traffic comes on top."
    if plan.action in (Action.PARK, Action.STAY_PARKED):
        line += f" The image costs {parked_words(cost)}."
    return line


def parked_words(cost: Cost) -> str:
    """What parking costs a month, as far as it can be known."""
    if cost.parked_monthly is None:
        return "an unknown amount a month (no snapshot price is known for this region)"
    return f"at most {cost.parked_monthly.quantize(_CENT)} CNY a month (list price of 2022-23, for a full disk)"
