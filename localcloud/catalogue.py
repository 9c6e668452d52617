"""What the cloud sells: regions, zones, machine types, disk types, public images and their list prices.

Prices are pay-as-you-go CNY from Tencent's price pages of about 2022 (GPU 云服务器 计费概述 and 价格总览, 云硬盘
价格总览); they are dated, and good for proportions, not for a bill.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from localcloud.records import Image, Snapshot

# A spot machine costs a fixed fifth of the list price (竞价实例 price page); disks are not discounted.
SPOT_PERCENT = 20
HOURS_A_MONTH = 720


@dataclass(frozen=True)
class Region:
    """A region. `snapshot_month` is CNY per GB and month of snapshot storage."""

    name: str
    title: str
    snapshot_month: Decimal
    dear: bool = True


@dataclass(frozen=True)
class Zone:
    name: str
    region: str
    zone_id: str
    title: str


@dataclass(frozen=True)
class InstanceType:
    """A machine type. `low` and `high` are the list prices an hour in the cheaper and the dearer regions.

    `gpus` is a fraction for vGPU types, which run Linux only.
    """

    name: str
    family: str
    title: str
    gpu: str
    gpus: float
    cpus: int
    memory_gb: int
    low: Decimal
    high: Decimal

    @property
    def runs_windows(self) -> bool:
        return self.gpus == 0 or self.gpus >= 1


@dataclass(frozen=True)
class DiskType:
    """A disk type with its price per GB and hour and its size limits in GB."""

    name: str
    hourly_per_gb: Decimal
    system_min: int = 20
    system_max: int = 2048
    data_min: int = 20
    data_max: int = 32000
    data_step: int = 10


def _region(name: str, title: str, month: str, dear: bool = True) -> Region:
    return Region(name, title, Decimal(month), dear)


REGIONS: dict[str, Region] = {
    region.name: region
    for region in (
        _region("ap-guangzhou", "South China (Guangzhou)", "0.13"),
        _region("ap-shanghai", "East China (Shanghai)", "0.13"),
        _region("ap-nanjing", "East China (Nanjing)", "0.13", dear=False),
        _region("ap-beijing", "North China (Beijing)", "0.13"),
        _region("ap-chengdu", "Southwest China (Chengdu)", "0.099", dear=False),
        _region("ap-chongqing", "Southwest China (Chongqing)", "0.099", dear=False),
        _region("ap-hongkong", "Hong Kong, Macao and Taiwan (Hong Kong)", "0.156"),
        _region("ap-singapore", "Southeast Asia (Singapore)", "0.168"),
        _region("ap-mumbai", "South Asia (Mumbai)", "0.156"),
        _region("na-siliconvalley", "US West (Silicon Valley)", "0.13"),
        _region("na-ashburn", "US East (Virginia)", "0.125"),
        _region("eu-frankfurt", "Europe (Frankfurt)", "0.148"),
    )
}

_ZONE_NUMBERS: dict[str, tuple[int, ...]] = {
    "ap-guangzhou": (3, 4, 6),
    "ap-shanghai": (2, 4, 5),
    "ap-nanjing": (1, 2, 3),
    "ap-beijing": (3, 5, 6),
    "ap-chengdu": (1, 2),
    "ap-chongqing": (1,),
    "ap-hongkong": (2, 3),
    "ap-singapore": (1, 3),
    "ap-mumbai": (2,),
    "na-siliconvalley": (2,),
    "na-ashburn": (2,),
    "eu-frankfurt": (1,),
}

ZONES: dict[str, Zone] = {
    f"{region}-{number}": Zone(
        f"{region}-{number}",
        region,
        f"{(index + 1) * 10000 + number}",
        f"{REGIONS[region].title.split('(')[-1].rstrip(')')} Zone {number}",
    )
    for index, (region, numbers) in enumerate(_ZONE_NUMBERS.items())
    for number in numbers
}


def _type(name: str, gpu: str, gpus: float, cpus: int, memory_gb: int, low: str, high: str) -> InstanceType:
    family = name.split(".")[0]
    title = f"GPU {family}" if gpus else f"Standard {family}"
    return InstanceType(name, family, title, gpu, gpus, cpus, memory_gb, Decimal(low), Decimal(high))


INSTANCE_TYPES: dict[str, InstanceType] = {
    item.name: item
    for item in (
        _type("GN7.2XLARGE32", "Tesla T4", 1, 8, 32, "7.81", "8.68"),
        _type("GN7.5XLARGE80", "Tesla T4", 1, 20, 80, "12.50", "13.89"),
        _type("GN7.8XLARGE128", "Tesla T4", 1, 32, 128, "17.18", "19.10"),
        _type("GN7.10XLARGE160", "Tesla T4", 2, 40, 160, "24.99", "27.78"),
        _type("GN7.20XLARGE320", "Tesla T4", 4, 80, 320, "49.98", "55.55"),
        _type("GN7.LARGE20", "Tesla T4 vGPU 1/4", 0.25, 4, 20, "3.05", "3.39"),
        _type("GN7.2XLARGE40", "Tesla T4 vGPU 1/2", 0.5, 10, 40, "6.25", "6.94"),
        _type("GI3X.8XLARGE64", "Tesla T4", 1, 32, 64, "9.58", "9.58"),
        _type("GN8.LARGE56", "Tesla P40", 1, 6, 56, "12.07", "15.09"),
        _type("GN10Xp.2XLARGE40", "Tesla V100", 1, 10, 40, "11.98", "11.98"),
        _type("GN10X.2XLARGE40", "Tesla V100", 1, 8, 40, "16.21", "18.04"),
        _type("GT4.4XLARGE96", "A100", 1, 16, 96, "28.64", "28.64"),
        # No list price of the small standard types was at hand; these two let tests run a machine without a GPU.
        _type("S5.MEDIUM4", "", 0, 2, 4, "0.35", "0.40"),
        _type("S5.LARGE8", "", 0, 4, 8, "0.70", "0.80"),
    )
}

# Zones that the GPU pages name for GN7; Guangzhou 6 is where recent accounts see it.
_GN7_ZONES = (
    *("ap-guangzhou-3", "ap-guangzhou-4", "ap-guangzhou-6", "ap-shanghai-2", "ap-shanghai-4", "ap-nanjing-1"),
    *("ap-nanjing-2", "ap-beijing-3", "ap-beijing-5", "ap-chengdu-1", "ap-chongqing-1", "ap-hongkong-2"),
    *("ap-singapore-1", "ap-mumbai-2", "na-siliconvalley-2", "na-ashburn-2", "eu-frankfurt-1"),
)

FAMILY_ZONES: dict[str, tuple[str, ...]] = {
    "GN7": _GN7_ZONES,
    "GI3X": ("ap-guangzhou-4", "ap-shanghai-4", "ap-nanjing-1"),
    "GN8": ("ap-guangzhou-3", "ap-shanghai-2", "ap-beijing-3"),
    "GN10Xp": ("ap-guangzhou-4", "ap-shanghai-4", "ap-nanjing-1", "ap-beijing-5"),
    "GN10X": ("ap-guangzhou-3", "ap-shanghai-2", "ap-beijing-5"),
    "GT4": ("ap-guangzhou-6", "ap-nanjing-1", "ap-beijing-6"),
    "S5": tuple(ZONES),
}

DISK_TYPES: dict[str, DiskType] = {
    item.name: item
    for item in (
        DiskType("CLOUD_PREMIUM", Decimal("0.0009"), data_min=10),
        DiskType("CLOUD_SSD", Decimal("0.0025")),
        DiskType("CLOUD_HSSD", Decimal("0.0021")),
        # No public price found; set between its neighbours.
        DiskType("CLOUD_BSSD", Decimal("0.0012")),
    )
}

# The price page has a lower price for CLOUD_SSD in Nanjing.
_NANJING_SSD = Decimal("0.0014")


def is_offered(zone: str, type_name: str) -> bool:
    """Whether the type is sold in the zone at all, in stock or not."""
    item = INSTANCE_TYPES.get(type_name)
    return item is not None and zone in FAMILY_ZONES[item.family]


def list_price(zone: str, type_name: str) -> Decimal:
    """CNY an hour, pay as you go."""
    item = INSTANCE_TYPES[type_name]
    return item.high if REGIONS[ZONES[zone].region].dear else item.low


def disk_price(zone: str, disk_type: str, size_gb: int) -> Decimal:
    """CNY an hour of a disk of that size."""
    per_gb = DISK_TYPES[disk_type].hourly_per_gb
    if disk_type == "CLOUD_SSD" and ZONES[zone].region == "ap-nanjing":
        per_gb = _NANJING_SSD
    return per_gb * size_gb


def snapshot_price(region: str, gigabytes: int) -> Decimal:
    """CNY an hour of stored snapshots; the price lists say it per month of 30 days."""
    return REGIONS[region].snapshot_month * gigabytes / HOURS_A_MONTH


@dataclass(frozen=True)
class PublicImage:
    image_id: str
    name: str
    os_name: str
    platform: str
    size_gb: int

    @property
    def snapshot_id(self) -> str:
        return "snap-" + self.image_id.removeprefix("img-")


# Names and ids as in Tencent's list of public images of early 2023; real ids change when images are refreshed.
PUBLIC_IMAGES: tuple[PublicImage, ...] = (
    PublicImage(
        "img-m07ny34j",
        "Windows Server 2022 数据中心版 64位中文版",
        "Windows Server 2022 DataCenter 64bit CN",
        "Windows",
        50,
    ),
    PublicImage(
        "img-9tzezztj",
        "Windows Server 2022 数据中心版 64位英文版",
        "Windows Server 2022 DataCenter 64bit EN",
        "Windows",
        50,
    ),
    PublicImage(
        "img-mmy6qctz",
        "Windows Server 2019 数据中心版 64位中文版",
        "Windows Server 2019 DataCenter 64bit CN",
        "Windows",
        50,
    ),
    PublicImage("img-l8og963d", "Ubuntu Server 20.04 LTS 64位", "Ubuntu Server 20.04 LTS 64bit", "Ubuntu", 20),
)

# 2023-02-01: when the list above was published.
_PUBLISHED = 1675209600.0


def public_images(region: str) -> list[Image]:
    """The public images as every region shows them."""
    return [
        Image(
            image_id=item.image_id,
            region=region,
            name=item.name,
            image_type="PUBLIC_IMAGE",
            platform=item.platform,
            os_name=item.os_name,
            size_gb=item.size_gb,
            created=_PUBLISHED,
            source="OFFICIAL",
            snapshot_ids=(item.snapshot_id,),
        )
        for item in PUBLIC_IMAGES
    ]


def public_snapshot(snapshot_id: str, region: str) -> Snapshot | None:
    """The snapshot behind a public image: it can be looked up by its id, and belongs to nobody's bill."""
    for item in PUBLIC_IMAGES:
        if item.snapshot_id == snapshot_id:
            return Snapshot(
                snapshot_id=snapshot_id,
                region=region,
                zone=next(zone.name for zone in ZONES.values() if zone.region == region),
                disk_id="",
                disk_usage="SYSTEM_DISK",
                size_gb=item.size_gb,
                used_gb=item.size_gb,
                name=item.name,
                created=_PUBLISHED,
                seconds=0,
                state="NORMAL",
                ready=True,
            )
    return None
