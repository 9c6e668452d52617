"""Zones and types with at least 16 GB of GPU memory, cheapest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.table import Table

from components.rules import VGPU_TYPES
from tencent.cloud import Cloud
from tencent.facts import Offer
from words import phrase

MINIMUM_GB = 16

#: GB of memory of one GPU of a family (GPU instance types, product document 560). The API does not tell it, so families
#: that are not here are listed as unknown and left out.
GPU_MEMORY_GB = {
    "GN7": ("T4", 16),
    "GI3X": ("T4", 16),
    "GN8": ("P40", 24),
    "GN10X": ("V100", 32),
    "GN10Xp": ("V100", 32),
    "PNV4": ("A10", 24),
    "GT4": ("A100", 40),
}


@dataclass(frozen=True)
class Choice:
    """One type in one zone. `price` is CNY an hour without the disk, None where Tencent names none."""

    zone: str
    instance_type: str
    gpu: str
    memory_gb: int
    in_stock: bool
    price: Decimal | None
    reason: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "zone": self.zone,
            "instanceType": self.instance_type,
            "gpu": self.gpu,
            "gpuMemoryGb": self.memory_gb,
            "inStock": self.in_stock,
            "hourlyCny": self.price,
            "reason": self.reason,
        }


def choices(offers: Iterable[Offer]) -> list[Choice]:
    """Types with enough memory and a whole card: in stock first, then by price."""
    found = []
    for offer in offers:
        gpu = GPU_MEMORY_GB.get(offer.instance_type.partition(".")[0])
        if gpu is None or gpu[1] < MINIMUM_GB or offer.instance_type in VGPU_TYPES:
            continue
        found.append(Choice(offer.zone, offer.instance_type, *gpu, offer.in_stock, offer.price, offer.reason))
    return sorted(found, key=lambda one: (not one.in_stock, one.price is None, one.price or 0, one.zone))


def unknown_families(offers: Iterable[Offer]) -> list[str]:
    """Families with a GPU whose memory is not known here."""
    return sorted({one.instance_type.partition(".")[0] for one in offers} - set(GPU_MEMORY_GB))


def read_offers(cloud: Cloud, charge_type: str) -> tuple[Offer, ...]:
    """Everything with a whole GPU in the region's zones."""
    zones = [row["Zone"] for row in cloud.call("cvm", "DescribeZones")["ZoneSet"] or []]
    return cloud.offers(zones, charge_type)


def render(found: Iterable[Choice], charge_type: str) -> Table:
    table = Table(box=None, padding=(0, 2), title=None)
    table.add_column(phrase("Zone"))
    table.add_column(phrase("Type"))
    table.add_column("GPU")
    table.add_column(phrase("CNY/h ({charge_type})", charge_type=charge_type), justify="right")
    table.add_column(phrase("Stock"))
    for one in found:
        price = phrase("unknown") if one.price is None else f"{one.price:.2f}"
        stock = phrase("yes") if one.in_stock else phrase("sold out {reason}", reason=one.reason).strip()
        table.add_row(
            one.zone,
            one.instance_type,
            f"{one.gpu} {one.memory_gb} GB",
            price,
            stock,
            style=None if one.in_stock else "dim",
        )
    return table
