"""What the cloud says about one stack: plain records, in Tencent's terms, with times in UTC and money in CNY."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from guest.unattended.names import TAG_COMMIT as TAG_COMMIT
from guest.unattended.names import TAG_EDITION as TAG_EDITION
from guest.unattended.names import TAG_GENERATION as TAG_GENERATION
from guest.unattended.names import TAG_LAUNCH as TAG_LAUNCH
from guest.unattended.names import TAG_MACHINE as TAG_MACHINE
from guest.unattended.names import TAG_OWNER as TAG_OWNER
from guest.unattended.names import TAG_PARKED as TAG_PARKED
from guest.unattended.names import TAG_STACK as TAG_STACK
from tencent.firewall import Rule

#: Stands for the launch of a machine that has no such tag.
NO_LAUNCH = "unknown"

#: Instance states in which nothing is left to lose and nothing can be captured.
ENDING_STATES = frozenset({"SHUTDOWN", "TERMINATING", "LAUNCH_FAILED"})
#: Instance states that pass by themselves within minutes.
PASSING_STATES = frozenset({"PENDING", "STARTING", "STOPPING", "REBOOTING"})
#: The plug-in gives an image an hour; nothing in Tencent's documents takes longer than this.
LONGEST_CAPTURE = timedelta(hours=3)
#: The plug-in gives a launch a quarter of an hour.
LONGEST_LAUNCH = timedelta(hours=1)


@dataclass(frozen=True)
class Instance:
    """A machine. `launch` names the launch that made it, by its tag; `stack`, `owner` and `edition` are tags too."""

    id: str
    state: str
    zone: str
    image_id: str
    launch: str
    created: datetime
    address: str = ""
    disk_gb: int = 0
    subnet_id: str = ""
    vpc_id: str = ""
    stack: str = ""
    owner: str = ""
    edition: str = ""

    @property
    def alive(self) -> bool:
        return self.state not in ENDING_STATES

    def is_stuck(self, now: datetime) -> bool:
        """Whether it is being launched for longer than a launch can take."""
        return self.state == "PENDING" and now - self.created > LONGEST_LAUNCH


@dataclass(frozen=True)
class Image:
    """A capture of a machine. `size_gb` is the size of the disk that it restores; empty texts: it lacks that tag."""

    id: str
    name: str
    state: str
    created: datetime
    size_gb: int
    machine_id: str = ""
    generation: int = 0
    snapshot_ids: tuple[str, ...] = ()
    stack: str = ""
    owner: str = ""
    edition: str = ""
    parked: str = ""  # when and why the machine made it of itself, by its tag; empty: an update made it

    @property
    def usable(self) -> bool:
        return self.state == "NORMAL"

    def is_stuck(self, now: datetime) -> bool:
        """Whether it is being made for longer than making one can take."""
        return self.state == "CREATING" and now - self.created > LONGEST_CAPTURE


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

    def takes(self, size: int) -> bool:
        return self.minimum <= size <= self.maximum and (size - self.minimum) % max(self.step, 1) == 0


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
    network: bool | None = None  # whether the state's VPC exists; None also where it names none
    ingress: tuple[Rule, ...] | None = None  # of the security group; None also where there is none
    unknown: dict[str, str] = field(default_factory=dict)
    refused_zones: dict[str, str] = field(default_factory=dict)  # zones that refused this launch, with the reason

    def offer(self, zone: str, instance_type: str) -> Offer | None:
        named = (offer for offer in self.offers or () if offer.zone == zone and offer.instance_type == instance_type)
        return next(named, None)
