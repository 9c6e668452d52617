"""What costs money right now, per hour and per month. What cannot be known is "unknown", with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from components.announcement import SNAPSHOT_PRICES
from components.settings import Settings
from guest.unattended.decision import CHINA
from operate.elsewhere import Found, find_elsewhere
from operate.holdings import is_anothers, owner_of
from operate.stacks import Stack
from tencent.cloud import Cloud, ask
from tencent.errors import CloudError, explain
from tencent.facts import TAG_OWNER, TAG_STACK
from words import phrase

CENT = Decimal("0.01")
HOURS_A_MONTH = 720  # 30 days, as Tencent's price lists count


@dataclass(frozen=True)
class Item:
    """One thing that is billed. `hourly` is CNY an hour, None where unknown; then `reason` says why.

    `at_most` marks an amount that is an upper bound. `leftover` marks what no stack owns. `since` is when it was made,
    where Tencent tells it.
    """

    kind: str
    id: str
    text: str
    hourly: Decimal | None
    reason: str = ""
    at_most: bool = False
    leftover: bool = False
    since: datetime | None = None

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
        return cls(known, tuple(f"{phrase(one.kind)} {one.id}: {one.reason}" for one in items if one.hourly is None))

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
    exists: bool = True

    @property
    def now(self) -> Sum:
        return Sum.of(list(self.items))

    @property
    def saving_monthly(self) -> Decimal | None:
        """CNY a month that parking saves against leaving the machine on; None where either side is unknown."""
        if not self.exists or self.running.unknown or self.parked.unknown:
            return None
        return self.running.monthly - self.parked.monthly

    def as_dict(self) -> dict[str, Any]:
        return {
            "region": self.region,
            "exists": self.exists,
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
    settings = stack.known_settings
    questions: dict[str, Callable[[], Any]] = {
        "machines": lambda: cloud.pages("cvm", "DescribeInstances", "InstanceSet"),
        "disks": lambda: cloud.pages("cbs", "DescribeDisks", "DiskSet"),
        "images": lambda: cloud.pages(
            "cvm",
            "DescribeImages",
            "ImageSet",
            Filters=[{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}],
        ),
        "snapshots": lambda: cloud.pages("cbs", "DescribeSnapshots", "SnapshotSet"),
        "snapshot overview": cloud.snapshot_overview,
        "other regions": lambda: find_elsewhere(cloud, stack.id, owner_of(stack)),
    }
    answers, failures = ask(questions)
    price = Prices(cloud)
    ours = Ownership(stack, stacks)
    machines, lost_machines = _machines(answers.get("machines") or [], ours, price)
    disks, lost_disks = _disks(answers.get("disks") or [], answers.get("machines") or [], ours, price)
    stored = _snapshots(stack.region, answers, ours)
    running = machines + disks
    parked = [one for one in stored if not one.leftover]
    if settings is not None:
        running = running or price.planned(settings, stack.zone)
        parked = parked or [_planned_image(stack.region, settings)]
    elsewhere, unseen = answers.get("other regions") or ((), ())
    notes = (*_notes(stack, answers), *_anothers(answers, ours))
    if unseen:
        notes = (*notes, phrase("Not looked at, since they did not answer: {unseen}.", unseen=", ".join(unseen)))
    return Bill(
        stack.region,
        (*machines, *disks, *stored, *lost_machines, *lost_disks, *map(_abroad, elsewhere)),
        Sum.of(running),
        Sum.of(parked),
        notes,
        failures,
        stack.exists,
    )


class Ownership:
    """Whose a thing is, by its tags: this stack's, another stack's of this project, or nobody's.

    Another state may have a stack of the same name; what it owns carries its identity, and is not this stack's.
    """

    def __init__(self, stack: Stack, stacks: Callable[[], set[str]] | None = None) -> None:
        self._stack = stack
        self._project = stack.id.rpartition("/")[0]
        self._owner = owner_of(stack)
        self._list = stacks
        self._known: set[str] | None = None

    def is_own(self, row: Mapping[str, Any]) -> bool:
        return self._tag(row) == self._stack.id and not self.is_anothers(row)

    def is_anothers(self, row: Mapping[str, Any]) -> bool:
        """Of this stack's name, and marked by another state. Where the stack was removed, the name must do."""
        return self._tag(row) == self._stack.id and is_anothers(self._owner, self._tag(row, TAG_OWNER) or "")

    def is_lost(self, row: Mapping[str, Any]) -> bool:
        """Tagged by a stack of this project that exists no more."""
        tag = self._tag(row)
        if tag is None or not tag.startswith(f"{self._project}/") or tag == self._stack.id or self._list is None:
            return False
        if self._known is None:
            self._known = self._list()
        return tag.rpartition("/")[2] not in self._known

    def told(self, row: Mapping[str, Any]) -> str:
        """Of a thing that is lost: whose name it carries. Another backend may hold that stack, a colleague's say."""
        return phrase("of {tag}, which this backend does not hold; perhaps a colleague's", tag=self._tag(row))

    @staticmethod
    def _tag(row: Mapping[str, Any], key: str = TAG_STACK) -> str | None:
        return next((tag["Value"] for tag in row.get("Tags") or [] if tag["Key"] == key), None)


class Prices:
    """Prices as Tencent tells them, each looked up once."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
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

    def planned(self, settings: Settings, zone: str) -> list[Item]:
        """The machine and the disk that the settings would launch."""
        price, why = self.machine(zone, settings.instance_type, settings.instance_charge_type)
        machine = Item("machine", settings.instance_type, phrase("in {zone}", zone=zone), price, why)
        price, why = self.disk(settings.system_disk_type, settings.system_disk_gb)
        return [
            machine,
            Item(
                "disk",
                settings.system_disk_type,
                f"{settings.system_disk_gb} GB",
                price,
                why,
            ),
        ]

    def _once(self, key: tuple[str, ...], look: Callable[[], Decimal | None]) -> tuple[Decimal | None, str]:
        if key not in self._seen:
            try:
                price = look()
                self._seen[key] = (price, "" if price is not None else phrase("Tencent names no price for it"))
            except CloudError as error:
                self._seen[key] = (
                    None,
                    explain(error.code)[0]
                    or phrase("{action} was refused ({code})", action=error.action, code=error.code),
                )
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
        text = phrase(
            "{instance_type} in {zone}, {state}",
            instance_type=row["InstanceType"],
            zone=zone,
            state=phrase(row["InstanceState"].lower()),
        )
        if leftover:
            text += phrase("; ") + ours.told(row)
        made = _moment(row.get("CreatedTime"))
        item = Item("machine", row["InstanceId"], text, hourly, why, leftover=leftover, since=made)
        (lost if leftover else own).append(item)
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
        place = (
            phrase("of {instance_id}", instance_id=row["InstanceId"])
            if owner
            else phrase("attached to nothing; perhaps not of this project")
        )
        text = phrase(
            "{disk_type} {disk_size} GB {place}", disk_type=row["DiskType"], disk_size=row["DiskSize"], place=place
        )
        made = _moment(row.get("CreateTime"))
        item = Item("disk", row["DiskId"], text, hourly, why, leftover=leftover, since=made)
        (lost if leftover else own).append(item)
    return own, lost


def _snapshots(region: str, answers: Mapping[str, Any], ours: Ownership) -> list[Item]:
    """Images are billed as their snapshots. What each really holds Tencent does not tell: the disk's size bounds it."""
    images = answers.get("images") or []
    monthly = SNAPSHOT_PRICES.get(region)
    why = "" if monthly is not None else phrase("no snapshot price is known for {region}", region=region)
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
        text = phrase("{disk_size} GB disk", disk_size=row["DiskSize"]) + (
            phrase(", image {image_name}", image_name=holders[0]["ImageName"]) if holders else phrase(", of no image")
        )
        if orphan:
            text += phrase("; ") + phrase("perhaps not of this project")
        made = _moment(row.get("CreateTime"))
        items.append(Item("snapshot", row["SnapshotId"], text, price, why, True, leftover, made))
    return items


def _moment(text: str | None) -> datetime | None:
    """A time as Tencent writes it: cvm in UTC with a Z, cbs in China's time without a word."""
    try:
        moment = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)


def _anothers(answers: Mapping[str, Any], ours: Ownership) -> list[str]:
    """What another state's stack of the same name has here: told, and not counted."""
    found = [row["InstanceId"] for row in answers.get("machines") or [] if ours.is_anothers(row)] + [
        row["ImageId"] for row in answers.get("images") or [] if ours.is_anothers(row)
    ]
    return (
        [phrase("Of another state's stack of this name, and not counted: {found}.", found=", ".join(found))]
        if found
        else []
    )


def _abroad(found: Found) -> Item:
    why = phrase("look with tencentcloud:region {region}", region=found.region)
    return Item(
        found.kind,
        found.id,
        phrase("in {region}, {state}", region=found.region, state=phrase(found.state.lower())),
        None,
        why,
        leftover=True,
    )


def _planned_image(region: str, settings: Settings) -> Item:
    monthly = SNAPSHOT_PRICES.get(region)
    price = None if monthly is None else monthly * settings.system_disk_gb / HOURS_A_MONTH
    why = "" if monthly is not None else phrase("no snapshot price is known for {region}", region=region)
    return Item(
        "image",
        phrase("after a park"),
        phrase("at most {size} GB", size=settings.system_disk_gb),
        price,
        why,
        at_most=True,
    )


def _tagged(row: Mapping[str, Any]) -> bool:
    return bool(row.get("Tags"))


def _notes(stack: Stack, answers: Mapping[str, Any]) -> tuple[str, ...]:
    notes = [phrase("Outbound traffic is billed by the GB on top; Tencent names no price for it.")]
    overview, monthly = answers.get("snapshot overview"), SNAPSHOT_PRICES.get(stack.region)
    if overview and monthly is not None:
        stored, billed = (Decimal(str(overview.get(key) or 0)) for key in ("TotalSize", "RealTradeSize"))
        notes.append(
            phrase(
                "All snapshots of {region} together: {stored:.0f} GB stored, {billed:.0f} GB billed, "
                "which is {cost} CNY a month at {monthly} CNY/GB (list price of 2022-23).",
                region=stack.region,
                stored=stored,
                billed=billed,
                cost=(billed * monthly).quantize(CENT),
                monthly=monthly,
            )
        )
    return tuple(notes)
