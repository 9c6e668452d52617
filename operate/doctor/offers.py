"""What Tencent sells now: the machine and its disk, in every zone that may be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from components.settings import Settings
from components.stock import STOCK_REFUSALS
from operate.doctor.answers import Answers
from operate.findings import Finding, Verdict, failure, ok, warning
from tencent.errors import CloudError
from tencent.facts import DiskOffer, Offer
from words import phrase


def check_stock(
    settings: Settings, zones: Iterable[str], answers: Answers, runs: Mapping[str, CloudError | None]
) -> list[Finding]:
    """Stock and price of the type in every candidate zone."""
    offers: tuple[Offer, ...] | None = answers.get("stock")
    if offers is None:
        return []
    findings = []
    for zone in zones:
        offer = next((o for o in offers if o.zone == zone and o.instance_type == settings.instance_type), None)
        refusal = runs.get(zone)
        if offer is None:
            findings.append(
                warning(
                    "stock",
                    phrase("{zone} does not sell {instance_type}.", zone=zone, instance_type=settings.instance_type),
                    phrase("It is passed over."),
                )
            )
        elif not offer.in_stock or (refusal and refusal.code.startswith(STOCK_REFUSALS)):
            findings.append(
                warning(
                    "stock",
                    phrase(
                        "{zone}: {instance_type} is sold out ({reason}).",
                        zone=zone,
                        instance_type=settings.instance_type,
                        reason=offer.reason or phrase("no reason"),
                    ),
                )
            )
        else:
            price = phrase("unknown price") if offer.price is None else phrase("{price:.2f} CNY/h", price=offer.price)
            findings.append(
                ok(
                    "stock",
                    phrase(
                        "{zone}: {instance_type} in stock, {price} ({charge_type}).",
                        zone=zone,
                        instance_type=settings.instance_type,
                        price=price,
                        charge_type=settings.charge_type,
                    ),
                )
            )
    if not any(one.verdict is Verdict.OK for one in findings):
        elsewhere = [
            phrase("{instance_type} in {zone}", instance_type=o.instance_type, zone=o.zone)
            for o in offers
            if o.in_stock
        ][:4]
        advice = (
            phrase("In stock now: {elsewhere}.", elsewhere=", ".join(elsewhere))
            if elsewhere
            else phrase("See chatglm prices, or try later.")
        )
        findings.append(failure("stock", phrase("No zone of this stack can launch the machine now."), advice))
    return findings


def check_disks(settings: Settings, zones: Iterable[str], answers: Answers) -> list[Finding]:
    """Whether the system disk's type and size can be had in each zone."""
    findings = []
    for zone in zones:
        if f"disk {zone}" in answers.refusals:
            continue
        offer: DiskOffer | None = answers.get(f"disk {zone}")
        size, kind = settings.system_disk_gb, settings.system_disk_type
        if offer is None:
            findings.append(
                warning(
                    "disk",
                    phrase(
                        "{zone} sells no {kind} system disk for {instance_type}.",
                        zone=zone,
                        kind=kind,
                        instance_type=settings.instance_type,
                    ),
                    phrase("Set chatglm:systemDiskType to CLOUD_PREMIUM, CLOUD_BSSD or CLOUD_HSSD."),
                )
            )
        elif offer.takes(size):
            findings.append(
                ok("disk", phrase("{zone}: {kind} of {size} GB is allowed.", zone=zone, kind=kind, size=size))
            )
        else:
            findings.append(
                failure(
                    "disk",
                    phrase(
                        "{zone} takes {kind} disks of {minimum} to {maximum} GB in steps of {step}, not {size}.",
                        zone=zone,
                        kind=kind,
                        minimum=offer.minimum,
                        maximum=offer.maximum,
                        step=offer.step,
                        size=size,
                    ),
                    phrase("Set chatglm:systemDiskGb accordingly."),
                )
            )
    return findings
