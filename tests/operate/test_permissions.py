"""What a key may do, tried and read on a local cloud with users and policies."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from operate.doctor.examination import examine
from operate.findings import Finding, Verdict
from operate.permissions import Having, check, read_policies
from operate.stacks import Stack
from tencent.access import Access
from tencent.cloud import Cloud
from tencent.permissions import PERMISSIONS, policy_document

from .conftest import REGION, Chatglm, LocalCloud, make_stack

Intern = Callable[..., Stack]


@pytest.fixture
def intern(cloud: LocalCloud) -> Intern:
    """A stack with the keys of a sub-account; policies are attached to it."""

    def make(*documents: dict[str, Any]) -> Stack:
        cloud.control.clear_policies()
        keys = cloud.control.add_user("intern")
        for document in documents:
            cloud.control.add_policy(document, principal="intern")
        own = {"TENCENTCLOUD_SECRET_ID": keys.secret_id, "TENCENTCLOUD_SECRET_KEY": keys.secret_key}
        return make_stack(environment={**cloud.environment, **own})

    return make


def permissions(stack: Stack) -> list[Finding]:
    return [one for one in examine(stack, stack.cloud(patience_seconds=0.1)) if one.check == "permissions"]


def deny(action: str, resource: str = "*") -> dict[str, Any]:
    return {"version": "2.0", "statement": [{"effect": "deny", "action": [action], "resource": [resource]}]}


def text(findings: list[Finding], verdict: Verdict) -> str:
    return " ".join(one.text for one in findings if one.verdict is verdict)


def test_the_policy_that_is_printed_satisfies_every_check(intern: Intern) -> None:
    found = permissions(intern(policy_document()))
    assert {one.verdict for one in found} == {Verdict.OK}
    told = text(found, Verdict.OK)
    assert all(one.action in told for one in PERMISSIONS)
    assert "Allowed, by a read: cvm DescribeRegions, DescribeZones" in told
    assert "Allowed, by a dry run: cvm RunInstances" in told
    assert "Allowed, from the key's policies: " in told


def test_a_tag_service_that_is_denied_is_a_failure_although_it_has_only_writes_to_lose(intern: Intern) -> None:
    found = permissions(intern(deny("tag:*")))
    failed = text(found, Verdict.FAILURE)
    assert "tag DescribeResourceTagsByResourceIds (by a read)" in failed
    assert "tag ModifyResourceTags (from the key's policies)" in failed
    assert all("chatglm policy" in one.advice for one in found if one.verdict is Verdict.FAILURE)


def test_what_is_only_written_is_read_from_the_policy(intern: Intern) -> None:
    assert "cvm DeleteImages" in text(permissions(intern(deny("cvm:DeleteImages"))), Verdict.FAILURE)


def test_what_only_some_lives_need_is_a_warning(intern: Intern) -> None:
    found = permissions(intern(deny("cvm:StartInstances")))
    assert "cvm StartInstances" in text(found, Verdict.WARNING)
    assert text(found, Verdict.FAILURE) == ""


def test_a_policy_that_cannot_be_read_leaves_it_open_and_says_so(intern: Intern) -> None:
    found = permissions(intern(deny("cam:*")))
    told = text(found, Verdict.WARNING)
    assert "cvm TerminateInstances" in told
    assert "it has no harmless trial, and the policies cannot be read" in told
    assert "DescribeInstances" not in told  # that was tried


def test_a_denial_of_one_machine_is_not_taken_for_a_denial_of_all(intern: Intern) -> None:
    told = text(
        permissions(intern(deny("cvm:TerminateInstances", "qcs::cvm:::instance/ins-12345678"))), Verdict.WARNING
    )
    assert "some resources only" in told


def test_the_owner_of_the_account_may_do_everything(cloud: LocalCloud) -> None:
    assert {one.having for one in check(cloud.api, {})} == {Having.ALLOWED}
    assert read_policies(cloud.api).source == "as the account's owner"


def test_a_call_that_fails_otherwise_proves_nothing(cloud: LocalCloud, intern: Intern) -> None:
    stack = intern(deny("cam:*"))
    cloud.control.fault("DescribeVpcs", "error", code="InternalError", times=-1)
    checked = {one.permission.name: one for one in check(stack.cloud(patience_seconds=0.1), {})}
    cloud.control.clear_faults()
    assert checked["vpc:DescribeVpcs"].having is Having.UNKNOWN
    assert "its trial failed (InternalError)" in checked["vpc:DescribeVpcs"].how


def test_temporary_keys_of_a_role_have_no_policies_to_read(cloud: LocalCloud) -> None:
    arn = cloud.control.add_role("deployer")
    answer = cloud.api.call("sts", "AssumeRole", RoleArn=arn, RoleSessionName="test")["Credentials"]
    access = Access(
        answer["TmpSecretId"], answer["TmpSecretKey"], answer["Token"], REGION, "HTTP", "tencentcloudapi.com"
    )
    assert "temporary keys" in read_policies(Cloud(access)).source


def test_the_command_prints_the_policy_and_its_table(chatglm: Chatglm, cloud: LocalCloud) -> None:
    stack = replace(make_stack(), environment=cloud.environment)
    assert json.loads(chatglm(stack, "policy").stdout) == policy_document()
    assert "| `cvm:RunInstances` |" in chatglm(stack, "policy", "--table").stdout
