"""What the cloud says about one stack: plain records, in Tencent's terms, with times in UTC and money in CNY."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from components.firewall import Rule

#: Tags that tie machines and images to a stack.
TAG_STACK = "chatglm-stack"
TAG_LAUNCH = "chatglm-launch"
TAG_MACHINE = "chatglm-machine"
TAG_GENERATION = "chatglm-generation"
TAG_COMMIT = "chatglm-commit"

#: Instance states in which nothing is left to lose and nothing can be captured.
ENDING_STATES = frozenset({"SHUTDOWN", "TERMINATING", "LAUNCH_FAILED"})


@dataclass(frozen=True)
class Instance:
    """A machine of the stack. `launch` names the launch that made it, by its tag."""

    id: str
    state: str
    zone: str
    image_id: str
    launch: str
    created: datetime
    address: str = ""
    disk_gb: int = 0
    subnet_id: str = ""

    @property
    def alive(self) -> bool:
        return self.state not in ENDING_STATES


@dataclass(frozen=True)
class Image:
    """A capture of a machine of the stack. `size_gb` is the size of the disk that it restores."""

    id: str
    name: str
    state: str
    created: datetime
    size_gb: int
    machine_id: str = ""
    generation: int = 0
    snapshot_ids: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return self.state == "NORMAL"


@dataclass(frozen=True)
class Subnet:
    id: str
    cidr: str


@dataclass(frozen=True)
class Offer:
    """What Tencent sells in one zone. `price` is CNY an hour for the machine without its disk."""

    zone: str
    instance_type: str
    in_stock: bool
    price: Decimal | None = None
    reason: str = ""


@dataclass(frozen=True)
class DiskOffer:
    """Sizes in GB that a system disk may have in one zone."""

    zone: str
    minimum: int
    maximum: int
    step: int


@dataclass(frozen=True)
class Facts:
    """The answers of one look at the cloud. `None` stands for what could not be looked up; `unknown` says why."""

    now: datetime
    instances: tuple[Instance, ...] | None = None
    images: tuple[Image, ...] | None = None
    offers: tuple[Offer, ...] | None = None
    disk: DiskOffer | None = None
    disk_price: Decimal | None = None  # CNY an hour of the whole system disk
    public_image_id: str | None = None
    named_image: Image | None = None  # restoreImageId or imageId, if one is set and exists
    ingress: tuple[Rule, ...] | None = None  # of the security group; None also where there is none
    unknown: dict[str, str] = field(default_factory=dict)
    refused_zones: dict[str, str] = field(default_factory=dict)  # zones that refused this launch, with the reason

    def offer(self, zone: str, instance_type: str) -> Offer | None:
        named = (offer for offer in self.offers or () if offer.zone == zone and offer.instance_type == instance_type)
        return next(named, None)
