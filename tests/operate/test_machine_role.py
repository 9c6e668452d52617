"""The role with which a machine parks itself, looked at before a launch needs it."""

from __future__ import annotations

from typing import Any

import pytest

from operate.doctor.examination import examine
from operate.findings import Verdict
from operate.stacks import Stack
from tencent.permissions import ROLE_TRUST, is_carried_by_machines, judge_role, role_policy

from .conftest import LocalCloud, make_stack

ROLE, IDENTITY = "chatglm-machine", "0123456789abcdef"
ALL = {"version": "2.0", "statement": [{"effect": "allow", "action": ["*"], "resource": ["*"]}]}


@pytest.fixture
def stack(cloud: LocalCloud) -> Stack:
    config = {"chatglm:camRole": ROLE, "chatglm:idleMinutes": "30"}
    return make_stack(environment=cloud.environment, config=config, outputs={"identity": IDENTITY})


def told(stack: Stack, cloud: LocalCloud) -> list[tuple[Verdict, str]]:
    found = examine(stack, stack.cloud(patience_seconds=0.1))
    return [(one.verdict, one.text) for one in found if one.check == "CAM role"]


def test_a_role_with_the_policy_that_is_printed_is_well(stack: Stack, cloud: LocalCloud) -> None:
    cloud.control.add_role(ROLE)
    cloud.control.add_policy(role_policy(IDENTITY), principal=ROLE)
    assert told(stack, cloud) == [(Verdict.OK, f"{ROLE} lets the machine park itself, and reaches nothing else.")]


def test_a_stack_without_a_role_is_not_asked_about_one(cloud: LocalCloud) -> None:
    assert told(make_stack(environment=cloud.environment), cloud) == []


def test_a_role_that_nobody_made_is_a_failure(stack: Stack, cloud: LocalCloud) -> None:
    assert told(stack, cloud) == [(Verdict.FAILURE, f"There is no CAM role {ROLE!r}; a launch with it is refused.")]


def test_what_the_role_may_not_do_is_named(stack: Stack, cloud: LocalCloud) -> None:
    policy = role_policy(IDENTITY)
    policy["statement"] = [one for one in policy["statement"] if one["action"] != ["cvm:CreateImage"]]
    for statement in policy["statement"]:
        statement["action"] = [one for one in statement["action"] if one != "cvm:CreateImage"]
    cloud.control.add_role(ROLE)
    cloud.control.add_policy(policy, principal=ROLE)
    assert told(stack, cloud) == [(Verdict.FAILURE, "The machine may not call cvm CreateImage: it cannot park itself.")]


def test_a_role_of_another_stack_is_told(stack: Stack, cloud: LocalCloud) -> None:
    cloud.control.add_role(ROLE)
    cloud.control.add_policy(role_policy("fedcba9876543210"), principal=ROLE)
    [(verdict, text)] = told(stack, cloud)
    assert verdict is Verdict.FAILURE
    assert text == "cvm CreateImage, TerminateInstances, DeleteImages: allowed for another stack only."


def test_a_role_that_reaches_every_machine_is_a_warning(stack: Stack, cloud: LocalCloud) -> None:
    cloud.control.add_role(ROLE)
    cloud.control.add_policy(ALL, principal=ROLE)
    [(verdict, text)] = told(stack, cloud)
    assert verdict is Verdict.WARNING
    assert text.startswith("cvm CreateImage, TerminateInstances, DeleteImages: whatever runs on the machine")


def test_a_role_that_no_machine_may_carry_is_a_failure(stack: Stack, cloud: LocalCloud) -> None:
    cloud.control.add_role(ROLE, of_machines=False)
    cloud.control.add_policy(role_policy(IDENTITY), principal=ROLE)
    [(verdict, text)] = told(stack, cloud)
    assert (verdict, "its trust does not name cvm.qcloud.com" in text) == (Verdict.FAILURE, True)


@pytest.mark.parametrize("action", ["GetRole", "ListAttachedRolePolicies"])
def test_a_role_that_the_key_may_not_see_is_a_warning(stack: Stack, cloud: LocalCloud, action: str) -> None:
    cloud.control.add_role(ROLE)
    cloud.control.fault(action, "error", code="AuthFailure.UnauthorizedOperation", times=-1)
    [(verdict, text)] = told(stack, cloud)
    assert (verdict, action in text) == (Verdict.WARNING, True)


def test_where_cam_tells_nothing_the_dry_run_of_a_launch_does(stack: Stack, cloud: LocalCloud) -> None:
    cloud.control.fault("GetRole", "error", code="AuthFailure.UnauthorizedOperation", times=-1)
    [(verdict, text)] = told(stack, cloud)
    assert (verdict, "There is no CAM role of this name for machines" in text) == (Verdict.FAILURE, True)


def test_before_the_first_update_no_identity_is_looked_for() -> None:
    assert judge_role([role_policy("fedcba9876543210")], "").foreign == ()


@pytest.mark.parametrize("document", [{}, {"statement": []}, {"statement": {"effect": "deny"}}])
def test_a_trust_that_names_no_machines_lets_none_carry_it(document: dict[str, Any]) -> None:
    assert is_carried_by_machines(ROLE_TRUST)
    assert not is_carried_by_machines(document)
