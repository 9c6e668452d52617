"""The hook behind the ignored changes: should the program ever let one through, it refuses.

The arguments are shaped as the engine passes them (captured from 3.259.0): numbers are floats, and a secret is an
Output, of which no two are equal even where their values are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pulumi
import pytest
from pulumi.output import UNKNOWN

from components.guards import RefusedError
from components.hooks import DANGEROUS_INPUTS, Hooks, refuse_dangerous_change, register_hooks
from components.lifecycle import Action, MachinePlan, Plan
from tencent.facts import Instance

INPUTS = {
    "availabilityZone": "ap-guangzhou-3",
    "disableAutomationService": False,
    "disableMonitorService": False,
    "disableSecurityService": False,
    "forceDelete": False,
    "hostname": "chatglm",
    "imageId": "img-m07ny34j",
    "instanceChargeType": "SPOTPAID",
    "instanceName": "chatglm-dev",
    "instanceType": "GN7.2XLARGE32",
    "internetMaxBandwidthOut": 100.0,
    "orderlySecurityGroups": ["sg-o9rt8bhv"],
    "systemDiskSize": 75.0,
    "systemDiskType": "CLOUD_SSD",
    "tags": {"chatglm-launch": "20261126-224440"},
}


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a loop of its own; `asyncio.run` would leave this thread without the one that Pulumi's mocks expect."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def ask(old: dict[str, Any], new: dict[str, Any], passwords: tuple[str, str] = ("Same-Pass-7", "Same-Pass-7")) -> None:
    """Call the hook from within an event loop, where alone Outputs can be made, as the engine's callback does."""

    async def hook() -> None:
        before = {**INPUTS, **old, "password": pulumi.Output.secret(passwords[0])}
        after = {**INPUTS, **new, "password": pulumi.Output.secret(passwords[1])}
        await refuse_dangerous_change(
            pulumi.ResourceHookArgs(
                urn="urn", id="ins-1", name="machine", type="t", old_inputs=before, new_inputs=after
            )
        )

    run(hook())


def test_two_secrets_of_one_value_are_not_equal_which_is_why_the_hook_looks_into_them() -> None:
    async def compare() -> bool:
        return bool(pulumi.Output.secret("same") == pulumi.Output.secret("same"))

    assert run(compare()) is False


@pytest.mark.parametrize("name", sorted(set(DANGEROUS_INPUTS) - {"password"}))
def test_a_change_that_would_wipe_stop_or_reboot_the_machine_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(RefusedError, match=f"ins-1 stays as it is .*{name}: it would"):
        ask({name: "old"}, {name: "new"})


def test_another_password_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"ins-1 stays as it is \(password: it would force the machine off\)"):
        ask({}, {}, ("Old-Password-7", "New-Password-8"))


@pytest.mark.parametrize(
    "new", [{"tags": {"team": "ml"}}, {"internetMaxBandwidthOut": 50.0}, {"instanceName": "chatglm-renamed"}]
)
def test_changes_that_leave_the_machine_alone_pass(new: dict[str, Any]) -> None:
    ask({}, new)


def test_what_an_adopted_machine_never_told_is_no_change() -> None:
    ask({"disableSecurityService": None, "keepImageLogin": None}, {"disableSecurityService": False})


def test_what_a_preview_does_not_know_yet_is_judged_in_the_update() -> None:
    ask({}, {"hostname": UNKNOWN})


# --- who is asked when -----------------------------------------------------------------------------------------


@dataclass
class Hook:
    """As much of a registered hook as these tests ask for: its name, what it calls, and whether previews do, too."""

    name: str
    callback: Any
    opts: pulumi.ResourceHookOptions | None = None

    @property
    def in_previews(self) -> bool:
        return bool(self.opts and self.opts.on_dry_run)


class Asked:
    """Guards that do nothing and remember what they were asked."""

    def __init__(self) -> None:
        self.deeds: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.deeds.append((name, *arguments))


LIVING = Instance("ins-1", "RUNNING", "z-3", "img-w", "L1", datetime(2026, 1, 2, tzinfo=UTC))
FRESH = MachinePlan("L2", "z-3", "img-w", "L2")
KEPT = MachinePlan("L1", "z-3", "img-w", "L1", LIVING)


@dataclass
class Registered:
    hooks: Hooks
    asked: Asked = field(default_factory=Asked)

    def call(self, resource: str, moment: str, **changes: Any) -> list[tuple[Any, ...]]:
        """Let the engine ask every hook of that moment, in order; what the guards were asked meanwhile."""
        before = len(self.asked.deeds)
        values = {"urn": "urn", "id": "", "name": "", "type": "t", "old_inputs": None, "new_inputs": None, **changes}
        for hook in getattr(getattr(self.hooks, resource), moment) or ():
            answer = hook.callback(pulumi.ResourceHookArgs(**values))
            if answer is not None:
                run(answer)
        return self.asked.deeds[before:]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pulumi, "ResourceHook", Hook)

    def registered(machine: MachinePlan | None = FRESH, refusal: str = "") -> Registered:
        asked = Asked()
        plan = Plan(Action.LAUNCH, "z-3", machine, refusal=refusal)
        hooks = register_hooks(asked, plan, lambda: asked.deeds.append(("claim",)))  # type: ignore[arg-type]
        return Registered(hooks, asked)

    return registered


def test_a_launch_asks_whether_the_claim_still_holds_and_a_preview_does_not(register: Any) -> None:
    made = register()
    assert made.call("machine", "before_create") == [("claim",)]
    by_name = {hook.name: hook.in_previews for hook in made.hooks.machine.before_create}
    assert by_name == {"refuse-creation": True, "keep-only-machine": True, "demand-claim": False}
    assert [hook.in_previews for hook in made.hooks.machine.before_update] == [True]
    assert [hook.in_previews for hook in made.hooks.machine.before_delete] == [False]


@pytest.mark.parametrize("resource", ["machine", "vpc", "subnet"])
def test_a_plan_that_is_refused_makes_nothing(register: Any, resource: str) -> None:
    made = register(refusal="sold out everywhere")
    with pytest.raises(RefusedError, match="sold out everywhere"):
        made.call(resource, "before_create")
    assert made.asked.deeds == []


def test_no_machine_is_made_beside_one_that_lives(register: Any) -> None:
    with pytest.raises(RefusedError, match="ins-1 lives, so no other machine is launched in its place"):
        register(KEPT).call("machine", "before_create")
    unseen = replace(KEPT, living=replace(LIVING, state="UNKNOWN"))
    assert register(unseen).call("machine", "before_create") == [("claim",)], "nobody looked whether it lives"


@pytest.mark.parametrize(
    ("machine", "name", "asked"),
    [
        (None, "machine-L1", [("end_machine", "ins-1")]),
        (FRESH, "machine-L1", [("end_machine", "ins-1")]),
        (KEPT, "machine-L1", [("end_machine", "ins-1")]),
        (replace(KEPT, record="L1-adopted"), "machine-L1", []),
        (replace(KEPT, living=replace(LIVING, id="ins-2")), "machine-L0", [("end_machine", "ins-1")]),
    ],
    ids=["parked", "another is launched", "destroyed", "declared under another name", "an earlier one"],
)
def test_a_machine_ends_through_the_guards_unless_only_its_record_goes(
    register: Any, machine: MachinePlan | None, name: str, asked: list[Any]
) -> None:
    assert register(machine).call("machine", "before_delete", id="ins-1", name=name) == asked


def test_a_capture_is_made_where_there_is_room_and_of_a_machine_at_rest(register: Any) -> None:
    made = register(None)
    asked = made.call("capture", "before_create", new_inputs={"instanceId": "ins-1"})
    assert asked == [("demand_image_quota",), ("settle_machine", "ins-1")]
    assert made.call("capture", "before_delete", name="capture-3") == [("retire_capture", "capture-3")]


def test_the_network_is_cleared_before_it_goes_and_the_images_are_seen_to_with_it(register: Any) -> None:
    made = register()
    old = {"name": "chatglm-dev"}
    assert made.call("vpc", "before_delete", id="vpc-1", old_inputs=old) == [
        ("end_stack",),
        ("clear_subnets", "vpc-1", "chatglm-dev"),
    ]
    wanted = {"vpcId": "vpc-1", "name": "chatglm-dev", "cidrBlock": "10.0.1.0/24"}
    assert made.call("subnet", "before_create", new_inputs=wanted) == [
        ("clear_subnets", "vpc-1", "chatglm-dev", "10.0.1.0/24")
    ]
    assert made.call("subnet", "before_delete", id="subnet-1") == [("end_strays", "subnet-1")]
    assert made.call("security_group", "before_delete", id="sg-1") == [("end_security_group", "sg-1")]
