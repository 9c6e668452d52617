"""Tencent Cloud through its official SDK: the look-ups and deletions that the plug-in does not offer.

Few verbs, typed answers. Throttled calls are repeated, other refusals raise CloudError.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from components.cloud_errors import CloudError
from components.facts import (
    TAG_GENERATION,
    TAG_LAUNCH,
    TAG_MACHINE,
    TAG_STACK,
    DiskOffer,
    Image,
    Instance,
    Offer,
    Subnet,
)
from components.firewall import Rule
from components.names import parse_image_name

Answer = dict[str, Any]

_VERSIONS = {"cvm": "2017-03-12", "cbs": "2017-03-12", "vpc": "2017-03-12"}
_PAGE = 100
#: Codes after which the same call may succeed a moment later.
_PASSING = ("RequestLimitExceeded", "ClientNetworkError", "InternalError", "ServerNetworkError")
_READS = ("Describe", "Inquiry")


@dataclass(frozen=True)
class Access:
    """Keys and endpoint, taken from where the plug-in takes them: its configuration, then the environment."""

    secret_id: str
    secret_key: str
    token: str
    region: str
    protocol: str
    domain: str

    @classmethod
    def find(cls, config: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> Access | None:
        """Read `tencentcloud:` configuration, TENCENTCLOUD_* variables and tccli's profile; None without keys."""
        profile = _read_profile(environment)

        def value(key: str, default: str = "") -> str:
            variable = "TENCENTCLOUD_" + "".join(f"_{c}" if c.isupper() else c for c in key).upper()
            return config.get(f"tencentcloud:{key}") or environment.get(variable) or profile.get(key) or default

        secret_id, secret_key = value("secretId"), value("secretKey")
        if not (secret_id and secret_key):
            return None
        return cls(
            secret_id,
            secret_key,
            value("securityToken"),
            find_region(config, environment),
            value("protocol", "HTTPS"),
            value("domain", "tencentcloudapi.com"),
        )


def find_region(config: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> str:
    """The region as the plug-in would choose it."""
    chosen = config.get("tencentcloud:region") or environment.get("TENCENTCLOUD_REGION")
    return chosen or _read_profile(environment).get("region") or "ap-guangzhou"


def find_patience(environment: Mapping[str, str] = os.environ) -> float:
    """Seconds for which a call is repeated: half a minute, or less where the plug-in's own patience is shorter."""
    minutes = environment.get("TENCENTCLOUD_READ_RETRY_TIMEOUT", "")
    return min(30.0, int(minutes) * 60.0) if minutes.isdecimal() else 30.0


def _read_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """Keys and region of tccli's profile files, in the plug-in's names."""
    name = environment.get("TENCENTCLOUD_PROFILE") or "default"
    folder = Path(environment.get("TENCENTCLOUD_SHARED_CREDENTIALS_DIR") or Path.home() / ".tccli")
    found: dict[str, str] = {}
    for suffix in ("credential", "configure"):
        try:
            document = json.loads((folder / f"{name}.{suffix}").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        document |= document.get("_sys_param") or {}
        for key in ("secretId", "secretKey", "token", "region"):
            if isinstance(document.get(key), str):
                found["securityToken" if key == "token" else key] = document[key]
    return found


class Cloud:
    """One account in one region. Every verb raises CloudError when Tencent refuses or cannot be reached."""

    def __init__(self, access: Access, patience_seconds: float | None = None) -> None:
        self.region = access.region
        self._credential = Credential(access.secret_id, access.secret_key, access.token or None)
        http = HttpProfile(protocol=access.protocol.lower(), rootDomain=access.domain, reqTimeout=30)
        self._profile = ClientProfile(httpProfile=http, language="en-US")
        self._patience_seconds = find_patience() if patience_seconds is None else patience_seconds

    def call(self, service: str, action: str, **parameters: Any) -> Answer:
        """One API call by name. Reads are repeated after any passing failure, writes only when throttled."""
        passing = _PASSING if action.startswith(_READS) else _PASSING[:1]
        client = CommonClient(service, _VERSIONS[service], self._credential, self.region, profile=self._profile)
        retrying = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, CloudError) and e.code.startswith(passing)),
            wait=wait_exponential_jitter(multiplier=0.2, max=5),
            stop=stop_after_delay(self._patience_seconds),
            reraise=True,
        )
        return retrying(self._call_once, client, action, parameters)

    @staticmethod
    def _call_once(client: CommonClient, action: str, parameters: Answer) -> Answer:
        try:
            answer: Answer = client.call_json(action, parameters)["Response"]
        except TencentCloudSDKException as error:
            raise CloudError(action, error.code or "Unknown", error.message or "", error.requestId) from None
        return answer

    def _pages(self, service: str, action: str, rows: str, **parameters: Any) -> list[Answer]:
        found: list[Answer] = []
        while True:
            answer = self.call(service, action, Offset=len(found), Limit=_PAGE, **parameters)
            page = answer.get(rows) or []
            found += page
            if not page or len(found) >= (answer.get("TotalCount") or 0):
                return found

    def instances(self, stack: str, known: str = "") -> tuple[Instance, ...]:
        """The stack's machines, ending ones included: by tag, and the `known` one by its id, tagged or not."""
        filters = [{"Name": f"tag:{TAG_STACK}", "Values": [stack]}]
        tagged = tuple(map(_instance, self._pages("cvm", "DescribeInstances", "InstanceSet", Filters=filters)))
        untagged = self.instance(known) if known and all(machine.id != known for machine in tagged) else None
        return (*tagged, untagged) if untagged else tagged

    def instance(self, instance_id: str) -> Instance | None:
        filters = [{"Name": "instance-id", "Values": [instance_id]}]
        rows = self._pages("cvm", "DescribeInstances", "InstanceSet", Filters=filters)
        return _instance(rows[0]) if rows else None

    def images(self, stack: str) -> tuple[Image, ...]:
        """The stack's captures: by tag, and by name where a capture was cut off before it got its tags."""
        prefix = f"chatglm-{stack.rpartition('/')[2]}-"
        tagged = ((row, _tags(row).get(TAG_STACK)) for row in self._private_images())
        return tuple(
            _image(row) for row, tag in tagged if tag == stack or (tag is None and row["ImageName"].startswith(prefix))
        )

    def own_images(self) -> tuple[Image, ...]:
        """Every custom image of the account in the region, whoever made it."""
        return tuple(map(_image, self._private_images()))

    def _private_images(self) -> list[Answer]:
        filters = [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}]
        return self._pages("cvm", "DescribeImages", "ImageSet", Filters=filters)

    def image_quota(self) -> int:
        """How many custom images the account may have in the region."""
        return int(self.call("cvm", "DescribeImageQuota")["ImageNumQuota"])

    def image(self, image_id: str) -> Image | None:
        rows = self._pages("cvm", "DescribeImages", "ImageSet", Filters=[{"Name": "image-id", "Values": [image_id]}])
        return _image(rows[0]) if rows else None

    def public_image(self, matches: Callable[[str], bool], instance_type: str) -> str | None:
        """The newest public image that fits the type and whose name or system's name matches."""
        rows = self._pages(
            "cvm",
            "DescribeImages",
            "ImageSet",
            Filters=[{"Name": "image-type", "Values": ["PUBLIC_IMAGE"]}],
            InstanceType=instance_type,
        )
        fitting = [row for row in rows if matches(row["ImageName"] or "") or matches(row["OsName"] or "")]
        newest = max(fitting, key=lambda row: row.get("CreatedTime") or "", default=None)
        return newest["ImageId"] if newest else None

    def offers(self, zones: Iterable[str], charge_type: str, instance_type: str = "") -> tuple[Offer, ...]:
        """Stock and price of one type, or of every type with a whole GPU, in some zones."""
        filters = [
            {"Name": "zone", "Values": list(zones)},
            {"Name": "instance-charge-type", "Values": [charge_type]},
        ]
        if instance_type:
            filters.append({"Name": "instance-type", "Values": [instance_type]})
        rows = self.call("cvm", "DescribeZoneInstanceConfigInfos", Filters=filters)["InstanceTypeQuotaSet"] or []
        return tuple(_offer(row) for row in rows if instance_type or (row.get("GpuCount") or 0) >= 1)

    def disk_offer(self, zone: str, disk_type: str, family: str) -> DiskOffer | None:
        """What system disks of a type the zone takes; None where it takes none."""
        answer = self.call(
            "cbs",
            "DescribeDiskConfigQuota",
            InquiryType="INQUIRY_CVM_CONFIG",
            DiskChargeType="POSTPAID_BY_HOUR",
            DiskTypes=[disk_type],
            DiskUsage="SYSTEM_DISK",
            Zones=[zone],
            InstanceFamilies=[family],
        )
        sold = [row for row in answer.get("DiskConfigSet") or [] if row.get("Available")]
        if not sold:
            return None
        return DiskOffer(zone, sold[0]["MinDiskSize"], sold[0]["MaxDiskSize"], sold[0].get("StepSize") or 1)

    def disk_price(self, disk_type: str, size_gb: int) -> Decimal | None:
        """CNY an hour of one disk; None where Tencent gives no price."""
        answer = self.call(
            "cbs",
            "InquiryPriceCreateDisks",
            DiskChargeType="POSTPAID_BY_HOUR",
            DiskType=disk_type,
            DiskSize=size_gb,
        )
        price = answer.get("DiskPrice") or {}
        unit = price.get("UnitPriceDiscountHigh") or price.get("UnitPriceDiscount")
        return Decimal(str(unit)) if unit is not None else None

    def dry_run(self, parameters: Answer) -> None:
        """Ask RunInstances whether this launch would be taken. Buys nothing; raises CloudError if not."""
        self.call("cvm", "RunInstances", **parameters, DryRun=True)

    def terminate(self, instance_id: str) -> None:
        self.call("cvm", "TerminateInstances", InstanceIds=[instance_id])

    def delete_image(self, image: Image) -> None:
        """Delete an image and its snapshots: snapshots left behind go on costing money."""
        self.call("cvm", "DeleteImages", ImageIds=[image.id], DeleteBindedSnap=True)

    def snapshots(self, snapshot_ids: Iterable[str]) -> tuple[str, ...]:
        """Those of the snapshots that exist."""
        wanted = list(snapshot_ids)
        if not wanted:
            return ()
        filters = [{"Name": "snapshot-id", "Values": wanted}]
        rows = self._pages("cbs", "DescribeSnapshots", "SnapshotSet", Filters=filters)
        return tuple(row["SnapshotId"] for row in rows)

    def delete_snapshots(self, snapshot_ids: Iterable[str]) -> None:
        self.call("cbs", "DeleteSnapshots", SnapshotIds=list(snapshot_ids))

    def ingress(self, security_group_id: str) -> tuple[Rule, ...]:
        """The rules for what comes into a security group, in order."""
        answer = self.call("vpc", "DescribeSecurityGroupPolicies", SecurityGroupId=security_group_id)
        return tuple(map(_rule, answer["SecurityGroupPolicySet"].get("Ingress") or []))

    def delete_security_group(self, security_group_id: str) -> None:
        self.call("vpc", "DeleteSecurityGroup", SecurityGroupId=security_group_id)

    def subnets(self, vpc_id: str, name: str) -> tuple[Subnet, ...]:
        """The subnets of a VPC that carry a name."""
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
        # The VPC API takes its page numbers as texts.
        rows = self.call("vpc", "DescribeSubnets", Filters=filters, Offset="0", Limit=str(_PAGE))["SubnetSet"]
        return tuple(Subnet(row["SubnetId"], row["CidrBlock"]) for row in rows if row["SubnetName"] == name)

    def delete_subnet(self, subnet_id: str) -> None:
        self.call("vpc", "DeleteSubnet", SubnetId=subnet_id)

    def snapshot_overview(self) -> Answer:
        """GB of snapshots in the region: TotalSize, FreeQuota and RealTradeSize (what is billed)."""
        return self.call("cbs", "DescribeSnapshotOverview")


def ask(questions: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Put several questions at once. Gives the answers, and for those that failed the reason in words."""
    answers: dict[str, Any] = {}
    failures: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=max(len(questions), 1)) as pool:
        futures = {name: pool.submit(question) for name, question in questions.items()}
        for name, future in futures.items():
            try:
                answers[name] = future.result()
            except CloudError as error:
                failures[name] = error.reason
    return answers, failures


def _tags(row: Answer) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in row.get("Tags") or []}


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else datetime.fromtimestamp(0, UTC)


def _instance(row: Answer) -> Instance:
    return Instance(
        id=row["InstanceId"],
        state=row["InstanceState"],
        zone=row["Placement"]["Zone"],
        image_id=row["ImageId"],
        launch=_tags(row).get(TAG_LAUNCH, "unknown"),
        created=_time(row.get("CreatedTime")),
        address=next(iter(row.get("PublicIpAddresses") or []), ""),
        disk_gb=(row.get("SystemDisk") or {}).get("DiskSize") or 0,
        subnet_id=(row.get("VirtualPrivateCloud") or {}).get("SubnetId") or "",
    )


def _image(row: Answer) -> Image:
    """An image of a stack. Its name repeats generation and machine for the case that it never got its tags."""
    tags = _tags(row)
    generation, machine_id = parse_image_name(row["ImageName"])
    return Image(
        id=row["ImageId"],
        name=row["ImageName"],
        state=row["ImageState"],
        created=_time(row.get("CreatedTime")),
        size_gb=row.get("ImageSize") or 0,
        machine_id=tags.get(TAG_MACHINE, machine_id),
        generation=int(tags.get(TAG_GENERATION, generation)),
        snapshot_ids=tuple(snapshot["SnapshotId"] for snapshot in row.get("SnapshotSet") or []),
    )


def _rule(row: Answer) -> Rule:
    cidr = row.get("CidrBlock") or row.get("Ipv6CidrBlock") or ""
    description = row.get("PolicyDescription") or ""
    return Rule(row["Action"], cidr, row.get("Protocol") or "ALL", row.get("Port") or "ALL", description)


def _offer(row: Answer) -> Offer:
    price = row.get("Price") or {}
    unit = price.get("UnitPriceDiscount", price.get("UnitPrice"))
    return Offer(
        zone=row["Zone"],
        instance_type=row["InstanceType"],
        in_stock=row["Status"] == "SELL",
        price=Decimal(str(unit)) if unit is not None else None,
        reason=row.get("SoldOutReason") or "",
    )
