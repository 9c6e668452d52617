"""Tencent Cloud through its official SDK: the look-ups and deletions that the plug-in does not offer.

Few verbs, typed answers. Throttled calls are repeated, other refusals raise CloudError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from tencent.access import Access, AssumedRole, find_patience
from tencent.errors import LASTING, CloudError, name_cause
from tencent.facts import (
    NO_LAUNCH,
    TAG_EDITION,
    TAG_GENERATION,
    TAG_LAUNCH,
    TAG_MACHINE,
    TAG_OWNER,
    TAG_PARKED,
    TAG_STACK,
    DiskOffer,
    Image,
    Instance,
    Offer,
    Subnet,
)
from tencent.firewall import Rule
from tencent.names import parse_image_name
from tencent.session import Keys, Session

Answer = dict[str, Any]

_VERSIONS = {
    "cvm": "2017-03-12",
    "cbs": "2017-03-12",
    "vpc": "2017-03-12",
    "tag": "2018-08-13",
    "tat": "2020-10-28",
    "sts": "2018-08-13",
    "cam": "2019-01-16",
}
_PAGE = 100
#: Codes after which the same call may succeed a moment later.
_PASSING = ("RequestLimitExceeded", "ClientNetworkError", "InternalError", "ServerNetworkError")
_READS = ("Describe", "Inquiry", "Get")
#: What temporary keys answer once their time is over.
_EXPIRED = "AuthFailure.TokenFailure"


class Cloud:
    """One account in one region. Every verb raises CloudError when Tencent refuses or cannot be reached."""

    def __init__(self, access: Access, patience_seconds: float | None = None) -> None:
        self.access = access
        self.region = access.region
        self._session = Session(access, self._assume)
        http = HttpProfile(protocol=access.protocol.lower(), rootDomain=access.domain, reqTimeout=30)
        self._profile = ClientProfile(httpProfile=http, language="en-US")
        self._patience_seconds = find_patience() if patience_seconds is None else patience_seconds

    def regions(self) -> tuple[str, ...]:
        """The regions that can be used."""
        rows = self.call("cvm", "DescribeRegions")["RegionSet"] or []
        return tuple(row["Region"] for row in rows if row.get("RegionState") == "AVAILABLE")

    def call(self, service: str, action: str, **parameters: Any) -> Answer:
        """One API call by name. Reads are repeated after any passing failure, writes only when throttled."""
        keys = self._session.keys()
        try:
            return self._call(keys, service, action, parameters)
        except CloudError as error:
            if not (self._session.is_temporary and error.code.startswith(_EXPIRED)):
                raise
            self._session.renew(keys)
            return self._call(self._session.keys(), service, action, parameters)

    def _assume(self, keys: Keys, role: AssumedRole) -> Answer:
        return self._call(keys, "sts", "AssumeRole", role.request())

    def _call(self, keys: Keys, service: str, action: str, parameters: Answer) -> Answer:
        passing = _PASSING if action.startswith(_READS) else _PASSING[:1]
        credential = Credential(keys.secret_id, keys.secret_key, keys.token or None)
        client = CommonClient(service, _VERSIONS[service], credential, self.region, profile=self._profile)
        retrying = Retrying(
            retry=retry_if_exception(
                lambda e: isinstance(e, CloudError) and e.code.startswith(passing) and e.code not in LASTING
            ),
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
            code, message = error.code or "Unknown", error.message or ""
            raise CloudError(action, name_cause(code, message), message, error.requestId) from None
        return answer

    def in_region(self, region: str) -> Cloud:
        """The same caller in another region."""
        return Cloud(replace(self.access, region=region), self._patience_seconds)

    def account_id(self) -> str:
        """The main account's Uin (GetCallerIdentity): the same for its owner, its users, and roles of it."""
        return str(self.call("sts", "GetCallerIdentity")["AccountId"])

    def pages(self, service: str, action: str, rows: str, **parameters: Any) -> list[Answer]:
        """All rows of a list action, page by page."""
        found: list[Answer] = []
        while True:
            answer = self.call(service, action, Offset=len(found), Limit=_PAGE, **parameters)
            page = answer.get(rows) or []
            found += page
            if not page or len(found) >= (answer.get("TotalCount") or 0):
                return found

    def instance(self, instance_id: str) -> Instance | None:
        filters = [{"Name": "instance-id", "Values": [instance_id]}]
        rows = self.pages("cvm", "DescribeInstances", "InstanceSet", Filters=filters)
        return _instance(rows[0]) if rows else None

    def seen_machines(self, known: Iterable[str] = (), vpc_id: str = "") -> tuple[Instance, ...]:
        """Every machine in the region that any stack of this project marked, the `known` ones, and a VPC's.

        Ids and VPCs are asked besides the tags, since a search by tag may lag behind what was just made.
        """
        filters = [("tag-key", TAG_STACK), *([("vpc-id", vpc_id)] if vpc_id else [])]
        rows: dict[str, Answer] = {}
        for name, value in filters:
            rows |= self._machine_rows(name, value)
        for instance_id in set(known) - rows.keys():
            rows |= self._machine_rows("instance-id", instance_id)
        return tuple(map(_instance, rows.values()))

    def _machine_rows(self, name: str, value: str) -> dict[str, Answer]:
        filters = [{"Name": name, "Values": [value]}]
        found = self.pages("cvm", "DescribeInstances", "InstanceSet", Filters=filters)
        return {row["InstanceId"]: row for row in found}

    def mark(self, kind: str, resource_id: str, tags: Mapping[str, str]) -> None:
        """Write tags on a machine (`instance`) or an image (`image`); other tags stay as they are."""
        self.call(
            "tag",
            "ModifyResourceTags",
            Resource=f"qcs::cvm:{self.region}:uin/:{kind}/{resource_id}",
            ReplaceTags=[{"TagKey": key, "TagValue": value} for key, value in tags.items()],
        )

    def custom_images(self) -> tuple[Image, ...]:
        """Every custom image of the account in the region, whoever made it."""
        filters = [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}]
        return tuple(map(_image, self.pages("cvm", "DescribeImages", "ImageSet", Filters=filters)))

    def image_quota(self) -> int:
        """How many custom images the account may have in the region."""
        return int(self.call("cvm", "DescribeImageQuota")["ImageNumQuota"])

    def image(self, image_id: str) -> Image | None:
        rows = self.pages("cvm", "DescribeImages", "ImageSet", Filters=[{"Name": "image-id", "Values": [image_id]}])
        return _image(rows[0]) if rows else None

    def public_image(self, matches: Callable[[str], bool], instance_type: str) -> str | None:
        """The newest public image that fits the type and whose name or system's name matches."""
        rows = self.pages(
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

    def start(self, instance_id: str) -> None:
        self.call("cvm", "StartInstances", InstanceIds=[instance_id])

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
        rows = self.pages("cbs", "DescribeSnapshots", "SnapshotSet", Filters=filters)
        return tuple(row["SnapshotId"] for row in rows)

    def delete_snapshots(self, snapshot_ids: Iterable[str]) -> None:
        self.call("cbs", "DeleteSnapshots", SnapshotIds=list(snapshot_ids))

    def ingress(self, security_group_id: str) -> tuple[Rule, ...]:
        """The rules for what comes into a security group, in order."""
        answer = self.call("vpc", "DescribeSecurityGroupPolicies", SecurityGroupId=security_group_id)
        return tuple(map(_rule, answer["SecurityGroupPolicySet"].get("Ingress") or []))

    def delete_security_group(self, security_group_id: str) -> None:
        self.call("vpc", "DeleteSecurityGroup", SecurityGroupId=security_group_id)

    def has_vpc(self, vpc_id: str) -> bool:
        """Whether the VPC exists in this region."""
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
        return bool(self.call("vpc", "DescribeVpcs", Filters=filters, Offset="0", Limit="1").get("VpcSet"))

    def subnets(self, vpc_id: str, name: str) -> tuple[Subnet, ...]:
        """The subnets of a VPC that carry a name."""
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
        # The VPC API takes its page numbers as texts.
        rows = self.call("vpc", "DescribeSubnets", Filters=filters, Offset="0", Limit=str(_PAGE))["SubnetSet"]
        return tuple(Subnet(row["SubnetId"], row["CidrBlock"]) for row in rows if row["SubnetName"] == name)

    def network_part_exists(self, part_id: str) -> bool:
        """Whether a VPC, a subnet or a security group exists, by its id."""
        kind = part_id.partition("-")[0]
        action, name, rows = {
            "vpc": ("DescribeVpcs", "vpc-id", "VpcSet"),
            "subnet": ("DescribeSubnets", "subnet-id", "SubnetSet"),
            "sg": ("DescribeSecurityGroups", "security-group-id", "SecurityGroupSet"),
        }[kind]
        return bool(self.call("vpc", action, Filters=[{"Name": name, "Values": [part_id]}])[rows])

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
        launch=_tags(row).get(TAG_LAUNCH, NO_LAUNCH),
        created=_time(row.get("CreatedTime")),
        address=next(iter(row.get("PublicIpAddresses") or []), ""),
        disk_gb=(row.get("SystemDisk") or {}).get("DiskSize") or 0,
        subnet_id=(row.get("VirtualPrivateCloud") or {}).get("SubnetId") or "",
        vpc_id=(row.get("VirtualPrivateCloud") or {}).get("VpcId") or "",
        stack=_tags(row).get(TAG_STACK, ""),
        owner=_tags(row).get(TAG_OWNER, ""),
        edition=_tags(row).get(TAG_EDITION, ""),
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
        generation=_number(tags.get(TAG_GENERATION, ""), generation),
        snapshot_ids=tuple(snapshot["SnapshotId"] for snapshot in row.get("SnapshotSet") or []),
        stack=tags.get(TAG_STACK, ""),
        owner=tags.get(TAG_OWNER, ""),
        edition=tags.get(TAG_EDITION, ""),
        parked=tags.get(TAG_PARKED, ""),
    )


def _number(text: str, other: int) -> int:
    """What a tag says, which anybody can change by hand."""
    return int(text) if text.isdecimal() else other


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
