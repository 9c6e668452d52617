"""What costs money right now, per hour and per month. What cannot be known is "unknown", with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from components.announcement import SNAPSHOT_PRICES
from components.cloud import Cloud, ask
from components.cloud_errors import CloudError, explain
from components.facts import TAG_STACK
from components.settings import Settings
from operate.stacks import Stack

HOURS_A_MONTH = 720  # 30 days, as Tencent's price lists count
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Item:
    """One thing that is billed. `hourly` is CNY an hour, None where unknown; then `reason` says why.

    `at_most` marks an amount that is an upper bound. `leftover` marks what no stack owns.
    """

    kind: str
    id: str
    text: str
    hourly: Decimal | None
    reason: str = ""
    at_most: bool = False
    leftover: bool = False

    @property
    def monthly(self) -> Decimal | None:
        return None if self.hourly is None else self.hourly * HOURS_A_MONTH

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "id": self.id,
            "text": self.text,
            "hourlyCny": self.hourly,
            "monthlyCny": self.monthly,
            "unknown": self.reason or None,
            "atMost": self.at_most,
            "leftover": self.leftover,
        }


@dataclass(frozen=True)
class Sum:
    """CNY an hour; `unknown` lists what is not in it."""

    hourly: Decimal = Decimal(0)
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, items: list[Item]) -> Sum:
        known = sum((one.hourly for one in items if one.hourly is not None), Decimal(0))
        return cls(known, tuple(f"{one.kind} {one.id}: {one.reason}" for one in items if one.hourly is None))

    @property
    def monthly(self) -> Decimal:
        return self.hourly * HOURS_A_MONTH

    def as_dict(self) -> dict[str, Any]:
        return {"hourlyCny": self.hourly, "monthlyCny": self.monthly, "without": list(self.unknown)}


@dataclass(frozen=True)
class Bill:
    """What is billed now, and what the two states cost: `running` and `parked` are of this stack alone."""

    region: str
    items: tuple[Item, ...]
    running: Sum
    parked: Sum
    notes: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def now(self) -> Sum:
        return Sum.of(list(self.items))

    @property
    def saving_monthly(self) -> Decimal | None:
        """CNY a month that parking saves against leaving the machine on; None where either side is unknown."""
        if self.running.unknown or self.parked.unknown:
            return None
        return self.running.monthly - self.parked.monthly

    def as_dict(self) -> dict[str, Any]:
        return {
            "region": self.region,
            "items": [one.as_dict() for one in self.items],
            "now": self.now.as_dict(),
            "running": self.running.as_dict(),
            "parked": self.parked.as_dict(),
            "savingMonthlyCny": self.saving_monthly,
            "notes": list(self.notes),
            "unknown": dict(self.failures),
        }


def read_bill(stack: Stack, cloud: Cloud, stacks: Callable[[], set[str]] | None = None) -> Bill:
    """Ask for everything of this stack in the region. `stacks` names the stacks that exist, to tell leftovers."""
    settings = stack.settings
    questions: dict[str, Callable[[], Any]] = {
        "machines": lambda: rows(cloud, "cvm", "DescribeInstances", "InstanceSet"),
        "disks": lambda: rows(cloud, "cbs", "DescribeDisks", "DiskSet"),
        "images": lambda: rows(
            cloud,
            "cvm",
            "DescribeImages",
            "ImageSet",
            Filters=[{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}],
        ),
        "snapshots": lambda: rows(cloud, "cbs", "DescribeSnapshots", "SnapshotSet"),
        "snapshot overview": cloud.snapshot_overview,
    }
    answers, failures = ask(questions)
    price = Prices(cloud, settings)
    ours = Ownership(stack, stacks)
    machines, lost_machines = _machines(answers.get("machines") or [], ours, price)
    disks, lost_disks = _disks(answers.get("disks") or [], answers.get("machines") or [], ours, price)
    stored = _snapshots(stack.region, answers, ours)
    running = machines + disks or [price.planned_machine(stack.zone), price.planned_disk()]
    parked = [one for one in stored if not one.leftover]
    if not parked:
        parked = [_planned_image(stack.region, settings)]
    notes = _notes(stack, answers)
    return Bill(
        stack.region,
        tuple(machines + disks + stored + lost_machines + lost_disks),
        Sum.of(running),
        Sum.of(parked),
        notes,
        failures,
    )


def rows(cloud: Cloud, service: str, action: str, name: str, **parameters: Any) -> list[dict[str, Any]]:
    """All rows of a list action, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        answer = cloud.call(service, action, Offset=len(found), Limit=100, **parameters)
        page = answer.get(name) or []
        found += page
        if not page or len(found) >= (answer.get("TotalCount") or 0):
            return found


class Ownership:
    """Whose a thing is, by its tags: this stack's, another stack's of this project, or nobody's."""

    def __init__(self, stack: Stack, stacks: Callable[[], set[str]] | None = None) -> None:
        self._stack = stack
        self._project = stack.id.rpartition("/")[0]
        self._list = stacks
        self._known: set[str] | None = None

    def is_own(self, row: Mapping[str, Any]) -> bool:
        return self._tag(row) == self._stack.id

    def is_lost(self, row: Mapping[str, Any]) -> bool:
        """Tagged by a stack of this project that exists no more."""
        tag = self._tag(row)
        if tag is None or not tag.startswith(f"{self._project}/") or tag == self._stack.id or self._list is None:
            return False
        if self._known is None:
            self._known = self._list()
        return tag.rpartition("/")[2] not in self._known

    @staticmethod
    def _tag(row: Mapping[str, Any]) -> str | None:
        return next((tag["Value"] for tag in row.get("Tags") or [] if tag["Key"] == TAG_STACK), None)


class Prices:
    """Prices as Tencent tells them, each looked up once."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self._cloud = cloud
        self._settings = settings
        self._seen: dict[tuple[str, ...], tuple[Decimal | None, str]] = {}

    def machine(self, zone: str, instance_type: str, charge_type: str) -> tuple[Decimal | None, str]:
        def look() -> Decimal | None:
            offers = self._cloud.offers([zone], charge_type, instance_type)
            return next((offer.price for offer in offers), None)

        return self._once(("machine", zone, instance_type, charge_type), look)

    def disk(self, disk_type: str, size_gb: int) -> tuple[Decimal | None, str]:
        def look() -> Decimal | None:
            return self._cloud.disk_price(disk_type, size_gb)

        return self._once(("disk", disk_type, str(size_gb)), look)

    def planned_machine(self, zone: str) -> Item:
        settings = self._settings
        price, why = self.machine(zone, settings.instance_type, settings.instance_charge_type)
        return Item("machine", settings.instance_type, f"in {zone}", price, why)

    def planned_disk(self) -> Item:
        settings = self._settings
        price, why = self.disk(settings.system_disk_type, settings.system_disk_gb)
        return Item("disk", settings.system_disk_type, f"{settings.system_disk_gb} GB", price, why)

    def _once(self, key: tuple[str, ...], look: Callable[[], Decimal | None]) -> tuple[Decimal | None, str]:
        if key not in self._seen:
            try:
                price = look()
                self._seen[key] = (price, "" if price is not None else "Tencent names no price for it")
            except CloudError as error:
                self._seen[key] = (None, explain(error.code)[0] or f"{error.action} was refused ({error.code})")
        return self._seen[key]


def _machines(found: list[dict[str, Any]], ours: Ownership, price: Prices) -> tuple[list[Item], list[Item]]:
    own: list[Item] = []
    lost: list[Item] = []
    for row in found:
        leftover = ours.is_lost(row)
        # Tencent bills from the launch to the release: a machine in the recycle bin costs nothing.
        if row["InstanceState"] in ("SHUTDOWN", "LAUNCH_FAILED") or not (leftover or ours.is_own(row)):
            continue
        zone = row["Placement"]["Zone"]
        hourly, why = price.machine(zone, row["InstanceType"], row["InstanceChargeType"])
        text = f"{row['InstanceType']} in {zone}, {row['InstanceState'].lower()}"
        (lost if leftover else own).append(Item("machine", row["InstanceId"], text, hourly, why, leftover=leftover))
    return own, lost


def _disks(
    found: list[dict[str, Any]], machines: list[dict[str, Any]], ours: Ownership, price: Prices
) -> tuple[list[Item], list[Item]]:
    """Disks of this stack's machines, and disks that hang on nothing."""
    owners = {row["InstanceId"]: row for row in machines}
    own: list[Item] = []
    lost: list[Item] = []
    for row in found:
        if row["DiskState"] == "TORECYCLE":
            continue
        owner = owners.get(row.get("InstanceId") or "")
        unattached = not row.get("InstanceId") and row["DiskState"] == "UNATTACHED"
        leftover = unattached or (owner is not None and ours.is_lost(owner))
        if not (leftover or ours.is_own(row) or (owner is not None and ours.is_own(owner))):
            continue
        hourly, why = price.disk(row["DiskType"], row["DiskSize"])
        place = f"of {row['InstanceId']}" if owner else "attached to nothing; perhaps not of this project"
        text = f"{row['DiskType']} {row['DiskSize']} GB {place}"
        (lost if leftover else own).append(Item("disk", row["DiskId"], text, hourly, why, leftover=leftover))
    return own, lost


def _snapshots(region: str, answers: Mapping[str, Any], ours: Ownership) -> list[Item]:
    """Images are billed as their snapshots. What each really holds Tencent does not tell: the disk's size bounds it."""
    images = answers.get("images") or []
    monthly = SNAPSHOT_PRICES.get(region)
    why = "" if monthly is not None else f"no snapshot price is known for {region}"
    items = []
    by_image: dict[str, dict[str, Any]] = {row["ImageId"]: row for row in images}
    for row in answers.get("snapshots") or []:
        holders = [by_image[one["ImageId"]] for one in row.get("Images") or [] if one["ImageId"] in by_image]
        own = ours.is_own(row) or any(ours.is_own(one) for one in holders)
        orphan = not (row.get("Images") or [])
        leftover = any(ours.is_lost(one) for one in holders) or (orphan and (own or not _tagged(row)))
        if not (own or leftover):
            continue
        price = None if monthly is None else monthly * row["DiskSize"] / HOURS_A_MONTH
        text = f"{row['DiskSize']} GB disk" + (f", image {holders[0]['ImageName']}" if holders else ", of no image")
        if orphan:
            text += "; perhaps not of this project"
        items.append(Item("snapshot", row["SnapshotId"], text, price, why, at_most=True, leftover=leftover))
    return items


def _planned_image(region: str, settings: Settings) -> Item:
    monthly = SNAPSHOT_PRICES.get(region)
    price = None if monthly is None else monthly * settings.system_disk_gb / HOURS_A_MONTH
    why = "" if monthly is not None else f"no snapshot price is known for {region}"
    return Item("image", "after a park", f"at most {settings.system_disk_gb} GB", price, why, at_most=True)


def _tagged(row: Mapping[str, Any]) -> bool:
    return bool(row.get("Tags"))


def _notes(stack: Stack, answers: Mapping[str, Any]) -> tuple[str, ...]:
    notes = ["Outbound traffic is billed by the GB on top; Tencent names no price for it."]
    overview, monthly = answers.get("snapshot overview"), SNAPSHOT_PRICES.get(stack.region)
    if overview and monthly is not None:
        stored, billed = (Decimal(str(overview.get(key) or 0)) for key in ("TotalSize", "RealTradeSize"))
        notes.append(
            f"All snapshots of {stack.region} together: {stored:.0f} GB stored, {billed:.0f} GB billed, "
            f"which is {(billed * monthly).quantize(_CENT)} CNY a month at {monthly} CNY/GB (list price of 2022-23)."
        )
    return tuple(notes)


def money(amount: Decimal | None, *, at_most: bool = False) -> str:
    if amount is None:
        return "unknown"
    return f"{'≤ ' if at_most else ''}{amount.quantize(_CENT)}"


def render(bill: Bill) -> RenderableType:
    table = Table(box=None, padding=(0, 2))
    for title, justify in (("Billed now 当前计费", "left"), ("", "left"), ("CNY/h", "right"), ("CNY/month", "right")):
        table.add_column(title, justify="right" if justify == "right" else "left")
    for one in bill.items:
        kind = f"{one.kind} (leftover)" if one.leftover else one.kind
        words = f"{one.text}" + (f" - unknown: {one.reason}" if one.reason else "")
        table.add_row(
            f"{kind} {one.id}",
            words,
            money(one.hourly, at_most=one.at_most),
            money(one.monthly, at_most=one.at_most),
            style="yellow" if one.leftover else None,
        )
    if not bill.items:
        table.add_row("nothing", "", "0.00", "0.00")
    parts: list[RenderableType] = [
        table,
        "",
        f"Running 运行: {_sum_words(bill.running)}",
        f"Parked 停放:  at most {_sum_words(bill.parked)}",
    ]
    saving = bill.saving_monthly
    parts.append(
        f"Parking saves at least {money(saving)} CNY a month against leaving the machine on."
        if saving is not None
        else "The saving is unknown: " + "; ".join((*bill.running.unknown, *bill.parked.unknown)) + "."
    )
    parts += list(bill.notes)
    parts += [f"Could not look up {what}: {why}" for what, why in bill.failures.items()]
    return Group(*parts)


def _sum_words(total: Sum) -> str:
    words = f"{money(total.hourly)} CNY an hour, {money(total.monthly)} CNY a month"
    return words + (f", without {'; '.join(total.unknown)}" if total.unknown else "")
