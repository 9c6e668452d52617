"""What an update leaves behind: for people, and for the next update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pulumi

from components.announcement import cost
from components.capture import Capture
from components.claim import Claim
from components.effects import AT_LAUNCH, TOLD, digests
from components.firewall import operator_rules
from components.lifecycle import Plan
from components.machine import Machine
from components.network import Network
from components.prior import SCHEMA, Prior
from components.readiness import Waited
from components.rules import RDP_PORT
from components.settings import Settings
from tencent.facts import Facts


@dataclass(frozen=True)
class Now:
    """What is true at the end of this update: of the `living` machine, if it lived before, what `prior` told of it.

    `waited` says whether the machine was told today's settings, `as_of` when the caller's own address was sent.
    """

    prior: Prior
    living: bool
    waited: pulumi.Output[Waited]
    as_of: str = ""


def stack_outputs(
    plan: Plan,
    settings: Settings,
    facts: Facts,
    region: str,
    network: Network,
    machine: Machine | None,
    captures: Sequence[Capture],
    claim: Claim,
    parked: pulumi.Output[bool],
    now: Now,
) -> dict[str, pulumi.Input[Any]]:
    """Prices are texts in CNY, "unknown" where they could not be looked up."""
    prices = cost(plan, settings, facts, region)
    outputs: dict[str, pulumi.Input[Any]] = {
        "schema": SCHEMA,
        "state": settings.state,
        "zone": plan.zone,
        "captures": [
            {"generation": each.generation, "machineId": each.machine_id, "imageId": capture.image_id}
            for each, capture in zip(plan.captures, captures, strict=True)
        ],
        "vpcId": network.vpc_id,
        "subnetId": network.subnet_id,
        "securityGroupId": network.security_group_id,
        # Once they stand: after an update that failed the last ones do.
        "ingress": network.rules.id.apply(lambda _: [asdict(rule) for rule in operator_rules(settings, now.as_of)]),
        "hourlyPrice": "unknown" if prices.hourly is None else f"{prices.hourly:.2f}",
        "parkedMonthlyPrice": "unknown" if prices.parked_monthly is None else f"{prices.parked_monthly:.2f}",
    }
    if claim.identity:
        outputs["identity"] = claim.identity.name
        # Told only once everything stands: an update that fails, and a destroy, leave what the last whole one told.
        whole = pulumi.Output.all(parked, *(capture.image_id for capture in captures), machine and machine.instance_id)
        edition, adopted = str(claim.identity.edition), settings.adopt
        outputs |= {"edition": whole.apply(lambda _: edition), "adopted": whole.apply(lambda _: adopted)}
    if plan.outdated:
        outputs["outdatedImages"] = list(plan.outdated)
    if machine and plan.machine:
        outputs |= {
            "record": plan.machine.record,
            "machineId": machine.instance_id,
            "address": machine.address,
            "rdpAddress": pulumi.Output.concat(machine.address, f":{RDP_PORT}"),
            **_what_the_machine_has(settings, machine, now),
        }
    return outputs


def _what_the_machine_has(settings: Settings, machine: Machine, now: Now) -> dict[str, pulumi.Input[Any]]:
    """The demo's port and login, and the settings that the machine has: today's only where it was told them."""
    prior = now.prior if now.living else None
    ours = (
        settings.demo_port,
        settings.demo_user,
        settings.login_password(pulumi.get_stack()),
        settings.chosen_api_key(pulumi.get_stack()),
        digests(settings, TOLD),
    )
    theirs = (prior.demo_port, prior.demo_user, prior.demo_password, prior.api_key, dict(prior.told)) if prior else ours
    port, user, password, api_key, told = (
        pulumi.Output.all(now.waited, new, old or new).apply(
            lambda values: values[1] if values[0].is_told else values[2]
        )
        for new, old in zip(ours, theirs, strict=True)
    )
    # What it really shows, once it was looked at; before that what it showed last, or is to show and else nothing.
    certificate = now.waited.apply(lambda one: one.certificate if one.is_told or not prior else prior.demo_certificate)
    unseen = prior.demo_tls if prior else settings.demo_tls
    scheme = now.waited.apply(lambda one: "https" if (one.certificate if one.is_told else unseen) else "http")
    launched = dict(prior.launched) if prior and prior.launched else digests(settings, AT_LAUNCH)
    return {
        "demoUrl": pulumi.Output.concat(scheme, "://", machine.address, ":", port.apply(str)),
        # A machine keeps the password that it was launched with: who changes the setting still gets in.
        "adminPassword": pulumi.Output.secret(settings.admin_password.get_secret_value()),
        "demoUser": user,
        "demoPassword": pulumi.Output.secret(password),
        "apiUrl": pulumi.Output.concat(scheme, "://", machine.address, ":", port.apply(str), "/v1"),
        "apiKey": pulumi.Output.secret(api_key),
        "toldSettings": told,
        "launchSettings": launched,
        **(_trusted(certificate) if settings.demo_tls or (prior and prior.demo_tls) else {}),
    }


def _trusted(certificate: pulumi.Output[str]) -> dict[str, pulumi.Input[Any]]:
    """What clients of the demo trust, and what a person compares with the browser's warning; empty: not known yet."""
    # Imported here, since a stack without TLS should not load the library for it.
    from line.demo_certificate import fingerprint

    return {
        "demoCertificate": certificate,
        "demoFingerprint": certificate.apply(lambda pem: fingerprint(pem) if pem else ""),
    }
