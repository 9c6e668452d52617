"""The checks before money is spent, against a real local cloud that says no in every way it can."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operate.doctor.account import check_clock, check_spot_quota
from operate.doctor.answers import Answers
from operate.doctor.examination import examine
from operate.findings import Finding, Verdict
from operate.stacks import Stack
from tests.operate.conftest import Chatglm, LocalCloud, make_stack

ZONES = ("ap-guangzhou-3", "ap-guangzhou-4")
TYPE = "GN7.2XLARGE32"


@pytest.fixture
def bare(cloud: LocalCloud) -> Stack:
    """A stack that was never brought up."""
    return make_stack(environment=cloud.environment)


def find(findings: list[Finding], check: str) -> list[Finding]:
    return [one for one in findings if one.check == check]


def verdicts(findings: list[Finding], check: str) -> set[Verdict]:
    return {one.verdict for one in find(findings, check)}


def test_nothing_stands_in_the_way_of_a_first_launch(bare: Stack, cloud: LocalCloud) -> None:
    findings = examine(bare, cloud.api)
    assert {one.verdict for one in findings} == {Verdict.OK}, [one for one in findings if one.verdict is not Verdict.OK]
    checked = {one.check for one in findings}
    assert checked == {
        "settings", "clock", "keys", "permissions", "stock", "balance", "spot quota", "disk", "image", "image quota",
        "free snapshots", "own address", "left behind",
    }  # fmt: skip
    assert "1.74 CNY/h" in find(findings, "stock")[0].text


def test_it_buys_and_changes_nothing(bare: Stack, cloud: LocalCloud) -> None:
    before = len(cloud.control.journal())
    examine(bare, cloud.api)
    calls = cloud.control.journal()[before:]
    changing = [one for one in calls if not one.action.startswith(("Describe", "Inquiry", "Get", "List"))]
    assert {one.action for one in changing} == {"RunInstances"}
    assert all(one.params["DryRun"] for one in changing)
    assert cloud.control.meter().hourly_cny == 0


def test_an_empty_balance_is_told_with_what_to_do(bare: Stack, cloud: LocalCloud) -> None:
    cloud.control.set_balance(0.5)
    try:
        (found,) = find(examine(bare, cloud.api), "balance")
    finally:
        cloud.control.set_balance(1000)
    assert (found.verdict, "Top up" in found.advice) == (Verdict.FAILURE, True)


def test_one_sold_out_zone_is_a_warning_and_all_of_them_a_failure(bare: Stack, cloud: LocalCloud) -> None:
    cloud.control.set_stock(ZONES[0], TYPE, "SOLD_OUT")
    assert verdicts(examine(bare, cloud.api), "stock") == {Verdict.WARNING, Verdict.OK}
    cloud.control.set_stock(ZONES[1], TYPE, "SOLD_OUT")
    findings = examine(bare, cloud.api)
    assert Counter(one.verdict for one in find(findings, "stock")) == {Verdict.WARNING: 2, Verdict.FAILURE: 1}
    assert verdicts(findings, "balance") == {Verdict.WARNING}  # nothing could be tried


def test_a_used_up_spot_quota_is_found(bare: Stack, cloud: LocalCloud) -> None:
    cloud.control.set_quota("spot_vcpu", 4)
    try:
        (found,) = find(examine(bare, cloud.api), "spot quota")
    finally:
        cloud.control.set_quota("spot_vcpu", 50)
    assert found.verdict is Verdict.FAILURE


@pytest.mark.parametrize(("left", "verdict"), [(0, Verdict.FAILURE), (1, Verdict.OK)])
def test_a_spot_quota_is_used_up_when_nothing_is_left_of_it(bare: Stack, left: int, verdict: Verdict) -> None:
    rows = [{"Zone": ZONES[0], "RemainingQuota": left, "TotalQuota": 50}]
    assert check_spot_quota(bare.settings, ZONES, Answers({"spot quota": rows}), {}).verdict is verdict


def test_an_exhausted_image_quota_is_told_before_the_park_fails(bare: Stack, cloud: LocalCloud) -> None:
    cloud.control.set_quota("image", 0)
    try:
        (found,) = find(examine(bare, cloud.api), "image quota")
    finally:
        cloud.control.set_quota("image", 10)
    assert found.verdict is Verdict.FAILURE


def test_an_image_that_no_region_has_is_told(cloud: LocalCloud) -> None:
    stack = make_stack(environment=cloud.environment, config={"chatglm:imageName": "windows server 1999"})
    (found,) = find(examine(stack, cloud.api), "image")
    assert (found.verdict, "windows server 1999" in found.text) == (Verdict.FAILURE, True)


@pytest.mark.parametrize(
    ("code", "verdict"), [("UnauthorizedOperation", Verdict.FAILURE), ("InternalError", Verdict.WARNING)]
)
def test_a_key_that_may_not_look_and_a_cloud_that_cannot_are_told_apart(
    bare: Stack, cloud: LocalCloud, code: str, verdict: Verdict
) -> None:
    cloud.control.fault("DescribeVpcs", "error", code=code, times=-1)
    impatient = bare.cloud(patience_seconds=0.1)
    findings = find(examine(bare, impatient), "permissions")
    assert verdict in {one.verdict for one in findings}
    assert "DescribeVpcs" in " ".join(one.text for one in findings)


def test_a_launch_that_the_policy_forbids_is_a_matter_of_permissions(bare: Stack, cloud: LocalCloud) -> None:
    cloud.control.fault("RunInstances", "error", code="AuthFailure.UnauthorizedOperation", times=-1)
    (found,) = [one for one in find(examine(bare, cloud.api), "permissions") if one.verdict is Verdict.FAILURE]
    assert found.text == "The key may not call cvm RunInstances (by a dry run)."


def test_wrong_keys_end_the_examination_with_one_line(cloud: LocalCloud) -> None:
    stack = make_stack(environment={**cloud.environment, "TENCENTCLOUD_SECRET_KEY": "wrong"})
    findings = examine(stack, stack.cloud())
    assert [one.check for one in findings] == ["settings", "clock", "keys"]
    assert findings[-1].verdict is Verdict.FAILURE


def test_every_broken_setting_is_a_line_of_its_own(cloud: LocalCloud) -> None:
    wrong = {"chatglm:adminPassword": "short", "chatglm:operatorCidrs": '["0.0.0.0/0"]'}
    findings = examine(make_stack(environment=cloud.environment, config=wrong), cloud.api)
    assert sorted(one.text.partition(":")[2].partition(":")[0] for one in find(findings, "settings")) == [
        "adminPassword",
        "operatorCidrs",
    ]
    assert verdicts(findings, "settings") == {Verdict.FAILURE}


@pytest.mark.parametrize(("minutes", "verdict"), [(0, Verdict.OK), (2, Verdict.WARNING), (6, Verdict.FAILURE)])
def test_the_clock_is_compared_with_tencents_own_answer(bare: Stack, minutes: int, verdict: Verdict) -> None:
    assert bare.access is not None
    found = check_clock(bare.access, now=lambda: datetime.now(UTC) - timedelta(minutes=minutes))
    assert found.verdict is verdict


def test_a_cloud_that_cannot_be_reached_is_told(bare: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert bare.access is not None
    assert check_clock(bare.access).verdict is Verdict.FAILURE


def test_the_command_fails_when_a_check_does(chatglm: Chatglm, bare: Stack, cloud: LocalCloud) -> None:
    good = chatglm(bare, "doctor")
    assert (good.exit_code, "✓" in good.output) == (0, True)
    bad = chatglm(replace(bare, environment={}), "doctor", "--json")
    told: dict[str, Any] = json.loads(bad.stdout)
    # The variables of this process are not the stack's: it has no keys of its own.
    assert (bad.exit_code, told["ok"]) == (1, False)
