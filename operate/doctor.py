"""Checks before money is spent. Nothing here buys, changes or deletes: reads and dry runs only."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import requests

from components.errors import SettingsError
from components.lifecycle import candidate_zones, newest
from components.rules import WINRM_PORT
from components.settings import Settings
from components.stock import QUOTA_REFUSALS, STOCK_REFUSALS, launch_request
from components.survey import NO_KEYS
from line.tat import TatChannel
from operate.elsewhere import find_elsewhere
from operate.findings import Finding, Verdict, failure, ok, refused, warning
from operate.holdings import find_own, owner_of, seen_machines, sort_own
from operate.inside import check_inside
from operate.machine_role import CHECK, check_machine_role, read_role
from operate.permissions import DENIED_CODES, Checked, Having, by_service, check
from operate.stacks import Stack
from operate.support import machine_secrets_of
from tencent.access import Access
from tencent.cloud import Cloud, ask
from tencent.errors import CloudError, explain, name_cause
from tencent.facts import DiskOffer, Image, Instance, Offer
from tencent.firewall import MY_PUBLIC_IP
from words import later, phrase

#: Tencent turns away a signature that is five minutes off (common error AuthFailure.SignatureExpire).
CLOCK_LIMIT_SECONDS = 300
CLOCK_WARNING_SECONDS = 60
_CONNECT_SECONDS = 3

_GRANT = later("Attach the policy that chatglm policy prints to the key's user, in CAM.")
_BALANCE = ("InvalidAccount", "AccountQualificationRestrictions")
_QUOTA = (*QUOTA_REFUSALS, "LimitExceeded.CvmInstanceQuota")


@dataclass(frozen=True)
class Answers:
    """What the cloud said to one round of questions: a value or a refusal for each."""

    given: Mapping[str, Any]
    others: str = ""  # what of the stack's name is another state's

    def get(self, name: str) -> Any:
        """The value, None where the question was refused."""
        found = self.given.get(name)
        return None if isinstance(found, CloudError) else found

    @property
    def refusals(self) -> dict[str, CloudError]:
        return {name: found for name, found in self.given.items() if isinstance(found, CloudError)}


def examine(
    stack: Stack, cloud: Cloud | None, find_agent: Callable[[], TatChannel | None] | None = None
) -> list[Finding]:
    """Every check, in the order in which a launch would meet the obstacles.

    A running machine that lets this computer not in is looked at from inside, where `find_agent` is given.
    """
    findings, settings = check_settings(stack) if stack.exists else ([_lost(stack)], None)
    if cloud is None or stack.access is None:
        return [
            *findings,
            failure("keys", phrase(NO_KEYS), phrase("Set both variables, or use the rehearsal: --stack local.")),
        ]
    findings += [check_clock(stack.access), *check_keys(cloud)]
    if any(one.check == "keys" and one.verdict is Verdict.FAILURE for one in findings):
        return findings  # the rest would only repeat these
    findings += check_left_behind(stack, cloud)
    if settings is None:
        return findings
    zones = candidate_zones(settings, stack.region)
    answers = _ask(stack, settings, cloud, zones)
    image = answers.get("public image") if not _images(answers) else None
    source = settings.image_id or image or getattr(newest(_images(answers)), "id", "")
    runs = try_launches(cloud, settings, zones, source) if source else {}
    machine = max(_living(answers), key=lambda one: one.created, default=None)
    checked = check(cloud, dry_runs(cloud, runs, machine))
    own_address = check_own_address(settings, stack, machine)
    shut = machine is not None and machine.state == "RUNNING" and own_address.verdict is Verdict.FAILURE
    return [
        *findings,
        *([warning("ownership", answers.others, phrase("See docs/ownership.md."))] if answers.others else []),
        *check_permissions(checked, answers),
        *check_stock(settings, zones, answers, runs),
        *check_machine_role(settings.cam_role, answers.given.get(CHECK), runs.values()),
        check_balance(runs),
        check_spot_quota(settings, zones, answers, runs),
        *check_disks(settings, zones, answers),
        check_source(settings, answers, runs),
        check_image_quota(answers),
        check_snapshots(stack.region, answers),
        own_address,
        *(check_inside(find_agent(), partial(machine_secrets_of, stack)) if shut and find_agent else []),
    ]


def check_settings(stack: Stack) -> tuple[list[Finding], Settings | None]:
    """All settings, the password's and the networks' rules among them."""
    try:
        settings = stack.settings
    except SettingsError as error:
        return [failure("settings", f"{one.key}: {one.rule}", one.fix) for one in error.mistakes], None
    networks = ", ".join(settings.operator_cidrs)
    findings = [
        ok(
            "settings",
            phrase("All settings keep their rules; password well formed; open to {networks}.", networks=networks),
        )
    ]
    if "0.0.0.0/0" in settings.operator_cidrs:
        findings.append(
            warning(
                "settings",
                phrase("Remote desktop, WinRM and the demo are open to the whole internet."),
                phrase("Name your own address in chatglm:operatorCidrs."),
            )
        )
    return findings, settings


def _lost(stack: Stack) -> Finding:
    return failure(
        "stack",
        phrase("The backend holds no stack {stack!r}: it was removed, or it is of another backend.", stack=stack.name),
        phrase("See chatglm pulumi stack ls; what carries its name in the cloud is listed below."),
    )


def check_left_behind(stack: Stack, cloud: Cloud) -> list[Finding]:
    """What carries the stack's name where the stack does not look: in other regions, and anywhere if it is gone."""
    try:
        left, unseen = find_elsewhere(cloud, stack.id, owner_of(stack))
        told = [str(one) for one in left]
        if not stack.exists:
            here = find_own(stack, cloud)
            told += [
                phrase("machine {id}, {state}", id=one.id, state=phrase(one.state.lower()))
                for one in here.machines
                if one.alive
            ]
            told += [phrase("image {id} ({name})", id=one.id, name=one.name) for one in here.images]
    except CloudError as error:
        return [warning("left behind", phrase("Could not be looked for: {error}", error=error), phrase("Try again."))]
    findings = [
        warning(
            "left behind",
            phrase("{what}: it goes on costing money.", what=f"{one[0].upper()}{one[1:]}"),
            phrase("See chatglm cost."),
        )
        for one in told
    ]
    if unseen:
        findings.append(
            warning(
                "left behind",
                phrase("These regions did not answer: {unseen}.", unseen=", ".join(unseen)),
                phrase("Try again."),
            )
        )
    return findings or [ok("left behind", phrase("Nothing carries this stack's name in any other region."))]


def check_clock(access: Access, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Finding:
    """This computer's clock against the Date header of Tencent's own answer."""
    url = f"{access.protocol.lower()}://cvm.{access.domain}/"
    try:
        there = parsedate_to_datetime(requests.get(url, timeout=10).headers.get("date", ""))
    except requests.RequestException as error:
        cause, advice = explain(name_cause("ClientNetworkError", str(error)))
        return failure(
            "clock",
            phrase("{url} does not answer: {cause}.", url=url, cause=cause),
            phrase("{advice}.", advice=f"{advice[0].upper()}{advice[1:]}"),
        )
    except (ValueError, TypeError):
        return warning(
            "clock", phrase("{url} answers without a date.", url=url), phrase("Compare your clock yourself.")
        )
    seconds = abs((now() - there).total_seconds())
    text = phrase("This computer's clock and Tencent's differ by {seconds:.0f} s.", seconds=seconds)
    if seconds >= CLOCK_LIMIT_SECONDS:
        return failure(
            "clock", text, phrase("Set the clock (or switch on NTP): every call is turned away beyond 300 s.")
        )
    if seconds >= CLOCK_WARNING_SECONDS:
        return warning("clock", text, phrase("Set the clock; beyond 300 s every call is turned away."))
    return ok("clock", text)


def check_keys(cloud: Cloud) -> list[Finding]:
    """Whether the keys open anything at all, by the cheapest call."""
    try:
        cloud.call("cvm", "DescribeZones")
    except CloudError as error:
        if error.code.startswith(DENIED_CODES):
            return [ok("keys", phrase("The keys are valid."))]  # known, but not allowed: the permissions' business
        return [refused("keys", error)]
    return [ok("keys", phrase("The keys are valid, and {region} answers.", region=cloud.region))]


def _ask(stack: Stack, settings: Settings, cloud: Cloud, zones: Iterable[str]) -> Answers:
    family = settings.instance_type.partition(".")[0]
    pattern = re.compile(settings.image_name, re.IGNORECASE)
    questions: dict[str, Callable[[], Any]] = {
        "machines": lambda: seen_machines(stack, cloud),
        "images": cloud.custom_images,
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
    }
    if settings.cam_role:
        questions[CHECK] = partial(read_role, cloud, settings.cam_role, str(stack.outputs.get("identity") or ""))
    for zone in zones:
        questions[f"disk {zone}"] = partial(cloud.disk_offer, zone, settings.system_disk_type, family)
    given = _ask_all(questions)
    seen = {name: () if isinstance(given[name], CloudError) else given[name] for name in ("machines", "images")}
    own = sort_own(stack, seen["machines"], seen["images"])
    sorted_out = {"machines": own.machines, "images": own.images}
    return Answers(
        {**given, **{name: found for name, found in sorted_out.items() if not isinstance(given[name], CloudError)}},
        own.note(),
    )


def _ask_all(questions: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Put all questions at once; a refusal is an answer too, with its code and action."""

    def put(question: Callable[[], Any]) -> Any:
        try:
            return question()
        except CloudError as error:
            return error

    answers, _ = ask({name: partial(put, question) for name, question in questions.items()})
    return answers


def try_launches(cloud: Cloud, settings: Settings, zones: Iterable[str], image_id: str) -> dict[str, CloudError | None]:
    """A dry run of the launch in each zone: None where it would be taken, else the refusal. Buys nothing."""
    return _ask_all({zone: partial(cloud.dry_run, launch_request(settings, zone, image_id)) for zone in zones})


def dry_runs(
    cloud: Cloud, runs: Mapping[str, CloudError | None], machine: Instance | None
) -> dict[str, CloudError | None]:
    """The refusals of the dry runs, by the action's name in CAM. One that was allowed anywhere is allowed."""
    found: dict[str, CloudError | None] = {}
    if runs:
        found["cvm:RunInstances"] = next((one for one in runs.values() if one is None), next(iter(runs.values())))
    if machine is not None and machine.state == "RUNNING":
        capture = partial(
            cloud.call, "cvm", "CreateImage", ImageName="chatglm-doctor", InstanceId=machine.id, DryRun=True
        )
        answer = _ask_all({"capture": capture})["capture"]
        found["cvm:CreateImage"] = answer if isinstance(answer, CloudError) else None
    return found


def check_permissions(checked: Iterable[Checked], answers: Answers) -> list[Finding]:
    """What the key may do, and how that is known, every permission of the table."""
    groups: dict[tuple[Having, str, bool], list[str]] = {}
    for one in checked:
        sometimes = one.permission.sometimes and one.having is Having.DENIED
        groups.setdefault((one.having, one.how, sometimes), []).append(one.permission.name)
    findings = []
    for (having, how, sometimes), names in groups.items():
        listed = by_service(names)
        if having is Having.ALLOWED:
            findings.append(ok("permissions", phrase("Allowed, {how}: {listed}.", how=how, listed=listed)))
        elif having is Having.UNKNOWN:
            text = phrase("Not known whether the key may call {listed}: {how}.", listed=listed, how=how)
            findings.append(
                warning("permissions", text, phrase("Try again, or compare its policy with chatglm policy."))
            )
        elif sometimes:
            text = phrase(
                "The key may not call {listed} ({how}); only some lives need that, see docs/permissions.md.",
                listed=listed,
                how=how,
            )
            findings.append(warning("permissions", text, phrase(_GRANT)))
        else:
            findings.append(
                failure(
                    "permissions",
                    phrase("The key may not call {listed} ({how}).", listed=listed, how=how),
                    phrase(_GRANT),
                )
            )
    findings += [
        warning(
            "permissions",
            phrase("{action} (for {what}) failed: {error}", action=error.action, what=phrase(what), error=error),
            phrase("Try again."),
        )
        for what, error in answers.refusals.items()
        if not error.code.startswith(DENIED_CODES)
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
            findings.append(
                warning(
                    "stock",
                    phrase("{zone} does not sell {instance_type}.", zone=zone, instance_type=settings.instance_type),
                    phrase("It is passed over."),
                )
            )
        elif not offer.in_stock or (refusal and refusal.code.startswith(STOCK_REFUSALS)):
            findings.append(
                warning(
                    "stock",
                    phrase(
                        "{zone}: {instance_type} is sold out ({reason}).",
                        zone=zone,
                        instance_type=settings.instance_type,
                        reason=offer.reason or phrase("no reason"),
                    ),
                )
            )
        else:
            price = phrase("unknown price") if offer.price is None else phrase("{price:.2f} CNY/h", price=offer.price)
            findings.append(
                ok(
                    "stock",
                    phrase(
                        "{zone}: {instance_type} in stock, {price} ({charge_type}).",
                        zone=zone,
                        instance_type=settings.instance_type,
                        price=price,
                        charge_type=settings.charge_type,
                    ),
                )
            )
    if not any(one.verdict is Verdict.OK for one in findings):
        elsewhere = [
            phrase("{instance_type} in {zone}", instance_type=o.instance_type, zone=o.zone)
            for o in offers
            if o.in_stock
        ][:4]
        advice = (
            phrase("In stock now: {elsewhere}.", elsewhere=", ".join(elsewhere))
            if elsewhere
            else phrase("See chatglm prices, or try later.")
        )
        findings.append(failure("stock", phrase("No zone of this stack can launch the machine now."), advice))
    return findings


def check_balance(runs: Mapping[str, CloudError | None]) -> Finding:
    """By dry runs: a purchase freezes the fee of an hour, which the balance must cover."""
    refusals = [one for one in runs.values() if one and one.code.startswith(_BALANCE)]
    if refusals:
        return refused("balance", refusals[0])
    if any(one is None for one in runs.values()):
        return ok("balance", phrase("A launch would be taken: the balance covers the hour that Tencent freezes."))
    return warning(
        "balance",
        phrase("Unknown: every dry run of a launch was refused for another reason."),
        phrase("Mend those first."),
    )


def check_spot_quota(
    settings: Settings, zones: Iterable[str], answers: Answers, runs: Mapping[str, CloudError | None]
) -> Finding:
    refusals = [one for one in runs.values() if one and one.code.startswith(_QUOTA)]
    if refusals:
        return refused("spot quota", refusals[0])
    if settings.charge_type != "spot":
        return ok("spot quota", phrase("Not needed: chatglm:chargeType is hourly."))
    rows: list[Mapping[str, Any]] | None = answers.get("spot quota")
    if not rows:
        taken = any(one is None for one in runs.values())
        return (
            ok("spot quota", phrase("A launch would be taken."))
            if taken
            else warning(
                "spot quota", phrase("Unknown: Tencent gave no figures."), phrase("The default is 50 vCPUs a zone.")
            )
        )
    words = ", ".join(
        phrase(
            "{zone}: {remaining_quota} of {total_quota} vCPUs left",
            zone=row["Zone"],
            remaining_quota=row["RemainingQuota"],
            total_quota=row["TotalQuota"],
        )
        for row in rows
    )
    if all(row["RemainingQuota"] <= 0 for row in rows if row["Zone"] in tuple(zones)):
        return failure("spot quota", f"{words}.", phrase("Release spot machines, or ask Tencent for more."))
    return ok("spot quota", f"{words}.")


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
                warning(
                    "disk",
                    phrase(
                        "{zone} sells no {kind} system disk for {instance_type}.",
                        zone=zone,
                        kind=kind,
                        instance_type=settings.instance_type,
                    ),
                    phrase("Set chatglm:systemDiskType to CLOUD_PREMIUM, CLOUD_BSSD or CLOUD_HSSD."),
                )
            )
        elif offer.takes(size):
            findings.append(
                ok("disk", phrase("{zone}: {kind} of {size} GB is allowed.", zone=zone, kind=kind, size=size))
            )
        else:
            findings.append(
                failure(
                    "disk",
                    phrase(
                        "{zone} takes {kind} disks of {minimum} to {maximum} GB in steps of {step}, not {size}.",
                        zone=zone,
                        kind=kind,
                        minimum=offer.minimum,
                        maximum=offer.maximum,
                        step=offer.step,
                        size=size,
                    ),
                    phrase("Set chatglm:systemDiskGb accordingly."),
                )
            )
    return findings


def check_source(settings: Settings, answers: Answers, runs: Mapping[str, CloudError | None]) -> Finding:
    """The image that a launch would start from."""
    unfit = [one for one in runs.values() if one and "ImageId" in one.code]
    if unfit:
        return refused("image", unfit[0])
    captured = newest(one for one in _images(answers) if one.usable)
    if captured:
        too_small = captured.size_gb > settings.system_disk_gb
        text = phrase(
            "The next launch restores {captured} ({captured_id}, {size_gb} GB).",
            captured=captured.name,
            captured_id=captured.id,
            size_gb=captured.size_gb,
        )
        if too_small:
            return failure(
                "image",
                text,
                phrase(
                    "Set chatglm:systemDiskGb to {size_gb} or more; a disk cannot be smaller.", size_gb=captured.size_gb
                ),
            )
        return ok("image", text)
    if settings.image_id:
        return ok("image", phrase("The first launch uses {image_id}.", image_id=settings.image_id))
    if found := answers.get("public image"):
        return ok("image", phrase("The first launch uses the public image {found}.", found=found))
    return failure(
        "image",
        phrase("No public image matches {image_name!r}.", image_name=settings.image_name),
        phrase("Name one with chatglm:imageId or chatglm:imageName."),
    )


def check_image_quota(answers: Answers) -> Finding:
    quota, used = answers.get("image quota"), answers.get("all images")
    if quota is None or used is None:
        return warning("image quota", phrase("Unknown: it could not be looked up."), phrase("Try again."))
    text = phrase(
        "{used} of {quota} custom images of the region are used; a park makes one before it deletes one.",
        used=used,
        quota=quota,
    )
    if used >= quota:
        return failure(
            "image quota", text, phrase("Delete images that you do not need, with their snapshots, before you park.")
        )
    return ok("image quota", text)


def check_snapshots(region: str, answers: Answers) -> Finding:
    overview: Mapping[str, Any] | None = answers.get("snapshots")
    if overview is None:
        return warning(
            "free snapshots", phrase("Unknown: it could not be looked up."), phrase("Images are billed as snapshots.")
        )
    free, total, billed = (overview.get(key) for key in ("FreeQuota", "TotalSize", "RealTradeSize"))
    if free is None:
        return warning(
            "free snapshots", phrase("Tencent names no free amount."), phrase("Count on paying for the whole image.")
        )
    text = phrase(
        "{free:g} GB of snapshots are free in {region}; {total:g} GB are stored, {billed:g} GB billed.",
        free=free,
        region=region,
        total=total,
        billed=billed,
    )
    return ok("free snapshots", text)


def check_own_address(settings: Settings, stack: Stack, machine: Instance | None) -> Finding:
    """Whether this computer lies inside operatorCidrs, without asking any third party for its address."""
    if machine is not None and machine.state == "RUNNING" and machine.address:
        return _reaches(machine.address)
    if MY_PUBLIC_IP in settings.operator_cidrs:
        return ok(
            "own address", phrase("Tencent itself fills in the address that the update comes from (MY_PUBLIC_IP).")
        )
    # The rehearsal's machines are on this computer.
    rehearsal = stack.access is not None and stack.access.protocol.upper() == "HTTP"
    own = local_address("127.0.1.1" if rehearsal else stack.access.domain if stack.access else "")
    if own is not None and (own.is_global or rehearsal):
        inside = any(own in ipaddress.IPv4Network(one, strict=False) for one in settings.operator_cidrs)
        if inside:
            return ok("own address", phrase("This computer's address {own} is inside chatglm:operatorCidrs.", own=own))
        return failure(
            "own address",
            phrase(
                "This computer's address {own} is not inside {operator_cidrs}.",
                own=own,
                operator_cidrs=", ".join(settings.operator_cidrs),
            ),
            phrase("pulumi config set --path chatglm:operatorCidrs[0] {own}/32, or MY_PUBLIC_IP.", own=own),
        )
    return warning(
        "own address",
        phrase("Unknown: this computer is behind a router, and no third party is asked for its public address."),
        phrase("Compare your router's public address with chatglm:operatorCidrs, or use MY_PUBLIC_IP."),
    )


def _reaches(address: str) -> Finding:
    try:
        with socket.create_connection((address, WINRM_PORT), timeout=_CONNECT_SECONDS):
            return ok(
                "own address",
                phrase(
                    "The running machine lets this computer in ({address}:{port}).",
                    address=address,
                    port=WINRM_PORT,
                ),
            )
    except OSError as error:
        return failure(
            "own address",
            phrase(
                "{address}:{port} does not let this computer in ({reason}).",
                address=address,
                port=WINRM_PORT,
                reason=error.strerror or type(error).__name__,
            ),
            phrase(
                "Put your present address into chatglm:operatorCidrs and run pulumi up; or the "
                "machine is still starting."
            ),
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
