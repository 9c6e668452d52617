"""A whole life with a key that has the printed policy and nothing else, and the table against what was called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tencent.permissions import ALWAYS_ALLOWED, PERMISSIONS, policy_document
from tests.stacks import open_stack

from .conftest import LocalCloud

pytestmark = pytest.mark.e2e
#: What the command line asks, and no update.
_OF_THE_COMMAND_LINE = {
    "cvm:DescribeAccountQuota",
    "cvm:DescribeRegions",
    "cvm:DescribeZones",
    "cbs:DescribeDisks",
    "cbs:DescribeSnapshotOverview",
}


def test_the_policy_suffices_for_a_life_and_holds_little_else(cloud: LocalCloud, tmp_path: Path) -> None:
    keys = cloud.control.add_user("operator")
    cloud.control.add_policy(policy_document(), principal="operator")
    stack = open_stack(tmp_path / "stack", cloud.data, cloud.port)
    stack.environment |= {"TENCENTCLOUD_SECRET_ID": keys.secret_id, "TENCENTCLOUD_SECRET_KEY": keys.secret_key}

    for state in ("running", "parked", "running", "parked"):
        lived = stack.up(state)
        assert lived.ok, lived.text
    ended = stack.destroy()
    assert ended.ok, ended.text

    calls = cloud.control.journal()
    assert [(one.action, one.error) for one in calls if one.error and "Unauthorized" in one.error] == []
    called = {f"{one.service}:{one.action}" for one in calls} - set(ALWAYS_ALLOWED)
    assert called - {one.name for one in PERMISSIONS} == set()
    always = {one.name for one in PERMISSIONS if not one.sometimes}
    assert always - called - _OF_THE_COMMAND_LINE == set()
