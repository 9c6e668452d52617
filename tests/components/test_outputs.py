"""What an update leaves behind: what is true of the machine now, and nothing of what has only been set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pulumi
import pytest
from pydantic import SecretStr

from components.capture import Capture, CaptureArgs
from components.claim import Claim
from components.effects import AT_LAUNCH, TOLD, as_it_stands, digests
from components.identity import Identity
from components.images import CapturePlan
from components.lifecycle import Action, MachinePlan, Plan
from components.machine import Machine, MachineArgs
from components.network import Network, NetworkArgs
from components.outputs import Now, stack_outputs
from components.prior import Prior
from components.readiness import Waited
from components.settings import Settings
from line.demo_certificate import fingerprint, make
from tencent.facts import Facts, Instance
from tencent.ownership import Edition, Owner

ZONE, REGION = "ap-guangzhou-3", "ap-guangzhou"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
OWNER = Owner("aaaaaaaaaaaa", Edition(4, "0123abcd"), "organization/chatglm/dev")
OURS = Identity(OWNER.identity, OWNER.edition)
LIVING = Instance("machine-l-id", "RUNNING", ZONE, "img-1", "l", NOW)
LAUNCHED = Settings(adminPassword="Correct-Horse-7", operatorCidrs=("203.0.113.7/32",))


def left(
    deploy, no_hooks, plan: Plan, settings: Settings, now: Now, identity: Identity | None = OURS
) -> dict[str, Any]:
    """The outputs' values, and which of them are secrets, by `secret NAME`."""
    names: list[str] = []

    def program() -> list[pulumi.Output[Any]]:
        network = Network("network", NetworkArgs(ZONE, settings, no_hooks))
        captures = [Capture(one.name, CaptureArgs(one, {}, no_hooks.capture, ())) for one in plan.captures]
        machine = None
        if plan.machine:
            machine = Machine("machine", MachineArgs(plan.machine, network, settings, "data", {}, no_hooks.machine))
        claim = Claim(OWNER, network, identity)
        told = stack_outputs(
            plan, settings, Facts(NOW), REGION, network, machine, captures, claim, pulumi.Output.from_input(True), now
        )
        names.extend(told)
        found = [pulumi.Output.from_input(value) for value in told.values()]
        return [*found, *(pulumi.Output.from_input(one.is_secret()) for one in found)]

    _, values = deploy(program)
    plain = dict(zip(names, values, strict=False))
    return plain | {f"secret {name}": value for name, value in zip(names, values[len(names) :], strict=True)}


def now_of(prior: Prior, *, living: bool, told: bool, certificate: str = "") -> Now:
    return Now(prior, living, pulumi.Output.from_input(Waited(told, certificate)), "2026-01-02 00:00:00 UTC")


LAUNCH = Plan(Action.LAUNCH, ZONE, MachinePlan("l", ZONE, "img-1", "l"))
KEEP = Plan(Action.KEEP, ZONE, MachinePlan("l", ZONE, "img-1", "l", LIVING))
PARKED = Plan(Action.STAY_PARKED, ZONE, None, (CapturePlan(2, "ins-1", "img-2"),))


def test_a_launched_machine_has_todays_settings(deploy, no_hooks) -> None:
    told = left(deploy, no_hooks, LAUNCH, LAUNCHED, now_of(Prior(), living=False, told=False))
    assert (told["machineId"], told["record"], told["state"]) == ("machine-l-id", "l", "running")
    assert told["demoUrl"] == "http://127.0.1.5:7860"
    assert told["adminPassword"] == "Correct-Horse-7"
    assert told["demoPassword"] == LAUNCHED.login_password("dev")
    assert told["launchSettings"] == digests(LAUNCHED, AT_LAUNCH)
    assert told["toldSettings"] == digests(LAUNCHED, TOLD)


def test_secrets_are_marked_and_nothing_else_holds_them(deploy, no_hooks) -> None:
    told = left(deploy, no_hooks, LAUNCH, LAUNCHED, now_of(Prior(), living=False, told=False))
    secret = {name.removeprefix("secret ") for name, value in told.items() if name.startswith("secret ") and value}
    assert {"adminPassword", "demoPassword", "apiKey"} <= secret
    held = {told["adminPassword"], told["demoPassword"], told["apiKey"]}
    plain = [str(value) for name, value in told.items() if name not in secret and not name.startswith("secret ")]
    assert not [value for value in plain for one in held if one in value]


def launched_before(**changes: Any) -> Prior:
    return Prior(
        LIVING.id,
        machine_password="Correct-Horse-7",
        demo_password=LAUNCHED.login_password("dev"),
        api_key="key-of-the-launch",
        demo_user="chatglm",
        demo_port=7860,
        told=digests(LAUNCHED, TOLD),
        launched=digests(LAUNCHED, AT_LAUNCH),
        **changes,
    )


@pytest.mark.parametrize(("was_told", "port"), [(False, 7860), (True, 7999)])
def test_a_living_machine_has_new_settings_only_once_it_was_told(deploy, no_hooks, was_told: bool, port: int) -> None:
    changed = LAUNCHED.model_copy(update={"demo_port": 7999})
    told = left(deploy, no_hooks, KEEP, changed, now_of(launched_before(), living=True, told=was_told))
    assert told["demoUrl"].endswith(f":{port}")
    assert told["toldSettings"] == digests(changed if was_told else LAUNCHED, TOLD)


def test_a_living_machine_keeps_the_password_of_its_launch(deploy, no_hooks) -> None:
    prior = launched_before()
    changed = LAUNCHED.model_copy(update={"admin_password": SecretStr("Ch0sen-later!")})
    standing = as_it_stands(changed, prior, LIVING)
    told = left(deploy, no_hooks, KEEP, standing, now_of(prior, living=True, told=True))
    assert told["adminPassword"] == "Correct-Horse-7"
    assert told["launchSettings"] == digests(LAUNCHED, AT_LAUNCH)


def test_a_parked_stack_tells_its_captures_and_no_machine(deploy, no_hooks) -> None:
    told = left(deploy, no_hooks, PARKED, LAUNCHED, now_of(Prior(), living=False, told=False))
    assert [(row["generation"], row["machineId"]) for row in told["captures"]] == [(2, "ins-1")]
    assert not {"machineId", "demoUrl", "adminPassword", "demoPassword"} & set(told)


def test_identity_and_edition_stand_together_and_nothing_of_them_where_the_state_could_keep_none(
    deploy, no_hooks
) -> None:
    now = now_of(Prior(), living=False, told=False)
    told = left(deploy, no_hooks, PARKED, LAUNCHED, now)
    assert (told["identity"], told["edition"]) == ("aaaaaaaaaaaa", "4-0123abcd")
    assert not {"identity", "edition", "adopted"} & set(left(deploy, no_hooks, PARKED, LAUNCHED, now, None))


# The demo over HTTPS

TLS = LAUNCHED.model_copy(update={"demo_tls": True})
CERTIFICATE = make("127.0.1.5", NOW).certificate


def test_a_demo_over_https_is_told_with_what_to_trust(deploy, no_hooks) -> None:
    now = now_of(Prior(), living=False, told=True, certificate=CERTIFICATE)
    told = left(deploy, no_hooks, LAUNCH, TLS, now)
    assert (told["demoUrl"], told["apiUrl"]) == ("https://127.0.1.5:7860", "https://127.0.1.5:7860/v1")
    assert (told["demoCertificate"], told["demoFingerprint"]) == (CERTIFICATE, fingerprint(CERTIFICATE))
    assert "PRIVATE" not in str(told)


def test_one_that_nobody_has_looked_at_is_never_told_in_the_clear(deploy, no_hooks) -> None:
    told = left(deploy, no_hooks, LAUNCH, TLS, now_of(Prior(), living=False, told=False))
    assert told["demoUrl"].startswith("https:")
    assert (told["demoCertificate"], told["demoFingerprint"]) == ("", "")


def test_a_machine_that_was_not_told_shows_what_it_showed(deploy, no_hooks) -> None:
    before = launched_before(demo_tls=True, demo_certificate=CERTIFICATE)
    off = left(deploy, no_hooks, KEEP, LAUNCHED, now_of(before, living=True, told=False))
    assert (off["demoUrl"], off["demoCertificate"]) == ("https://127.0.1.5:7860", CERTIFICATE)
    on = left(deploy, no_hooks, KEEP, TLS, now_of(launched_before(), living=True, told=False))
    assert (on["demoUrl"], on["demoCertificate"]) == ("http://127.0.1.5:7860", "")


def test_what_the_machine_really_shows_counts_and_not_what_was_set(deploy, no_hooks) -> None:
    kept = left(deploy, no_hooks, KEEP, TLS, now_of(launched_before(), living=True, told=True))
    assert kept["demoUrl"].startswith("http:"), "it did not take the new settings"
    before = launched_before(demo_tls=True, demo_certificate=CERTIFICATE)
    off = left(deploy, no_hooks, KEEP, LAUNCHED, now_of(before, living=True, told=True))
    assert off["demoUrl"].startswith("http:")


def test_a_stack_without_it_has_no_such_outputs(deploy, no_hooks) -> None:
    told = left(deploy, no_hooks, LAUNCH, LAUNCHED, now_of(Prior(), living=False, told=True))
    assert not {"demoCertificate", "demoFingerprint"} & set(told)
