"""Checks before money is spent. Nothing here buys, changes or deletes: reads and dry runs only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from components.errors import SettingsError
from components.images import newest
from components.settings import Settings
from components.survey import NO_KEYS
from components.zones import candidate_zones
from line.tat import TatChannel
from operate.doctor.account import check_balance, check_clock, check_keys, check_permissions, check_spot_quota
from operate.doctor.answers import ask_cloud, dry_runs, try_launches
from operate.doctor.images import check_image_quota, check_snapshots, check_source
from operate.doctor.offers import check_disks, check_stock
from operate.doctor.reach import check_demo_certificate, check_own_address
from operate.elsewhere import find_elsewhere
from operate.findings import Finding, Verdict, failure, ok, warning
from operate.holdings import find_own, owner_of
from operate.inside import check_inside
from operate.machine_role import CHECK, check_machine_role
from operate.permissions import check
from operate.stacks import Stack
from operate.support import machine_secrets_of
from tencent.cloud import Cloud
from tencent.errors import CloudError
from words import phrase


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
    answers = ask_cloud(stack, settings, cloud, zones)
    image = answers.get("public image") if not answers.images else None
    source = settings.image_id or image or getattr(newest(answers.images), "id", "")
    runs = try_launches(cloud, settings, zones, source) if source else {}
    machine = max(answers.living, key=lambda one: one.created, default=None)
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
        *check_demo_certificate(stack, machine),
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
