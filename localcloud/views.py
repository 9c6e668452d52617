"""What the control interface tells: the same classes on both sides of the wire. Money is CNY, times cloud seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcloud.billing import Meter as BilledMeter
from localcloud.records import Disk, Image, Instance, Snapshot


@dataclass(frozen=True)
class MeterItem:
    """One thing that is billed now. `belongs_to` is the machine of a disk, or the image of a snapshot."""

    kind: str
    id: str
    name: str
    belongs_to: str
    hourly_cny: float
    since: float
    total_cny: float


@dataclass(frozen=True)
class Meter:
    """What is billed now, and what everything has cost so far; `ended_cny` is the part of what is gone."""

    items: list[MeterItem]
    hourly_cny: float
    ended_cny: float
    total_cny: float


@dataclass(frozen=True)
class InstanceView:
    id: str
    name: str
    state: str
    region: str
    zone: str
    instance_type: str
    charge_type: str
    image_id: str
    private_ip: str
    public_ip: str
    system_disk_id: str
    host_name: str
    created: float
    tags: dict[str, str]
    termination_time: float | None
    guest_ready: bool
    account: str


@dataclass(frozen=True)
class ImageView:
    id: str
    name: str
    state: str
    region: str
    size_gb: int
    instance_id: str
    snapshot_ids: list[str]
    created: float
    tags: dict[str, str]
    account: str


@dataclass(frozen=True)
class SnapshotView:
    id: str
    name: str
    state: str
    region: str
    size_gb: int
    used_gb: int
    disk_id: str
    image_id: str
    created: float


@dataclass(frozen=True)
class DiskView:
    id: str
    name: str
    state: str
    region: str
    zone: str
    disk_type: str
    usage: str
    size_gb: int
    instance_id: str
    created: float


@dataclass(frozen=True)
class CallView:
    """A call of the API. `error` is its code, or None when it worked; secrets in `params` are masked.

    `caller` is the Uin whose keys signed it.
    """

    seq: int
    time: float
    service: str
    action: str
    error: str | None
    params: Any
    request_id: str
    region: str = ""
    caller: str = ""


@dataclass(frozen=True)
class UserView:
    uin: str
    name: str


@dataclass(frozen=True)
class AccountView:
    """An account with the users and roles that were added to it; its owner's Uin is its id."""

    account_id: str
    app_id: int
    name: str
    users: list[UserView]
    roles: list[str]


@dataclass(frozen=True)
class KeyView:
    """The lasting keys of a user, or of an account's owner."""

    account: str
    uin: str
    secret_id: str
    secret_key: str


@dataclass(frozen=True)
class StatementView:
    """A statement of a policy: `principal` empty is the whole account, `code` what a denial answers."""

    statement_id: str
    account: str
    principal: str
    effect: str
    actions: list[str]
    resources: list[str]
    code: str
    resource_tags: list[str]
    request_tags: list[str]


@dataclass(frozen=True)
class Status:
    """The process: `speed` is a number as text, or max."""

    pid: int
    url: str
    data: str
    now: float
    speed: str
    guests: bool
    instances: int
    images: int


def meter_view(meter: BilledMeter) -> Meter:
    items = [
        MeterItem(item.kind, item.id, item.name, item.belongs_to, float(item.hourly), item.since, float(item.total))
        for item in meter.items
    ]
    return Meter(items, float(meter.hourly), float(meter.ended), float(meter.total))


def instance_view(instance: Instance, guest_ready: bool) -> InstanceView:
    return InstanceView(
        instance.instance_id,
        instance.name,
        instance.state,
        instance.region,
        instance.zone,
        instance.instance_type,
        instance.charge_type,
        instance.image_id,
        instance.private_ip,
        instance.public_ip,
        instance.system_disk_id,
        instance.host_name,
        instance.created,
        instance.tags,
        instance.termination_time,
        guest_ready,
        instance.account,
    )


def image_view(image: Image) -> ImageView:
    return ImageView(
        image.image_id,
        image.name,
        image.state,
        image.region,
        image.size_gb,
        image.instance_id,
        list(image.snapshot_ids),
        image.created,
        image.tags,
        image.account,
    )


def snapshot_view(snapshot: Snapshot, image_id: str) -> SnapshotView:
    return SnapshotView(
        snapshot.snapshot_id,
        snapshot.name,
        snapshot.state,
        snapshot.region,
        snapshot.size_gb,
        snapshot.used_gb,
        snapshot.disk_id,
        image_id,
        snapshot.created,
    )


def disk_view(disk: Disk) -> DiskView:
    return DiskView(
        disk.disk_id,
        disk.name,
        disk.state,
        disk.region,
        disk.zone,
        disk.disk_type,
        disk.usage,
        disk.size_gb,
        disk.instance_id,
        disk.created,
    )
