"""The meter: which stretches of time cost what, and what they add up to.

Only what this cloud can price is metered: machines, disks and snapshots. Traffic is not (no public price).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import uuid4

from localcloud.catalogue import SPOT_PERCENT, disk_price, list_price, snapshot_price
from localcloud.database import Database
from localcloud.records import Charge, Disk, Instance, Snapshot

SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class MeterItem:
    """One thing on the bill: its price now and what it has cost since `since`, at all its prices."""

    kind: str
    id: str
    name: str
    belongs_to: str
    hourly: Decimal
    since: float
    total: Decimal


@dataclass(frozen=True)
class Meter:
    """What is billed at this moment, and the sum of everything so far, what is gone included."""

    items: tuple[MeterItem, ...]
    hourly: Decimal
    ended: Decimal
    total: Decimal


def cost(charge: Charge, now: float) -> Decimal:
    """CNY of a charge up to `now`; never negative."""
    end = now if charge.until is None else charge.until
    seconds = max(Decimal(0), Decimal(str(end)) - Decimal(str(charge.since)))
    return Decimal(charge.hourly) * seconds / SECONDS_AN_HOUR


def read_meter(charges: Iterable[Charge], now: float) -> Meter:
    """Add up charges at the time `now`."""
    stretches: dict[str, list[Charge]] = {}
    for charge in charges:
        stretches.setdefault(charge.resource_id, []).append(charge)
    items = []
    ended = Decimal(0)
    for resource_id, own in stretches.items():
        total = sum((cost(charge, now) for charge in own), Decimal(0))
        running = [charge for charge in own if charge.until is None]
        if not running:
            ended += total
            continue
        last = running[-1]
        items.append(
            MeterItem(
                last.kind,
                resource_id,
                last.name,
                last.belongs_to,
                Decimal(last.hourly),
                own[0].since,
                total,
            )
        )
    hourly = sum((item.hourly for item in items), Decimal(0))
    total = sum((item.total for item in items), ended)
    return Meter(tuple(items), hourly, ended, total)


class Billing:
    """Opens and closes charges as things come, change and go."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def meter(self, now: float) -> Meter:
        return read_meter(self._db.charges, now)

    def market_price(self, zone: str, instance_type: str) -> Decimal:
        """CNY an hour of a spot machine now."""
        return self.list_price(zone, instance_type) * SPOT_PERCENT / 100

    def list_price(self, zone: str, instance_type: str) -> Decimal:
        offer = self._db.offers.get(f"{zone}/{instance_type}")
        if offer is not None and offer.list_price:
            return Decimal(offer.list_price)
        return list_price(zone, instance_type)

    def instance_price(self, zone: str, instance_type: str, charge_type: str) -> Decimal:
        """CNY an hour for a machine, without its disks."""
        if charge_type == "SPOTPAID":
            return self.market_price(zone, instance_type)
        return self.list_price(zone, instance_type)

    def bill_instance(self, instance: Instance, at: float) -> None:
        """Charge a machine from `at` on, at the price of that moment."""
        hourly = self.instance_price(instance.zone, instance.instance_type, instance.charge_type)
        self._charge("instance", instance.instance_id, instance.name, "", hourly, at)

    def bill_disk(self, disk: Disk, at: float) -> None:
        """Charge a disk from `at` on, by its size."""
        hourly = disk_price(disk.zone, disk.disk_type, disk.size_gb)
        self._charge("disk", disk.disk_id, disk.name, disk.instance_id, hourly, at)

    def bill_snapshots(self, region: str, at: float) -> None:
        """Charge all snapshots of a region from `at` on; the free amount goes to the oldest ones first."""
        free = self._db.settings.snapshot_free_gb
        for snapshot in self._db.snapshots:
            if snapshot.region != region or snapshot.state != "NORMAL":
                continue
            billed = max(0, snapshot.used_gb - free)
            free -= snapshot.used_gb - billed
            hourly = snapshot_price(region, billed)
            owner = self._image_of(snapshot)
            self._charge("snapshot", snapshot.snapshot_id, snapshot.name, owner, hourly, at)

    def end(self, resource_id: str, at: float) -> None:
        """The thing is gone: it costs nothing from `at` on."""
        for charge in self._db.charges:
            if charge.resource_id == resource_id and charge.until is None:
                self._db.charges.change(charge.charge_id, until=max(at, charge.since))

    def _image_of(self, snapshot: Snapshot) -> str:
        for image in self._db.images:
            if snapshot.snapshot_id in image.snapshot_ids:
                return image.image_id
        return ""

    def _charge(self, kind: str, resource_id: str, name: str, belongs_to: str, hourly: Decimal, at: float) -> None:
        for charge in self._db.charges:
            if charge.resource_id == resource_id and charge.until is None:
                if Decimal(charge.hourly) == hourly:
                    self._db.charges.change(charge.charge_id, name=name, belongs_to=belongs_to)
                    return
                self._db.charges.change(charge.charge_id, until=max(at, charge.since))
        self._db.charges.put(Charge(uuid4().hex, kind, resource_id, name, belongs_to, str(hourly), at))
