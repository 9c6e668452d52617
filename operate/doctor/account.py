"""The account: its clock, keys, permissions, balance and quota of spot machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from components.settings import Settings
from components.stock import QUOTA_REFUSALS
from operate.doctor.answers import Answers
from operate.findings import Finding, failure, ok, refused, warning
from operate.permissions import DENIED_CODES, Checked, Having, by_service
from tencent.access import Access
from tencent.cloud import Cloud
from tencent.errors import CloudError, explain, name_cause
from words import later, phrase

#: Tencent turns away a signature that is five minutes off (common error AuthFailure.SignatureExpire).
CLOCK_LIMIT_SECONDS = 300
CLOCK_WARNING_SECONDS = 60
_GRANT = later("Attach the policy that chatglm policy prints to the key's user, in CAM.")
_BALANCE = ("InvalidAccount", "AccountQualificationRestrictions")
_QUOTA = (*QUOTA_REFUSALS, "LimitExceeded.CvmInstanceQuota")


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
