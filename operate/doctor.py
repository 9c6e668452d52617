"""Checks before money is spent. Nothing here buys, changes or deletes: reads and dry runs only."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import partial
from typing import Any

import httpx
from rich.table import Table
from rich.text import Text

from components.cloud import Access, Cloud, ask
from components.cloud_errors import CloudError, explain
from components.facts import DiskOffer, Image, Instance, Offer
from components.lifecycle import candidate_zones, newest
from components.mistakes import SettingsError
from components.rules import MY_PUBLIC_IP, WINRM_PORT
from components.settings import Settings
from components.survey import NO_KEYS
from operate.stacks import Stack

#: Tencent turns away a signature that is five minutes off (common error AuthFailure.SignatureExpire).
CLOCK_LIMIT_SECONDS = 300
CLOCK_WARNING_SECONDS = 60
_CONNECT_SECONDS = 3

_DENIED = ("AuthFailure.UnauthorizedOperation", "UnauthorizedOperation")
_BALANCE = ("InvalidAccount", "AccountQualificationRestrictions")
_QUOTA = ("LimitExceeded.SpotQuota", "LimitExceeded.UserSpotQuota", "LimitExceeded.CvmInstanceQuota")
_STOCK = ("ResourceInsufficient.", "ResourcesSoldOut.", "ResourceUnavailable.InstanceType")


class Verdict(Enum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was checked, how it is, and what to do where it is not well."""

    check: str
    verdict: Verdict
    text: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"check": self.check, "verdict": self.verdict.value, "text": self.text, "advice": self.advice}


@dataclass(frozen=True)
class Answers:
    """What the cloud said to one round of questions: a value or a refusal for each."""

    given: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """The value, None where the question was refused."""
        found = self.given.get(name)
        return None if isinstance(found, CloudError) else found

    @property
    def refusals(self) -> dict[str, CloudError]:
        return {name: found for name, found in self.given.items() if isinstance(found, CloudError)}


def examine(stack: Stack, cloud: Cloud | None) -> list[Finding]:
    """Every check, in the order in which a launch would meet the obstacles."""
    findings, settings = check_settings(stack)
    if cloud is None or stack.access is None:
        return [*findings, _failure("keys", f"{NO_KEYS[0].upper()}{NO_KEYS[1:]}.", "Set both variables.")]
    findings += [check_clock(stack.access), *check_keys(cloud)]
    if settings is None or any(one.check == "keys" and one.verdict is Verdict.FAILURE for one in findings):
        # The rest would only repeat these.
        return findings
    zones = candidate_zones(settings, stack.region)
    answers = _ask(stack, settings, cloud, zones)
    image = answers.get("public image") if not _images(answers) else None
    source = settings.image_id or image or getattr(newest(_images(answers)), "id", "")
    runs = try_launches(cloud, settings, zones, source) if source else {}
    machine = max(_living(answers), key=lambda one: one.created, default=None)
    return [
        *findings,
        *check_permissions(cloud, answers, runs, machine),
        *check_stock(settings, zones, answers, runs),
        check_balance(runs),
        check_spot_quota(settings, zones, answers, runs),
        *check_disks(settings, zones, answers),
        check_source(settings, answers, runs),
        check_image_quota(answers),
        check_snapshots(stack.region, answers),
        check_own_address(settings, stack, machine),
    ]


def check_settings(stack: Stack) -> tuple[list[Finding], Settings | None]:
    """All settings, the password's and the networks' rules among them."""
    try:
        settings = stack.settings
    except SettingsError as error:
        return [_failure("settings", f"{one.key}: {one.rule}", one.fix) for one in error.mistakes], None
    networks = ", ".join(settings.operator_cidrs)
    findings = [_ok("settings", f"All settings keep their rules; password well formed; open to {networks}.")]
    if "0.0.0.0/0" in settings.operator_cidrs:
        findings.append(
            _warning(
                "settings",
                "Remote desktop, WinRM and the demo are open to the whole internet.",
                "Name your own address in chatglm:operatorCidrs.",
            )
        )
    return findings, settings


def check_clock(access: Access, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Finding:
    """This computer's clock against the Date header of Tencent's own answer."""
    url = f"{access.protocol.lower()}://cvm.{access.domain}/"
    try:
        date = httpx.get(url, timeout=10).headers.get("date", "")
        there = parsedate_to_datetime(date)
    except (httpx.HTTPError, ValueError, TypeError) as error:
        return _failure(
            "clock", f"{url} does not answer ({type(error).__name__}).", "Check the network and HTTP_PROXY/HTTPS_PROXY."
        )
    seconds = abs((now() - there).total_seconds())
    text = f"This computer's clock and Tencent's differ by {seconds:.0f} s."
    if seconds >= CLOCK_LIMIT_SECONDS:
        return _failure("clock", text, "Set the clock (or switch on NTP): every call is turned away beyond 300 s.")
    if seconds >= CLOCK_WARNING_SECONDS:
        return _warning("clock", text, "Set the clock; beyond 300 s every call is turned away.")
    return _ok("clock", text)


def check_keys(cloud: Cloud) -> list[Finding]:
    """Whether the keys open anything at all, by the cheapest call."""
    try:
        cloud.call("cvm", "DescribeZones")
    except CloudError as error:
        if error.code.startswith(_DENIED):
            return [_ok("keys", "The keys are valid.")]  # known, but not allowed: the permissions' business
        return [_refused("keys", error)]
    return [_ok("keys", f"The keys are valid, and {cloud.region} answers.")]


def _ask(stack: Stack, settings: Settings, cloud: Cloud, zones: Iterable[str]) -> Answers:
    family = settings.instance_type.partition(".")[0]
    pattern = re.compile(settings.image_name, re.IGNORECASE)
    questions: dict[str, Callable[[], Any]] = {
        "machines": lambda: cloud.instances(stack.id),
        "images": lambda: cloud.images(stack.id),
        "all images": lambda: cloud.call(
            "cvm", "DescribeImages", Filters=[{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}], Limit=1
        )["TotalCount"],
        "image quota": lambda: cloud.call("cvm", "DescribeImageQuota")["ImageNumQuota"],
        "stock": lambda: cloud.offers(zones, settings.instance_charge_type),
        "public image": lambda: cloud.public_image(lambda name: bool(pattern.search(name)), settings.instance_type),
        "spot quota": lambda: cloud.call(
            "cvm", "DescribeAccountQuota", Filters=[{"Name": "zone", "Values": list(zones)}]
        )["AccountQuotaOverview"]["AccountQuota"]["SpotPaidQuotaSet"],
        "snapshots": cloud.snapshot_overview,
        "networks": lambda: cloud.call("vpc", "DescribeVpcs", Limit="1"),
        "security groups": lambda: cloud.call("vpc", "DescribeSecurityGroups", Limit="1"),
    }
    for zone in zones:
        questions[f"disk {zone}"] = partial(cloud.disk_offer, zone, settings.system_disk_type, family)
    return Answers(_ask_all(questions))


def _ask_all(questions: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Put all questions at once; a refusal is an answer too, with its code and action."""

    def put(question: Callable[[], Any]) -> Any:
        try:
            return question()
        except CloudError as error:
            return error

    answers, _ = ask({name: partial(put, question) for name, question in questions.items()})
    return answers


def launch_request(settings: Settings, zone: str, image_id: str) -> dict[str, Any]:
    """RunInstances as an update would send it, but for network, tags and user data."""
    request: dict[str, Any] = {
        "Placement": {"Zone": zone},
        "InstanceType": settings.instance_type,
        "InstanceChargeType": settings.instance_charge_type,
        "ImageId": image_id,
        "InstanceCount": 1,
        "SystemDisk": {"DiskType": settings.system_disk_type, "DiskSize": settings.system_disk_gb},
        "InternetAccessible": {
            "InternetChargeType": "TRAFFIC_POSTPAID_BY_HOUR",
            "InternetMaxBandwidthOut": settings.bandwidth_mbps,
            "PublicIpAssigned": True,
        },
        "LoginSettings": {"Password": settings.admin_password.get_secret_value()},
        "HostName": settings.hostname,
    }
    if settings.spot_max_price:
        request["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {"MaxPrice": settings.spot_max_price, "SpotInstanceType": "one-time"},
        }
    return request


def try_launches(cloud: Cloud, settings: Settings, zones: Iterable[str], image_id: str) -> dict[str, CloudError | None]:
    """A dry run of the launch in each zone: None where it would be taken, else the refusal. Buys nothing."""
    return _ask_all({zone: partial(cloud.dry_run, launch_request(settings, zone, image_id)) for zone in zones})


def check_permissions(
    cloud: Cloud, answers: Answers, runs: Mapping[str, CloudError | None], machine: Instance | None
) -> list[Finding]:
    """What the key may do, as far as reads and dry runs can tell."""
    refusals = [*answers.refusals.values(), *(one for one in runs.values() if one)]
    tried = [*("reads", "RunInstances")[: 2 if runs else 1]]
    if machine is not None and machine.state == "RUNNING":
        try:
            cloud.call("cvm", "CreateImage", ImageName="chatglm-doctor", InstanceId=machine.id, DryRun=True)
        except CloudError as error:
            refusals.append(error)
        tried.append("CreateImage")
    lacking = sorted({one.action for one in refusals if one.code.startswith(_DENIED)})
    if lacking:
        return [
            _failure(
                "permissions",
                f"The key may not call {', '.join(lacking)}.",
                "Grant it these actions in CAM (QcloudCVMFullAccess, QcloudVPCFullAccess and QcloudCBSFullAccess do).",
            )
        ]
    others = "terminating, deleting images and changing networks have no harmless trial and were not tried"
    findings = [_ok("permissions", f"Allowed, by trial: {', '.join(tried)}; {others}.")]
    findings += [
        _warning("permissions", f"{error.action} (for {what}) failed: {error}", "Try again.")
        for what, error in answers.refusals.items()
    ]
    return findings


def check_stock(
    settings: Settings, zones: Iterable[str], answers: Answers, runs: Mapping[str, CloudError | None]
) -> list[Finding]:
    """Stock and price of the type in every candidate zone."""
    offers: tuple[Offer, ...] | None = answers.get("stock")
    if offers is None:
        return []
    findings = []
    for zone in zones:
        offer = next((o for o in offers if o.zone == zone and o.instance_type == settings.instance_type), None)
        refusal = runs.get(zone)
        if offer is None:
            findings.append(_warning("stock", f"{zone} does not sell {settings.instance_type}.", "It is passed over."))
        elif not offer.in_stock or (refusal and refusal.code.startswith(_STOCK)):
            findings.append(
                _warning("stock", f"{zone}: {settings.instance_type} is sold out ({offer.reason or 'no reason'}).")
            )
        else:
            price = "unknown price" if offer.price is None else f"{offer.price:.2f} CNY/h"
            findings.append(
                _ok("stock", f"{zone}: {settings.instance_type} in stock, {price} ({settings.charge_type}).")
            )
    if not any(one.verdict is Verdict.OK for one in findings):
        elsewhere = [f"{o.instance_type} in {o.zone}" for o in offers if o.in_stock][:4]
        advice = f"In stock now: {', '.join(elsewhere)}." if elsewhere else "See chatglm prices, or try later."
        findings.append(_failure("stock", "No zone of this stack can launch the machine now.", advice))
    return findings


def check_balance(runs: Mapping[str, CloudError | None]) -> Finding:
    """By dry runs: a purchase freezes the fee of an hour, which the balance must cover."""
    refusals = [one for one in runs.values() if one and one.code.startswith(_BALANCE)]
    if refusals:
        return _refused("balance", refusals[0])
    if any(one is None for one in runs.values()):
        return _ok("balance", "A launch would be taken: the balance covers the hour that Tencent freezes.")
    return _warning(
        "balance", "Unknown: every dry run of a launch was refused for another reason.", "Mend those first."
    )


def check_spot_quota(
    settings: Settings, zones: Iterable[str], answers: Answers, runs: Mapping[str, CloudError | None]
) -> Finding:
    refusals = [one for one in runs.values() if one and one.code.startswith(_QUOTA)]
    if refusals:
        return _refused("spot quota", refusals[0])
    if settings.charge_type != "spot":
        return _ok("spot quota", "Not needed: chatglm:chargeType is hourly.")
    rows: list[Mapping[str, Any]] | None = answers.get("spot quota")
    if not rows:
        taken = any(one is None for one in runs.values())
        return (
            _ok("spot quota", "A launch would be taken.")
            if taken
            else _warning("spot quota", "Unknown: Tencent gave no figures.", "The default is 50 vCPUs a zone.")
        )
    words = ", ".join(f"{row['Zone']}: {row['RemainingQuota']} of {row['TotalQuota']} vCPUs left" for row in rows)
    if all(row["RemainingQuota"] <= 0 for row in rows if row["Zone"] in tuple(zones)):
        return _failure("spot quota", f"{words}.", "Release spot machines, or ask Tencent for more.")
    return _ok("spot quota", f"{words}.")


def check_disks(settings: Settings, zones: Iterable[str], answers: Answers) -> list[Finding]:
    """Whether the system disk's type and size can be had in each zone."""
    findings = []
    for zone in zones:
        if f"disk {zone}" in answers.refusals:
            continue
        offer: DiskOffer | None = answers.get(f"disk {zone}")
        size, kind = settings.system_disk_gb, settings.system_disk_type
        if offer is None:
            findings.append(
                _warning(
                    "disk",
                    f"{zone} sells no {kind} system disk for {settings.instance_type}.",
                    "Set chatglm:systemDiskType to CLOUD_PREMIUM, CLOUD_BSSD or CLOUD_HSSD.",
                )
            )
        elif offer.minimum <= size <= offer.maximum and (size - offer.minimum) % offer.step == 0:
            findings.append(_ok("disk", f"{zone}: {kind} of {size} GB is allowed."))
        else:
            findings.append(
                _failure(
                    "disk",
                    f"{zone} takes {kind} disks of {offer.minimum} to {offer.maximum} GB in steps of {offer.step}, "
                    f"not {size}.",
                    "Set chatglm:systemDiskGb accordingly.",
                )
            )
    return findings


def check_source(settings: Settings, answers: Answers, runs: Mapping[str, CloudError | None]) -> Finding:
    """The image that a launch would start from."""
    unfit = [one for one in runs.values() if one and "ImageId" in one.code]
    if unfit:
        return _refused("image", unfit[0])
    captured = newest(one for one in _images(answers) if one.usable)
    if captured:
        too_small = captured.size_gb > settings.system_disk_gb
        text = f"The next launch restores {captured.name} ({captured.id}, {captured.size_gb} GB)."
        if too_small:
            return _failure(
                "image", text, f"Set chatglm:systemDiskGb to {captured.size_gb} or more; a disk cannot be smaller."
            )
        return _ok("image", text)
    if settings.image_id:
        return _ok("image", f"The first launch uses {settings.image_id}.")
    if found := answers.get("public image"):
        return _ok("image", f"The first launch uses the public image {found}.")
    return _failure(
        "image",
        f"No public image matches {settings.image_name!r}.",
        "Name one with chatglm:imageId or chatglm:imageName.",
    )


def check_image_quota(answers: Answers) -> Finding:
    quota, used = answers.get("image quota"), answers.get("all images")
    if quota is None or used is None:
        return _warning("image quota", "Unknown: it could not be looked up.", "Try again.")
    text = f"{used} of {quota} custom images of the region are used; a park makes one before it deletes one."
    if used >= quota:
        return _failure(
            "image quota", text, "Delete images that you do not need, with their snapshots, before you park."
        )
    return _ok("image quota", text)


def check_snapshots(region: str, answers: Answers) -> Finding:
    overview: Mapping[str, Any] | None = answers.get("snapshots")
    if overview is None:
        return _warning("free snapshots", "Unknown: it could not be looked up.", "Images are billed as snapshots.")
    free, total, billed = (overview.get(key) for key in ("FreeQuota", "TotalSize", "RealTradeSize"))
    if free is None:
        return _warning("free snapshots", "Tencent names no free amount.", "Count on paying for the whole image.")
    text = f"{free:g} GB of snapshots are free in {region}; {total:g} GB are stored, {billed:g} GB billed."
    return _ok("free snapshots", text)


def check_own_address(settings: Settings, stack: Stack, machine: Instance | None) -> Finding:
    """Whether this computer lies inside operatorCidrs, without asking any third party for its address."""
    if machine is not None and machine.state == "RUNNING" and machine.address:
        return _reaches(machine.address)
    if MY_PUBLIC_IP in settings.operator_cidrs:
        return _ok("own address", "Tencent itself fills in the address that the update comes from (MY_PUBLIC_IP).")
    # The rehearsal's machines are on this computer.
    rehearsal = stack.access is not None and stack.access.protocol.upper() == "HTTP"
    own = local_address("127.0.1.1" if rehearsal else stack.access.domain if stack.access else "")
    if own is not None and (own.is_global or rehearsal):
        inside = any(own in ipaddress.IPv4Network(one, strict=False) for one in settings.operator_cidrs)
        if inside:
            return _ok("own address", f"This computer's address {own} is inside chatglm:operatorCidrs.")
        return _failure(
            "own address",
            f"This computer's address {own} is not inside {', '.join(settings.operator_cidrs)}.",
            f"pulumi config set --path chatglm:operatorCidrs[0] {own}/32, or MY_PUBLIC_IP.",
        )
    return _warning(
        "own address",
        "Unknown: this computer is behind a router, and no third party is asked for its public address.",
        "Compare your router's public address with chatglm:operatorCidrs, or use MY_PUBLIC_IP.",
    )


def _reaches(address: str) -> Finding:
    try:
        with socket.create_connection((address, WINRM_PORT), timeout=_CONNECT_SECONDS):
            return _ok("own address", f"The running machine lets this computer in ({address}:{WINRM_PORT}).")
    except OSError as error:
        return _failure(
            "own address",
            f"{address}:{WINRM_PORT} does not let this computer in ({error.strerror or type(error).__name__}).",
            "Put your present address into chatglm:operatorCidrs and run pulumi up; or the machine is still starting.",
        )


def local_address(target: str) -> ipaddress.IPv4Address | None:
    """The address with which this computer goes out; nothing is sent (connecting a UDP socket only picks a route)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, 443))
            return ipaddress.IPv4Address(probe.getsockname()[0])
        except OSError:
            return None


def _images(answers: Answers) -> tuple[Image, ...]:
    return answers.get("images") or ()


def _living(answers: Answers) -> list[Instance]:
    return [one for one in answers.get("machines") or () if one.alive]


def _ok(check: str, text: str) -> Finding:
    return Finding(check, Verdict.OK, text)


def _warning(check: str, text: str, advice: str = "") -> Finding:
    return Finding(check, Verdict.WARNING, text, advice)


def _failure(check: str, text: str, advice: str) -> Finding:
    return Finding(check, Verdict.FAILURE, text, advice)


def _refused(check: str, error: CloudError) -> Finding:
    meaning, advice = explain(error.code)
    text = f"{meaning[0].upper()}{meaning[1:]} ({error.code})." if meaning else str(error)
    return _failure(check, text, f"{advice[:1].upper()}{advice[1:]}." if advice else "See Tencent's message above.")


_STYLES = {Verdict.OK: ("✓", "green"), Verdict.WARNING: ("!", "yellow"), Verdict.FAILURE: ("✗", "red")}


def render(findings: Iterable[Finding]) -> Table:
    """One line a check, with what to do below it."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column()
    for one in findings:
        mark, style = _STYLES[one.verdict]
        table.add_row(Text(mark, style), Text(one.check, "bold"), Text(one.text))
        if one.advice and one.verdict is not Verdict.OK:
            table.add_row("", "", Text(f"→ {one.advice}", style))
    return table
