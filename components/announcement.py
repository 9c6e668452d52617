"""The plan in words: what will be captured, launched, terminated and deleted, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from components.images import aged
from components.lifecycle import Action, Plan
from components.settings import Settings
from tencent.facts import Facts
from tencent.names import image_name
from words import phrase

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
        *(
            [phrase("chatglm:discard is true: a machine may be terminated without an image of it.")]
            if settings.discard
            else []
        ),
    ]


def _deeds(plan: Plan, settings: Settings, facts: Facts, stack: str) -> list[str]:
    lines: list[str] = []
    match plan.action:
        case Action.LAUNCH:
            lines.append(
                phrase(
                    "Launch: a new {instance_type} ({charge_type}) in {zone} from the Windows image "
                    "{image}; everything is installed from the start.",
                    instance_type=settings.instance_type,
                    charge_type=settings.charge_type,
                    zone=plan.zone,
                    image=_image(plan),
                )
            )
        case Action.RESTORE if plan.source:
            lines.append(
                phrase(
                    "Restore: a new {instance_type} ({charge_type}) in {zone} from the image {image} "
                    "({image_id}), {aged}.",
                    instance_type=settings.instance_type,
                    charge_type=settings.charge_type,
                    zone=plan.zone,
                    image=plan.source.name,
                    image_id=plan.source.id,
                    aged=aged(plan.source, facts),
                )
            )
        case Action.RESTORE:
            lines.append(
                phrase(
                    "Restore: a new {instance_type} in {zone} from the image {image}.",
                    instance_type=settings.instance_type,
                    zone=plan.zone,
                    image=_image(plan),
                )
            )
        case Action.KEEP if plan.machine and plan.machine.living:
            lines.append(
                phrase(
                    "Keep: the machine {machine_id} in {zone} goes on running.",
                    machine_id=plan.machine.living.id,
                    zone=plan.zone,
                )
            )
        case Action.PARK if plan.leaving:
            if capture := plan.new_capture:
                name = image_name(stack, capture.generation, capture.machine_id)
                lines.append(
                    phrase(
                        "Park: {machine_id} is switched off and captured as the image {name}.",
                        machine_id=plan.leaving.id,
                        name=name,
                    )
                )
            lines.append(
                phrase(
                    "Only when its image is NORMAL, {machine_id} is terminated, with its disk.",
                    machine_id=plan.leaving.id,
                )
            )
        case Action.STAY_PARKED if plan.source:
            lines.append(
                phrase(
                    "Parked: the image {image} ({image_id}), {aged}, stays.",
                    image=plan.source.name,
                    image_id=plan.source.id,
                    aged=aged(plan.source, facts),
                )
            )
    lines += [
        phrase(
            "Then the image {image} ({image_id}), {aged}, is deleted with its snapshots.",
            image=image.name,
            image_id=image.id,
            aged=aged(image, facts),
        )
        for image in plan.retired
    ]
    return lines


def unknown_lines(facts: Facts) -> list[str]:
    """What could not be looked up, one line for each reason."""
    reasons: dict[str, list[str]] = {}
    for what, why in facts.unknown.items():
        reasons.setdefault(why, []).append(what)
    return [
        phrase("Could not look up {what}. {why}", what=phrase(", ").join(map(phrase, what)), why=why)
        for why, what in reasons.items()
    ]


def _image(plan: Plan) -> str:
    return (plan.machine.image_id if plan.machine else "") or phrase("unknown")


def _cost_line(plan: Plan, cost: Cost) -> str:
    running = (
        phrase("{price} CNY/h", price=cost.hourly.quantize(_CENT)) if cost.hourly is not None else phrase("unknown")
    )
    nothing = phrase("0.00 CNY/h")
    now = running if plan.action in (Action.KEEP, Action.PARK) else nothing
    after = running if plan.action in (Action.KEEP, Action.LAUNCH, Action.RESTORE) else nothing
    line = phrase("Price of machine and disk: now {now}, after {after}; traffic comes on top.", now=now, after=after)
    if plan.action in (Action.PARK, Action.STAY_PARKED):
        line += phrase(" The image costs {cost}.", cost=parked_words(cost))
    return line


def parked_words(cost: Cost) -> str:
    """What parking costs a month, as far as it can be known."""
    if cost.parked_monthly is None:
        return phrase("an unknown amount a month (no snapshot price is known for this region)")
    return phrase(
        "at most {price} CNY a month (list price of 2022-23, for a full disk)",
        price=cost.parked_monthly.quantize(_CENT),
    )
