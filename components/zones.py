"""Which zone a machine is launched in. Pure."""

from __future__ import annotations

from components.prior import Prior
from components.settings import Settings
from tencent.facts import Facts
from words import phrase

#: Zones that the type list names for GN7, per region (GPU computing types, product document 560, about 2022).
GN7_ZONES = {
    "ap-guangzhou": (3, 4),
    "ap-shanghai": (2, 4),
    "ap-nanjing": (1, 2),
    "ap-beijing": (3, 5),
    "ap-chengdu": (1,),
    "ap-chongqing": (1,),
    "ap-hongkong": (2,),
    "ap-singapore": (1,),
    "ap-mumbai": (2,),
    "na-siliconvalley": (2,),
    "na-ashburn": (2,),
    "eu-frankfurt": (1,),
}


def candidate_zones(settings: Settings, region: str) -> tuple[str, ...]:
    """The zones to try, best first: the ones that the settings name, else the region's known ones."""
    return settings.zones or tuple(f"{region}-{number}" for number in GN7_ZONES.get(region, ()))


def choose_zone(settings: Settings, prior: Prior, facts: Facts, region: str) -> tuple[str, str, list[str]]:
    """The first candidate with stock, or why there is none; and what to say about the ones passed over."""
    zones = candidate_zones(settings, region)
    if not zones:
        return (
            "",
            phrase("No zone of {region} is known to sell GPU machines: name some with chatglm:zones.", region=region),
            [],
        )
    if facts.offers is None and prior.zone in zones:
        zones = (prior.zone, *(zone for zone in zones if zone != prior.zone))
    passed: list[str] = []
    for zone in zones:
        why = _no_launch(settings, facts, zone)
        if not why:
            return zone, "", passed
        passed.append(
            phrase(
                "{instance_type} in {zone}: {why}.",
                instance_type=settings.instance_type,
                zone=zone,
                why=why.rstrip("."),
            )
        )
    elsewhere = [
        phrase("{instance_type} in {zone}", instance_type=offer.instance_type, zone=offer.zone)
        + (phrase(" at {price} CNY/h", price=offer.price) if offer.price is not None else "")
        for offer in facts.offers or ()
        if offer.in_stock and (offer.zone not in facts.refused_zones or offer.instance_type != settings.instance_type)
    ]
    advice = (
        phrase("In stock now: {elsewhere}.", elsewhere="; ".join(elsewhere))
        if elsewhere
        else phrase("No GPU type of this size is in stock here now.")
    )
    return (
        zones[0],
        phrase(
            "No zone can launch the machine. {passed} {advice} Nothing was changed.",
            passed=" ".join(passed),
            advice=advice,
        ),
        [],
    )


def _no_launch(settings: Settings, facts: Facts, zone: str) -> str:
    """Why a zone cannot launch the machine, as far as it is known."""
    if zone in facts.refused_zones:
        return facts.refused_zones[zone]
    if facts.offers is None:
        return ""
    offer = facts.offer(zone, settings.instance_type)
    if offer is None:
        return phrase("does not sell this type")
    return "" if offer.in_stock else offer.reason or phrase("sold out")


def first(zones: tuple[str, ...]) -> str:
    return zones[0] if zones else ""
